//! `kill -9` between any two calls of a day, to HubSpot, TEC and Kubernetes: in the evening everything is as on a calm day.

use std::{sync::Arc, time::Duration};

use super::{
    SECOND,
    day::Day,
    office::{Start, hooks},
};
use crate::simulation::wires::{Cut, count_kubernetes};

/// Longer than two intervals between looks, and than a start.
const PAUSE: Duration = Duration::from_secs(25);

/// One day with a crash at that call; how many calls the day has.
fn day_with(crash: Option<(usize, Cut)>, webhooks: bool) -> usize {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let mut day = Day::begin(Start { webhooks: webhooks.then(hooks), ..Start::default() }).await;
        let wire = Arc::clone(&day.office.world.wire);
        day.office.world.kube.set_chaos(count_kubernetes(Arc::clone(&wire)));
        let (call, cut) = crash.unwrap_or((usize::MAX, Cut::None));
        wire.arm(call, cut);
        day.live(PAUSE).await;
        day.office.world.endure(5 * SECOND).await;
        day.assert_well(&format!("{crash:?}, webhooks {webhooks}"));
        wire.calls()
    })
}

fn at_any_call(webhooks: bool) {
    let calls = day_with(None, webhooks);
    assert!(calls > 60, "a day of {calls} calls proves little");
    let all: Vec<(usize, Cut)> = (0..calls).flat_map(|call| [(call, Cut::Before), (call, Cut::After)]).collect();
    let shares = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for share in 0..shares {
            let mine = all.iter().copied().skip(share).step_by(shares);
            scope.spawn(move || {
                for crash in mine {
                    day_with(Some(crash), webhooks);
                }
            });
        }
    });
}

#[test]
fn a_crash_at_any_call_of_a_day_loses_nothing_and_does_nothing_twice() {
    at_any_call(false);
}

#[test]
fn nor_does_a_crash_at_any_call_with_webhooks() {
    at_any_call(true);
}
