//! How often a call is repeated, and when.

use std::time::Duration;

use crate::hubspot::{
    ErrorKind, HubSpot, Result,
    testing::{Bench, Reply, bench, limited, reply},
    wire::{
        properties::{NewGroup, PropertyUpdate},
        users::User,
    },
};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Read,
    Write,
    Create,
}

async fn call(hubspot: &HubSpot, kind: Kind) -> Result<()> {
    match kind {
        Kind::Read => hubspot.list_groups().await.map(|_| ()),
        Kind::Write => hubspot.update_property("x", &PropertyUpdate::default()).await.map(|_| ()),
        Kind::Create => {
            let name = crate::domain::GroupName::new("acme").unwrap();
            let group = NewGroup { name, label: "Acme".to_owned(), display_order: None };
            hubspot.create_group(&group).await.map(|_| ())
        }
    }
}

/// Sent how often, with what end.
async fn sent(kind: Kind, answer: Reply) -> (usize, &'static str) {
    let Bench { hubspot, script } = bench([answer]);
    let error = call(&hubspot, kind).await.unwrap_err();
    (script.seen().len(), error.category())
}

#[tokio::test(start_paused = true)]
async fn repeats_only_where_a_repeat_cannot_do_a_thing_twice() {
    use Kind::{Create, Read, Write};
    let rows = [
        (Read, Reply::Lost, (3, "unavailable")),
        (Write, Reply::Lost, (3, "ambiguous")),
        (Create, Reply::Lost, (1, "ambiguous")),
        (Read, Reply::NotSent, (3, "unreachable")),
        (Write, Reply::NotSent, (3, "unreachable")),
        (Create, Reply::NotSent, (3, "unreachable")),
        (Read, reply(502, "<html>"), (3, "unavailable")),
        (Write, reply(504, ""), (3, "ambiguous")),
        (Create, reply(504, ""), (1, "ambiguous")),
        (Create, reply(500, ""), (1, "ambiguous")),
        (Create, reply(521, ""), (1, "unavailable")),
        (Read, Reply::TooLarge, (1, "malformed")),
        (Read, reply(401, ""), (1, "unauthorized")),
        (Read, reply(400, ""), (1, "rejected")),
        (Read, reply(200, "{"), (1, "malformed")),
        (Read, reply(477, ""), (1, "busy")),
        (Write, reply(302, ""), (1, "redirected")),
        (Create, reply(409, ""), (1, "already_exists")),
        (Create, reply(423, ""), (2, "busy")),
        (Create, limited("TEN_SECONDLY_ROLLING"), (2, "rate_limited")),
        (Read, limited("SECONDLY"), (2, "rate_limited")),
        (Read, limited("DAILY"), (1, "quota_exhausted")),
    ];
    for (kind, answer, expected) in rows {
        assert_eq!(sent(kind, answer.clone()).await, expected, "{kind:?} {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_succeeds_is_a_success() {
    let group = r#"{"name":"acme","label":"Acme"}"#;
    for first in [Reply::NotSent, reply(423, ""), limited("SECONDLY")] {
        let Bench { hubspot, script } = bench([first, reply(201, group)]);
        call(&hubspot, Kind::Create).await.unwrap();
        assert_eq!(script.seen().len(), 2);
    }
    let Bench { hubspot, script } = bench([reply(502, ""), Reply::Lost, reply(200, r#"{"results":[]}"#)]);
    call(&hubspot, Kind::Read).await.unwrap();
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn pauses_are_short_and_refusals_are_waited_out() {
    let gaps = |bench: &Bench| {
        let at: Vec<_> = bench.script.seen().into_iter().map(|seen| seen.at).collect();
        at.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect::<Vec<_>>()
    };
    let bench_lost = bench([Reply::Lost]);
    call(&bench_lost.hubspot, Kind::Read).await.unwrap_err();
    for (n, gap) in (1u32..).zip(gaps(&bench_lost)) {
        let middle = Duration::from_millis(200) * n;
        assert!(gap >= middle / 2 && gap <= middle * 3 / 2 + Duration::from_millis(1), "{gap:?}");
    }
    for (answer, seconds) in [
        (reply(423, ""), 2),
        (limited("SECONDLY"), 1),
        (limited("TEN_SECONDLY_ROLLING"), 10),
        (limited("SECONDLY").header("Retry-After", "4"), 4),
        (limited("TEN_SECONDLY_ROLLING").header("Retry-After", "4"), 10),
        (limited("NEW_POLICY"), 10),
    ] {
        let bench = bench([answer.clone()]);
        call(&bench.hubspot, Kind::Read).await.unwrap_err();
        let gap = gaps(&bench)[0];
        let least = Duration::from_secs(seconds);
        assert!(gap >= least && gap < least + Duration::from_millis(50), "{answer:?}: {gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_an_error_at_once() {
    let Bench { hubspot, script } = bench([limited("SECONDLY").header("Retry-After", "3600")]);
    let started = tokio::time::Instant::now();
    for _ in 0..3 {
        let error = call(&hubspot, Kind::Read).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::RateLimited { retry_after, .. } if retry_after.as_secs() == 3600));
    }
    assert_eq!((script.seen().len(), started.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_correlation_id_comes_from_body_or_header() {
    let body = reply(400, r#"{"correlationId":"from-body"}"#).header("X-HubSpot-Correlation-Id", "from-header");
    let header = reply(502, "<html>").header("X-HubSpot-Correlation-Id", "from-header");
    let unreadable = reply(200, "[]").header("X-HubSpot-Correlation-Id", "from-header");
    for (answer, expected) in [(body, "from-body"), (header, "from-header"), (unreadable, "from-header")] {
        let error: Result<Vec<User>> = bench([answer]).hubspot.list_users().await;
        assert_eq!(error.unwrap_err().correlation_id.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_path_segment_never_leaves() {
    for name in ["", ".", ".."] {
        let Bench { hubspot, script } = bench([reply(204, "")]);
        assert_eq!(hubspot.delete_property(name).await.unwrap_err().category(), "unreachable", "{name:?}");
        assert!(script.seen().is_empty());
    }
    let Bench { hubspot, script } = bench([reply(204, "")]);
    hubspot.delete_property("a/../b?c=1#ü").await.unwrap();
    assert_eq!(script.lines(), ["DELETE /crm/properties/2026-03/contacts/a%2F..%2Fb%3Fc%3D1%23%C3%BC"]);
}
