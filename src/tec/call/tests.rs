//! How often a call is repeated, when, and what its end means.

use std::time::Duration;

use serde_json::json;

use crate::tec::{
    ErrorKind,
    testing::{Bench, Reply, bench, bench_at, lead, reply},
};

fn error(status: u16, code: &str) -> Reply {
    reply(status, json!({"code": code, "message": "for people"}))
}

#[tokio::test(start_paused = true)]
async fn a_failure_has_one_meaning_and_a_number_of_repeats() {
    let rows = [
        (Reply::Lost, 3, "unavailable"),
        (Reply::NotSent, 3, "unavailable"),
        (Reply::TooLarge, 1, "malformed"),
        (error(500, "UNAVAILABLE"), 3, "unavailable"),
        (error(503, "UNAVAILABLE"), 3, "unavailable"),
        (reply(502, "<html>"), 3, "unavailable"),
        (reply(408, ""), 3, "unavailable"),
        (error(401, "UNAUTHORIZED"), 1, "unauthorized"),
        (reply(403, "<html>"), 1, "unauthorized"),
        (error(400, "INVALID_REQUEST"), 1, "rejected"),
        (error(404, "NOT_FOUND"), 1, "rejected"),
        (error(410, "CURSOR_EXPIRED"), 1, "cursor_expired"),
        (reply(410, "<html>"), 1, "rejected"),
        (error(429, "RATE_LIMITED"), 2, "rate_limited"),
        (reply(302, "").header("location", "https://evil.example"), 1, "malformed"),
        (reply(200, "{"), 1, "malformed"),
        (reply(204, ""), 1, "malformed"),
        (reply(200, json!({"results": 1})), 1, "malformed"),
    ];
    for (answer, sent, category) in rows {
        let Bench { tec, script } = bench([answer.clone()]);
        let error = tec.create_leads(&[lead("k")]).await.unwrap_err();
        assert_eq!((error.category(), script.seen().len()), (category, sent), "{answer:?}");
        assert!(script.addresses().iter().all(|line| line == "POST https://tec.example.com/v1/leads/batch"));
        assert!(error.to_string().starts_with("create_leads: TEC"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn codes_are_kept_only_if_they_are_codes() {
    for (answer, kept) in [
        (error(400, "INVALID_REQUEST"), "INVALID_REQUEST"),
        (error(413, "grace@example.org"), "HTTP_413"),
        (error(400, "has Blanks"), "HTTP_400"),
        (error(400, super::super::testing::TOKEN), "HTTP_400"),
        (error(400, &"X".repeat(65)), "HTTP_400"),
        (reply(405, ""), "HTTP_405"),
    ] {
        let error = bench([answer]).tec.schedules().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Rejected { code: kept.to_owned() });
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_are_short_and_refusals_are_waited_out() {
    let gaps = |bench: &Bench| {
        let at: Vec<_> = bench.script.seen().into_iter().map(|seen| seen.at.as_millis()).collect();
        at.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    };
    let limited = || error(429, "RATE_LIMITED");
    for (answer, expected) in [
        (Reply::Lost, vec![200, 400]),
        (limited(), vec![1000]),
        (limited().header("retry-after", "4"), vec![4000]),
        (limited().header("retry-after", "soon"), vec![1000]),
        (limited().header("retry-after", "6"), vec![]),
    ] {
        let bench = bench([answer.clone()]);
        bench.tec.schedules().await.unwrap_err();
        assert_eq!(gaps(&bench), expected, "{answer:?}");
    }
    for (header, seconds) in [("6", 6), ("99999999", 3600)] {
        let error = bench([limited().header("retry-after", header)]).tec.schedules().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::RateLimited { retry_after: Duration::from_secs(seconds) });
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_that_succeeds_is_a_success() {
    let none = reply(200, json!({"schedules": []}));
    for first in [Reply::Lost, reply(503, ""), error(429, "RATE_LIMITED")] {
        let Bench { tec, script } = bench([first, none.clone()]);
        assert_eq!(tec.schedules().await.unwrap(), []);
        assert_eq!(script.seen().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_base_may_have_a_path_and_every_call_the_token() {
    for base in ["https://tec.example.com/eu", "https://tec.example.com/eu/"] {
        let Bench { tec, script } = bench_at(base, [reply(200, json!({"schedules": []}))]);
        tec.schedules().await.unwrap();
        assert_eq!(script.addresses(), ["GET https://tec.example.com/eu/v1/schedules?limit=200"]);
        assert_eq!(script.seen()[0].authorization, "Bearer CANARY_TOKEN_5F0E");
    }
}
