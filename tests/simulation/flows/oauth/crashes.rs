//! `kill -9` at any call while refresh tokens rotate: with a grace nothing is lost; without one a person may have to
//! authorise again, and is told so.

use std::{collections::BTreeSet, future::Future};

use super::*;
use crate::simulation::wires::{Cut, count_kubernetes};

/// Beside the new refresh token, the old one works for a minute.
const GRACEFUL: RefreshRotation = RefreshRotation::Rotates { grace: MINUTE };

fn on_virtual_time<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(story)
}

/// The first two minutes of an operator that crashes at that call, and how many calls they have.
async fn two_minutes(rotation: RefreshRotation, (call, cut): (usize, Cut)) -> (World, usize) {
    let mut world = installed(rotation);
    world.connection(&auth());
    let wire = std::sync::Arc::clone(&world.wire);
    world.kube.set_chaos(count_kubernetes(std::sync::Arc::clone(&wire)));
    wire.arm(call, cut);
    world.start();
    world.endure(2 * MINUTE).await;
    let calls = wire.calls();
    world.kube.clear_chaos();
    (world, calls)
}

fn every_crash() -> Vec<(usize, Cut)> {
    let (_, calls) = on_virtual_time(two_minutes(AT_ONCE, (usize::MAX, Cut::None)));
    assert!(calls > 20, "two minutes of {calls} calls prove little");
    (0..calls).flat_map(|call| [(call, Cut::Before), (call, Cut::After)]).collect()
}

#[test]
fn with_a_grace_no_crash_loses_the_authorisation() {
    for crash in every_crash() {
        on_virtual_time(async {
            let (world, _) = two_minutes(GRACEFUL, crash).await;
            let ready = world.ready("crmconnections", "portal");
            assert!(ready.starts_with("True/"), "{crash:?}: {ready}");
            // What is stored is what works: an operator that knows nothing else goes on with it an hour later.
            let mut world = world;
            world.kill().await;
            world.pass(HOUR).await;
            world.start();
            world.pass(MINUTE).await;
            assert!(world.ready("crmconnections", "portal").starts_with("True/"), "{crash:?}");
        });
    }
}

#[test]
fn without_a_grace_a_lost_token_is_told_and_a_new_one_heals_it() {
    let mut outcomes = BTreeSet::new();
    for crash in every_crash() {
        on_virtual_time(async {
            let (world, _) = two_minutes(AT_ONCE, crash).await;
            let ready = world.ready("crmconnections", "portal");
            let lost = !ready.starts_with("True/");
            outcomes.insert(lost);
            if lost {
                assert!(ready.starts_with("False/InvalidCredentials"), "{crash:?}: {ready}");
                for words in ["Secret tokens", "never arrived here", "authorise the app again"] {
                    assert!(ready.contains(words), "{crash:?}: {ready}");
                }
                authorise_again(&world);
                world.pass(MINUTE).await;
            }
            assert!(world.ready("crmconnections", "portal").starts_with("True/"), "{crash:?}");
        });
    }
    assert_eq!(outcomes, BTreeSet::from([false, true]), "some crashes fall between rotation and store, most do not");
}
