//! What a delivery does and what it is answered.

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{
    super::{Counts, MAX_BODY_BYTES, REMEMBERED},
    Bell, Clock, Deliveries, Endpoint, START, URL, VirtualClock, endpoint, event, rung, signed,
};

/// A server without sockets, and its clock.
struct Receiver {
    bell: Arc<Bell>,
    clock: VirtualClock,
    deliveries: Deliveries,
}

impl Receiver {
    fn with(endpoints: Vec<Endpoint>) -> Self {
        let bell = Bell::with(endpoints);
        let clock = VirtualClock::starting_at(START.parse().unwrap());
        Self { deliveries: Deliveries::new(bell.clone(), Arc::new(clock)), bell, clock }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn post(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> u16 {
        self.deliveries.receive(&Method::POST, path, headers, body).as_u16()
    }

    /// A delivery signed for `url` and sent to its path.
    fn deliver(&self, secret: &str, url: &str, events: &Value) -> u16 {
        let body = events.to_string();
        self.post("/hubspot", &signed(secret, url, body.as_bytes(), self.now_ms()), body.as_bytes())
    }
}

fn one() -> Receiver {
    Receiver::with(vec![endpoint("sales/hubspot", 999_001, "s3cret", "https://hooks.example.com/hubspot?tenant=a%2Fb")])
}

#[tokio::test(start_paused = true)]
async fn a_delivery_rings_once_for_the_contacts_it_names() {
    let receiver = one();
    let events = json!([
        event(1, 999_001, 201),
        event(2, 999_001, 202),
        event(3, 999_001, 201),
        {"eventId": 4, "portalId": 999_001, "occurredAt": 1, "subscriptionType": "contact.merge", "primaryObjectId": 7, "mergedObjectIds": [8]},
        {"eventId": 5, "portalId": 999_001, "subscriptionType": "deal.creation", "objectId": 9},
        "nonsense",
    ]);
    assert_eq!(receiver.deliver("s3cret", URL, &events), 204);
    assert_eq!(receiver.bell.rings(), [rung("sales/hubspot", &["201", "202", "7", "8"])]);
    let expected = Counts { verified: 1, rung: 4, ignored: 2, ..Counts::default() };
    assert_eq!(receiver.deliveries.counts(), expected);
    assert_eq!(receiver.deliver("s3cret", URL, &json!([])), 204);
    assert_eq!(receiver.bell.rings(), []);
}

#[tokio::test(start_paused = true)]
async fn who_is_said_to_own_a_contact_comes_along_if_it_is_one() {
    let receiver = one();
    let to = |id: u64, contact: u64, owner: &str| {
        let mut event = event(id, 999_001, contact);
        event["propertyValue"] = json!(owner);
        event
    };
    let body = json!([
        to(1, 201, "555"),
        to(2, 202, "555"),
        to(3, 202, "556"),
        to(4, 203, ""),
        to(5, 204, "7"),
        to(6, 204, "7")
    ]);
    assert_eq!(receiver.deliver("s3cret", URL, &body), 204);
    let owners = receiver.bell.owners.lock().unwrap().clone();
    let owner = |contact: &str| owners[contact].as_deref();
    assert_eq!([owner("201"), owner("202"), owner("203"), owner("204")], [Some("555"), None, None, Some("7")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_by_hubspot_never_rings() {
    let receiver = one();
    let body = json!([event(1, 999_001, 201)]).to_string();
    let body = body.as_bytes();
    let now = receiver.now_ms();
    let table = [
        ("nothing", HeaderMap::new()),
        ("another secret", signed("s3creT", URL, body, now)),
        ("no secret", signed("", URL, body, now)),
        ("another URL", signed("s3cret", "https://evil.example.com/hubspot?tenant=a/b", body, now)),
        ("the URL as it arrived", signed("s3cret", "http://10.0.0.1:8082/hubspot?tenant=a/b", body, now)),
        ("another body", signed("s3cret", URL, b"[]", now)),
        ("stale", signed("s3cret", URL, body, now - 300_001)),
        ("from the future", signed("s3cret", URL, body, now + 300_001)),
    ];
    for (what, headers) in &table {
        assert_eq!(receiver.post("/hubspot", headers, body), 401, "{what}");
    }
    assert_eq!(receiver.bell.rings(), []);
    assert_eq!(receiver.deliveries.counts(), Counts { refused: 8, ..Counts::default() });
    // The same, genuine.
    assert_eq!(receiver.post("/hubspot", &signed("s3cret", URL, body, now), body), 204);
    assert_eq!(receiver.bell.rings().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_played_back_does_not_ring_again_and_goes_stale() {
    let receiver = one();
    let body = json!([event(1, 999_001, 201)]).to_string();
    let headers = signed("s3cret", URL, body.as_bytes(), receiver.now_ms());
    for expected in [1, 0, 0] {
        assert_eq!(receiver.post("/hubspot", &headers, body.as_bytes()), 204);
        assert_eq!(receiver.bell.rings().len(), expected);
    }
    tokio::time::advance(std::time::Duration::from_millis(300_001)).await;
    assert_eq!(receiver.post("/hubspot", &headers, body.as_bytes()), 401);
    // HubSpot's own repetition is signed anew and has the next attempt number.
    let mut again = event(1, 999_001, 201);
    again["attemptNumber"] = json!(1);
    assert_eq!(receiver.deliver("s3cret", URL, &json!([again, event(2, 999_001, 201)])), 204);
    assert_eq!(receiver.bell.rings(), [rung("sales/hubspot", &["201"])]);
    assert_eq!(receiver.deliveries.counts().repeated, 3);
}

#[tokio::test(start_paused = true)]
async fn answers_by_shape() {
    let receiver = one();
    let now = receiver.now_ms();
    let answer = |body: &[u8]| receiver.post("/any/path", &signed("s3cret", URL, body, now), body);
    let many = |count: u64| Value::from((0..count).map(|id| event(id, 999_001, id)).collect::<Vec<_>>()).to_string();
    assert_eq!(answer(b"[]"), 204);
    for malformed in [&b""[..], b"[", b"{}", b"\xff\xfe", b"[{]", b"[] []", br#"[{"a":"\ud800"}]"#] {
        assert_eq!(answer(malformed), 400, "{malformed:?}");
        assert_eq!(receiver.post("/any/path", &HeaderMap::new(), malformed), 401, "unsigned, it is not even read");
    }
    assert_eq!(answer(many(101).as_bytes()), 204);
    assert_eq!(answer(many(1_000).as_bytes()), 204);
    assert_eq!(receiver.bell.rings().len(), 2);
    assert_eq!(answer(many(1_001).as_bytes()), 413);
    assert_eq!(answer(&vec![b' '; MAX_BODY_BYTES + 1]), 413);
    assert_eq!(answer(&vec![b'['; 100_000]), 400);
    let headers = signed("s3cret", URL, b"[]", now);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD] {
        assert_eq!(receiver.deliveries.receive(&method, "/hubspot", &headers, b"[]").as_u16(), 405);
    }
    assert_eq!(receiver.post("/healthz", &headers, b"[]"), 405);
    assert_eq!(receiver.bell.rings(), []);
}

#[tokio::test(start_paused = true)]
async fn events_go_to_their_portal_among_those_the_secret_stands_for() {
    let receiver = Receiver::with(vec![
        endpoint("a/one", 1, "app", URL),
        endpoint("a/two", 2, "app", URL),
        endpoint("b/also-two", 2, "app", URL),
        endpoint("c/other-app", 3, "other", URL),
        endpoint("d/other-url", 4, "app", "https://hooks.example.com/else"),
    ]);
    let events = json!([event(1, 1, 11), event(2, 2, 22), event(3, 3, 33), event(4, 4, 44), event(5, 5, 55)]);
    assert_eq!(receiver.deliver("app", URL, &events), 204);
    assert_eq!(receiver.bell.rings(), [rung("a/one", &["11"]), rung("a/two", &["22"]), rung("b/also-two", &["22"])]);
    assert_eq!(receiver.deliveries.counts().foreign, 3);
    // What one app has told, another may still tell.
    assert_eq!(receiver.deliver("other", URL, &events), 204);
    assert_eq!(receiver.bell.rings(), [rung("c/other-app", &["33"])]);
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_path_does_not_exclude_even_if_it_is_anothers() {
    let receiver = Receiver::with(vec![
        endpoint("a/here", 1, "app-a", "https://hooks.example.com/hubspot"),
        endpoint("a/root", 2, "app-b", "https://hooks.example.com"),
    ]);
    let table = [
        ("app-a", "https://hooks.example.com/hubspot", "/hubspot", 204),
        ("app-b", "https://hooks.example.com", "/hubspot", 204),
        ("app-b", "https://hooks.example.com", "/", 204),
        ("app-a", "https://hooks.example.com/hubspot", "/", 204),
        ("app-a", "https://hooks.example.com", "/", 401),
        ("app-c", "https://hooks.example.com/hubspot", "/hubspot", 401),
        ("app-a", "https://hooks.example.com/hubspot", "/rewritten", 204),
        ("app-b", "https://hooks.example.com", "/rewritten", 204),
    ];
    for (secret, url, path, expected) in table {
        let headers = signed(secret, url, b"[]", receiver.now_ms());
        assert_eq!(receiver.post(path, &headers, b"[]"), expected, "{secret} on {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_than_64_secrets_are_tried_however_many_share_them() {
    let shared = (0..200).map(|n| endpoint(&format!("a/{n}"), n, "shared", URL));
    let own = (0..100).map(|n| endpoint(&format!("b/{n}"), n, &format!("own-{n}"), URL));
    let receiver = Receiver::with(shared.chain(own).collect());
    for (secret, expected) in [("shared", 204), ("own-0", 204), ("own-62", 204), ("own-63", 401), ("own-99", 401)] {
        assert_eq!(receiver.deliver(secret, URL, &json!([event(1, 150, 1)])), expected, "{secret}");
    }
    assert_eq!(receiver.bell.rings(), [rung("a/150", &["1"])]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_home_without_endpoints() {
    let receiver = Receiver::with(Vec::new());
    assert_eq!(receiver.deliver("s3cret", URL, &json!([event(1, 1, 1)])), 401);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_forgets_the_oldest() {
    let receiver = one();
    let deliver = |ids: std::ops::Range<usize>| {
        let events = ids.map(|id| event(u64::try_from(id).unwrap(), 999_001, 201)).collect::<Vec<_>>();
        assert_eq!(receiver.deliver("s3cret", URL, &Value::from(events)), 204);
        receiver.deliveries.counts().repeated
    };
    for start in (0..REMEMBERED).step_by(1_000) {
        deliver(start..start + 1_000);
    }
    assert_eq!(deliver(0..1), 1, "all are remembered");
    deliver(REMEMBERED..REMEMBERED + 1);
    assert_eq!(deliver(0..1), 1, "the oldest is forgotten");
    assert_eq!(deliver(2..3), 2, "its neighbours are not");
}
