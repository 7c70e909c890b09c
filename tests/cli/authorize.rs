//! `tec-crm authorize` on virtual time: the browser, HubSpot and Kubernetes are simulated.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tec_crm::{
    cli::authorize::Authorize,
    hubspot::scopes::{OAUTH, SCOPES},
    server::callback::Callbacks,
    sim::{
        hubspot::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, FaultRule},
        kube::{Strike, Verb},
    },
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::person::{
    Browser, REDIRECT, Screen, TIMEOUT, agree, auth, come_back, errand, run, run_until, secret, stored, usual, world,
    writes,
};
use crate::simulation::world::{NAMESPACE, World};

#[tokio::test(start_paused = true)]
async fn a_consent_ends_in_a_secret_the_operator_works_with() {
    let mut world = world();
    let went = run(&world, usual(None)).await;
    assert_eq!(went.result, Ok(()));
    let token = stored(&world, "refresh_token").expect("a token");
    went.shows_none_of(&[&token, DEFAULT_CLIENT_SECRET]);

    let (link, query) = went.screen.page();
    assert!(link.as_str().starts_with("https://app.hubspot.com/oauth/authorize?"), "{link}");
    assert_eq!([&query["client_id"], &query["redirect_uri"]], [DEFAULT_CLIENT_ID, REDIRECT]);
    assert_eq!(query["code_challenge_method"], "S256");
    let talk = went.screen.talk();
    assert!(talk.contains("Portal 999001 is authorised") && talk.contains("Secret sales/tokens"), "{talk}");
    assert!(talk.contains(&format!("hint: in HubSpot the app must list the redirect URL {REDIRECT}")), "{talk}");
    assert!(!talk.contains("warning"), "{talk}");
    let patches = ["PATCH /api/v1/namespaces/sales/secrets/tokens"];
    assert!(writes(&world).iter().zip(patches).all(|(line, patch)| line.starts_with(patch)), "{:?}", writes(&world));
    assert_eq!(writes(&world).len(), 1);

    world.usual_objects();
    world.connection(&auth());
    world.start();
    world.pass(TIMEOUT).await;
    world.assert_all_ready();
}

#[tokio::test(start_paused = true)]
async fn a_new_token_takes_the_place_of_the_old_one_and_touches_nothing_else() {
    let world = world();
    secret(&world, "tokens", &[("refresh_token", "na1-old"), ("note", "mine")]);
    let went = run(&world, usual(None)).await;
    assert_eq!(went.result, Ok(()));
    assert!(stored(&world, "refresh_token").is_some_and(|token| token != "na1-old"));
    assert_eq!(stored(&world, "note").as_deref(), Some("mine"));
    // And once more over what the command itself has written.
    let first = stored(&world, "refresh_token");
    assert_eq!(run(&world, usual(None)).await.result, Ok(()));
    assert!(stored(&world, "refresh_token").is_some_and(|token| Some(&token) != first.as_ref()));
    assert_eq!(stored(&world, "note").as_deref(), Some("mine"));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_know_the_state_is_refused_and_the_wait_goes_on() {
    let world = world();
    let browser: Browser = Box::new(|world, query, callbacks| {
        let code = agree(world, query, None);
        for wrong in ["", "wrong", &query["code_challenge"]] {
            assert_eq!(come_back(callbacks, &[("code", &code), ("state", wrong)]), 400);
            assert_eq!(come_back(callbacks, &[("error", "access_denied"), ("state", wrong)]), 400);
        }
        assert_eq!(come_back(callbacks, &[("code", &code)]), 400);
        assert_eq!(world.hubspot.requests().total, 0, "nobody was asked about it");
        assert_eq!(come_back(callbacks, &[("code", &code), ("state", &query["state"])]), 200);
        assert_eq!(come_back(callbacks, &[("code", "another"), ("state", &query["state"])]), 410);
    });
    assert_eq!(run(&world, browser).await.result, Ok(()));
    assert_eq!(world.hubspot.requests().of("POST", "/oauth/token"), 1);

    let browser: Browser = Box::new(|_, _, callbacks| {
        assert_eq!(come_back(callbacks, &[("code", "na1-forged"), ("state", "forged")]), 400);
    });
    let before = stored(&world, "refresh_token");
    let went = run(&world, browser).await;
    assert!(went.error().contains("no answer came in time; nothing was written\nhint: --timeout"), "{}", went.error());
    assert_eq!(went.took, TIMEOUT);
    assert_eq!(stored(&world, "refresh_token"), before);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_no_is_heard() {
    let world = world();
    for (parameter, expected) in [
        (("error", "access_denied"), "no consent was given (access_denied); nothing was written\nhint: "),
        (("error", "invalid_scope"), "HubSpot refused (invalid_scope); nothing was written\nhint: "),
        (("other", "thing"), "HubSpot's answer has no usable code; nothing was written"),
    ] {
        let browser: Browser = Box::new(move |_, query, callbacks| {
            assert_eq!(come_back(callbacks, &[parameter, ("state", &query["state"])]), 200);
        });
        let went = run(&world, browser).await;
        assert!(went.error().starts_with(expected), "{}", went.error());
    }
    assert_eq!((world.hubspot.requests().total, writes(&world).len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_consent_of_another_portal_writes_nothing() {
    let world = world();
    secret(&world, "tokens", &[("refresh_token", "na1-old")]);
    world.connection(&json!({"portalId": "7", "auth": auth()["auth"]}));
    let went = run(&world, usual(None)).await;
    let expected = "the consent is for portal 999001, this connection is for portal 7; nothing was written\nhint: ";
    assert!(went.error().starts_with(expected), "{}", went.error());
    assert!(went.screen.talk().contains("of portal 7"), "{}", went.screen.talk());
    assert_eq!((stored(&world, "refresh_token").as_deref(), writes(&world).len()), (Some("na1-old"), 0));

    // Nor does one of another portal than it was at first: the operator would refuse it.
    world.connection(&auth());
    world.kube.patch("crmconnections", NAMESPACE, "portal", json!({"spec": {"portalId": null}})).unwrap();
    world.kube.patch_status("crmconnections", NAMESPACE, "portal", json!({"status": {"portalId": "8"}})).unwrap();
    let went = run(&world, usual(None)).await;
    assert!(went.error().contains("this connection is for portal 8"), "{}", went.error());
    assert_eq!((stored(&world, "refresh_token").as_deref(), writes(&world).len()), (Some("na1-old"), 0));
}

#[tokio::test(start_paused = true)]
async fn missing_scopes_are_named_and_the_token_is_kept() {
    let world = world();
    let some = &[
        OAUTH,
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
        "crm.objects.users.read",
        "settings.users.write",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "settings.users.teams.read",
    ];
    let went = run(&world, usual(Some(some))).await;
    assert_eq!(went.result, Ok(()));
    assert!(stored(&world, "refresh_token").is_some());
    let talk = went.screen.talk();
    let said = talk.split_once("warning: these scopes are missing:\n").expect("a warning").1;
    let (missing, optional) = said.split_once("note:").expect("a note");
    let named =
        |text: &str| SCOPES.map(|scope| scope.name).into_iter().filter(|name| text.contains(name)).collect::<Vec<_>>();
    assert_eq!(named(missing), ["crm.objects.owners.read", "sales-email-read"]);
    assert!(missing.contains("\nhint: "), "{missing}");
    assert_eq!(named(optional), ["billing-write"]);
}

/// The next exchange is answered like this, and introspection knows nothing of it.
fn answer_next(world: &World, answer: Value) {
    let rule = FaultRule {
        route: "/oauth/token".into(),
        status: Some(200),
        body: Some(answer),
        times: Some(1),
        ..FaultRule::default()
    };
    world.hubspot.add_fault(rule).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_answer_leaves_out_is_asked_for_and_not_made_up() {
    let world = world();
    let asked = || world.hubspot.requests().of("POST", "/oauth/token/introspect");
    let answer = json!({"access_token": "CJcanary", "refresh_token": "na1-canary", "expires_in": 1800});
    answer_next(&world, answer.clone());
    let went = run(&world, usual(None)).await;
    assert!(went.error().starts_with("whose portal it is cannot be told; nothing was written"), "{}", went.error());
    went.shows_none_of(&["canary"]);
    assert_eq!((asked(), writes(&world).len()), (1, 0));

    // Scopes are no reason to lose a token; nor are unknown ones missing.
    let mut named = answer;
    named["hub_id"] = json!(999_001);
    answer_next(&world, named);
    let went = run(&world, usual(None)).await;
    assert_eq!(went.result, Ok(()));
    let talk = went.screen.talk();
    assert!(talk.ends_with("\nwarning: HubSpot does not say which scopes were granted"), "{talk}");
    assert_eq!((asked(), stored(&world, "refresh_token").as_deref()), (2, Some("na1-canary")));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_says_why_and_never_what() {
    let world = world();
    // The exchange.
    let browser: Browser = Box::new(|_, query, callbacks| {
        assert_eq!(come_back(callbacks, &[("code", "na1-canary-code"), ("state", &query["state"])]), 200);
    });
    let went = run(&world, browser).await;
    assert!(went.error().contains("BAD_AUTH_CODE") && went.error().contains("\nhint: "), "{}", went.error());
    went.shows_none_of(&["canary", DEFAULT_CLIENT_SECRET]);

    // The Secret: Kubernetes repeats what it does not like.
    for (status, expected) in
        [(403, "you may not write Secret sales/tokens"), (422, "is it immutable?"), (500, "(status 500)")]
    {
        world.kube.set_chaos(move |verb: Verb, plural: &str| {
            let is_it = verb == Verb::Patch && plural == "secrets";
            is_it.then(|| Strike::Refuse { code: status, reason: "canary-echo".to_owned() })
        });
        let went = run(&world, usual(None)).await;
        let error = went.error();
        assert!(error.starts_with("the refresh token is not stored: ") && error.contains(expected), "{error}");
        went.shows_none_of(&["canary", DEFAULT_CLIENT_SECRET]);
    }
    world.kube.clear_chaos();
    assert_eq!(stored(&world, "refresh_token"), None);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_something_is_missing_first() {
    let world = world();
    let idle = || -> Browser { Box::new(|_, _, _| panic!("nobody is asked")) };
    world.kube.delete("secrets", NAMESPACE, "app").unwrap();
    let went = run(&world, idle()).await;
    assert!(went.error().starts_with("Secret app does not exist\nhint: "), "{}", went.error());
    secret(&world, "app", &[("client_id", DEFAULT_CLIENT_ID), ("client_secret", " ")]);
    assert!(run(&world, idle()).await.error().starts_with("key \"client_secret\" of Secret app is empty\nhint: "));
    world.connection(&json!({"apiEndpoint": "https://example.com", "auth": auth()["auth"]}));
    let went = run(&world, idle()).await;
    assert!(went.error().contains("CrmConnection sales/portal is not valid: apiEndpoint"), "{}", went.error());
    world.kube.delete("crmconnections", NAMESPACE, "portal").unwrap();
    let went = run(&world, idle()).await;
    assert!(
        went.error().starts_with("CrmConnection sales/portal does not exist\nhint: --namespace"),
        "{}",
        went.error()
    );
    world.connection(&json!({}));
    let went = run(&world, idle()).await;
    assert!(went.error().contains("does not authenticate by OAuth\nhint: set spec.auth.oauth"), "{}", went.error());
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_ends_the_wait_and_nothing_after_it() {
    let world = world();
    let stop = CancellationToken::new();
    let pressed = stop.clone();
    let went = run_until(&world, Box::new(move |_, _, _| pressed.cancel()), stop).await;
    assert_eq!(went.error(), "interrupted; nothing was written");
    assert_eq!((went.took, writes(&world).len()), (Duration::ZERO, 0));

    // A code that has come is used: there is no second chance with it.
    let stop = CancellationToken::new();
    let pressed = stop.clone();
    let browser: Browser = Box::new(move |world, query, callbacks| {
        usual(None)(world, query, callbacks);
        pressed.cancel();
    });
    assert_eq!(run_until(&world, browser, stop).await.result, Ok(()));
    assert!(stored(&world, "refresh_token").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_portal_in_the_eu_is_asked_on_its_own_page() {
    let world = world();
    world.connection(&json!({"apiEndpoint": "https://api-eu1.hubapi.com", "auth": auth()["auth"]}));
    let went = run(&world, usual(None)).await;
    assert_eq!(went.result, Ok(()));
    assert_eq!(went.screen.page().0.host_str(), Some("app-eu1.hubspot.com"));
}

#[tokio::test(start_paused = true)]
async fn a_consent_page_elsewhere_is_https_or_on_this_machine() {
    let world = world();
    for (host, shown) in [
        ("https://app-na2.hubspot.com", Some("https://app-na2.hubspot.com/oauth/authorize?")),
        ("http://127.0.0.1:8686", Some("http://127.0.0.1:8686/oauth/authorize?")),
        ("http://app.hubspot.com", None),
        ("ftp://localhost", None),
        ("data:text/plain,x", None),
    ] {
        let errand = Authorize { consent_host: Some(Url::parse(host).unwrap()), ..errand(&world) };
        let (screen, stop) = (Screen::default(), CancellationToken::new());
        stop.cancel();
        let serve = |callbacks: Arc<Callbacks>, _| async move {
            let _kept = callbacks;
            std::future::pending().await
        };
        let error = errand.run(&screen, serve, stop).await.expect_err("nobody waits").to_string();
        let data = screen.data.lock().unwrap().concat();
        match shown {
            Some(shown) => assert!(data.starts_with(shown) && error.starts_with("interrupted"), "{data} {error}"),
            None => assert!(data.is_empty() && error.starts_with("--consent-host"), "{data} {error}"),
        }
    }
}

#[test]
fn the_readme_lists_the_scopes_we_ask_for() {
    let readme = include_str!("../../README.md");
    let rows = readme.split_once("| scope | for |").expect("the table").1.split("\n\n").next().unwrap();
    let listed: Vec<&str> = rows
        .lines()
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(listed, SCOPES.map(|scope| scope.name), "left: README.md, right: src/hubspot/scopes.rs");
}
