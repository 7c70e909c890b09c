//! Every route of the simulated HubSpot, in every spelling HubSpot knows: dated and `v3`, with and without a slash at the end.
//! All answer the same, and as HubSpot's files say in full.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tec_crm::{
    runtime::clock::VirtualClock,
    sim::hubspot::{
        DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TOKEN, HubSpotSim, NewMember, OAuthApp, SimConfig, Switches,
        UnknownId,
    },
};

use super::{
    allowed,
    desk::consent,
    every_operation,
    hubspot::contract,
    story::{Step, story},
    watch::{Found, Watch},
};

/// How a path is written.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    dated: bool,
    slash: bool,
}

impl Spelling {
    const ALL: [Self; 4] = [
        Self { dated: true, slash: false },
        Self { dated: true, slash: true },
        Self { dated: false, slash: false },
        Self { dated: false, slash: true },
    ];

    /// A dated path with its query, in this spelling.
    fn of(self, target: &str) -> String {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut segments: Vec<&str> = path.split('/').collect();
        // `/{area}/2026-03/…`, or with the version one further.
        if let (false, Some(at)) = (self.dated, segments.iter().position(|segment| *segment == "2026-03")) {
            segments.remove(at);
            segments.insert(2, "v3");
        }
        let slash = if self.slash { "/" } else { "" };
        format!("{}{slash}{}", segments.join("/"), query.map(|query| format!("?{query}")).unwrap_or_default())
    }
}

/// What came of a story.
struct Told {
    answers: Vec<String>,
    routes: BTreeSet<String>,
    found: Found,
}

async fn tell(spelling: Spelling, switches: Switches) -> Told {
    let clock = VirtualClock::starting_at("2026-11-22T10:00:00Z".parse().unwrap());
    // The limits have tests of their own.
    let config = SimConfig { limit_per_10s: 1_000_000, switches, ..SimConfig::default() };
    let sim = HubSpotSim::new(config, Arc::new(clock));
    let member =
        |name: &str| NewMember { email: format!("{name}@example.com"), accepted: true, ..NewMember::default() };
    let seller = sim.add_user(member("seller")).unwrap()["id"].as_str().unwrap().to_owned();
    sim.add_user(member("gone")).unwrap();
    sim.advance(Duration::from_mins(1));
    sim.remove_user("gone@example.com").unwrap();
    sim.register_app(OAuthApp::default());
    let refresh = sim.install_app(DEFAULT_CLIENT_ID).unwrap();
    let code = sim.authorize(consent()).unwrap();
    let mut names = BTreeMap::from([
        ("token", DEFAULT_TOKEN.to_owned()),
        ("seller", seller),
        ("refresh", refresh),
        ("code", code),
        ("app", format!("client_id={DEFAULT_CLIENT_ID}&client_secret={DEFAULT_CLIENT_SECRET}")),
    ]);
    let watch = Watch::new(contract().expect("the files"), allowed::HUBSPOT);
    let mut answers = Vec::new();
    for Step { line, kind, body, status, keep } in story() {
        let filled =
            |text: String| names.iter().fold(text, |text, (name, id)| text.replace(&format!("{{{name}}}"), id));
        let line = filled(line);
        let (method, target) = line.split_once(' ').unwrap();
        let body = match body {
            Value::Null => String::new(),
            Value::String(text) => filled(text),
            body => filled(body.to_string()),
        };
        let request = Request::builder().method(method).uri(spelling.of(target));
        let token = format!("Bearer {DEFAULT_TOKEN}");
        let is_open = target.starts_with("/oauth/2026-03/");
        let request = if is_open { request } else { request.header("authorization", token) };
        let request = request.header("content-type", kind).body(Bytes::from(body)).unwrap();
        // Five searches fit into a second.
        sim.advance(Duration::from_millis(250));
        let answer = sim.handle(request.clone()).await.unwrap();
        let said = String::from_utf8(answer.body().to_vec()).unwrap();
        assert_eq!(answer.status(), status, "{line}: {said}");
        let correlation_id = answer.headers().get("x-hubspot-correlation-id").and_then(|id| id.to_str().ok());
        let value: Value = serde_json::from_str(&said).unwrap_or_default();
        // But for the flat refusals of the token endpoint (API.md §3).
        let is_silent = status < 400 || value["error"].is_string();
        let repeated = value["correlationId"].as_str().or(correlation_id.filter(|_| is_silent));
        assert!(correlation_id.is_some() && correlation_id == repeated, "{line}: {said}");
        if status < 400 {
            watch.exchange(&request, Some(&answer));
        } else {
            // What is refused may well be wrong.
            watch.answer(&request, &answer);
        }
        if !keep.is_empty() {
            let mut places = ["/id", "/results/0/id", "/access_token"].into_iter();
            let id = places.find_map(|place| value.pointer(place)).and_then(Value::as_str);
            names.insert(keep, id.unwrap_or_else(|| panic!("{line}: no id in {said}")).to_owned());
        }
        answers.push(format!("{line}\n{said}"));
    }
    watch.assert_kept();
    let routes = sim.requests().by_route.into_iter().map(|count| count.route).collect();
    Told { answers, routes, found: watch.found() }
}

/// Those of API.md §14 that change the form of an answer.
fn other_forms() -> Switches {
    Switches { association_ids_are_numbers: true, unknown_contact_id: UnknownId::Bare, ..Switches::default() }
}

#[tokio::test(start_paused = true)]
async fn every_route_answers_in_full_in_all_spellings() {
    if contract().is_none() {
        return;
    }
    let mut first: Option<Told> = None;
    for spelling in Spelling::ALL {
        let told = tell(spelling, Switches::default()).await;
        let missed: Vec<&str> =
            HubSpotSim::routes().into_iter().filter(|route| !told.routes.contains(*route)).collect();
        assert!(missed.is_empty(), "the story does not go there: {missed:#?}");
        assert!(!told.routes.contains("(unknown)"));
        let first = first.get_or_insert(told);
        let told = tell(spelling, Switches::default()).await;
        for (one, other) in first.answers.iter().zip(&told.answers) {
            assert_eq!(one, other, "{spelling:?}");
        }
    }
    tell(Spelling::ALL[0], other_forms()).await;
}

#[tokio::test(start_paused = true)]
async fn every_allowed_difference_is_still_needed() {
    if contract().is_none() {
        return;
    }
    let mut seen = every_operation::everything().await;
    seen.push(tell(Spelling::ALL[0], Switches::default()).await.found);
    seen.push(tell(Spelling::ALL[0], other_forms()).await.found);
    let used: BTreeSet<usize> = seen.into_iter().flat_map(|found| found.used).collect();
    let idle = allowed::HUBSPOT.iter().enumerate().filter(|(line, _)| !used.contains(line));
    let idle: Vec<String> = idle.map(|(_, line)| format!("API.md §{}: {}", line.section, line.what)).collect();
    assert!(idle.is_empty(), "nothing differs like this any more, so these lines have to go:\n{}", idle.join("\n"));
}
