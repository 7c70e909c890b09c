//! Routes and their spellings, regions, tokens, scopes, account, determinism.

use serde_json::json;

use super::{
    super::{DEFAULT_TOKEN, SimConfig, TokenConfig, WrongRegion, input::segments, route::find},
    Reply, call, call_as, get, portal, portal_with, raw,
};

#[tokio::test(start_paused = true)]
async fn every_spelling_of_a_route_answers_the_same() {
    let sim = portal();
    let same = [
        &[
            "/account-info/2026-03/details",
            "/account-info/v3/details",
            "/account-info/2026-03/details/",
            "/account-info/2026-09/details",
        ][..],
        &[
            "/settings/users/2026-03",
            "/settings/v3/users",
            "/settings/v3/users/",
            "/settings/users/2026-03/",
            "/settings/users/2026-09",
        ],
        &["/settings/users/2026-03/1001", "/settings/v3/users/1001", "/settings/v3/users/1001/"],
        &["/settings/users/2026-03/roles", "/settings/v3/users/roles"],
        &["/settings/users/2026-03/teams", "/settings/v3/users/teams/"],
        &["/crm/owners/2026-03", "/crm/v3/owners", "/crm/v3/owners/", "/crm/owners/2026-09"],
        &["/crm/owners/2026-03/41629001", "/crm/v3/owners/41629001"],
        &["/crm/objects/2026-03/users", "/crm/v3/objects/users", "/crm/v3/objects/0-115/"],
        &[
            "/crm/properties/2026-03/contacts",
            "/crm/v3/properties/contact",
            "/crm/properties/2026-03/0-1/",
            "/crm/properties/2026-09/0-1",
        ],
        &["/crm/properties/2026-03/contacts/email", "/crm/v3/properties/contacts/email/"],
        &["/crm/properties/2026-03/contacts/groups", "/crm/v3/properties/0-1/groups"],
        &[
            "/crm/properties/2026-03/contacts/groups/contactinformation",
            "/crm/v3/properties/0-1/groups/contactinformation/",
        ],
        &["/crm/properties/2026-03/user", "/crm/v3/properties/users"],
        &["/crm/properties/2026-03/user/hs_email", "/crm/v3/properties/0-115/hs_email"],
        &[
            "/crm/objects/2026-03/contacts",
            "/crm/v3/objects/contacts",
            "/crm/v3/objects/contact/",
            "/crm/v3/objects/0-1",
        ],
        &["/crm/limits/2026-03/custom-properties", "/crm/v3/limits/custom-properties"],
    ];
    for spellings in same {
        let first = get(&sim, spellings[0]).await;
        assert_eq!(first.status, 200, "{}", spellings[0]);
        for spelling in &spellings[1..] {
            let other = get(&sim, spelling).await;
            assert_eq!((other.status, other.text), (200, first.text.clone()), "{spelling}");
        }
    }
}

#[test]
fn version_4_is_associations_alone() {
    let route = |path: &str| Some(find(&segments(path))?.route.template());
    let list = "/crm/objects/{from}/{id}/associations/{to}";
    assert_eq!(route("/crm/v4/objects/0-46/1/associations/contact/"), Some(list));
    let read = "/crm/associations/{from}/{to}/batch/read";
    assert_eq!(route("/crm/v4/associations/contacts/notes/batch/read"), Some(read));
    assert_eq!(route("/crm/v4/objects/contacts/1"), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_404_with_a_correlation_id() {
    let sim = portal();
    for path in [
        "/",
        "/crm/owners/2025-09",
        "/crm/v4/owners",
        "/crm/v4/objects/contacts",
        "/crm/owners/v3",
        "/crm/2026-03/owners",
        "/settings/2026-03/users",
        "/crm/properties/2026-03/contacts/groups/a/b",
        "/crm/objects/2026-03/contacts/201/x",
    ] {
        let reply = get(&sim, path).await;
        assert_eq!((reply.status, reply.message()), (404, "resource not found"), "{path}");
        let id = reply.body["correlationId"].as_str().unwrap().to_owned();
        assert_eq!(reply.header("x-hubspot-correlation-id"), Some(id.as_str()));
    }
    let reply = get(&sim, "/crm/properties/2026-03/unicorns").await;
    assert_eq!((reply.status, reply.message()), (400, "Unable to infer object type from: unicorns"));
    let refused = call(&sim, "PUT /crm/owners/2026-03", "").await;
    assert_eq!((refused.status, &refused.body["category"]), (405, &json!("VALIDATION_ERROR")));
    let form = http::Request::post("/settings/v3/users")
        .header("authorization", format!("Bearer {DEFAULT_TOKEN}"))
        .header("content-type", "application/x-www-form-urlencoded");
    let refused = Reply::of(sim.handle(form.body("a=b".into()).unwrap()).await.unwrap());
    assert_eq!((refused.status, &refused.body["category"]), (415, &json!("VALIDATION_ERROR")));
}

#[tokio::test(start_paused = true)]
async fn account_details_are_complete() {
    let zone = jiff::tz::TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
    let sim = portal_with(SimConfig { time_zone: zone, data_hosting_location: "eu1".into(), ..SimConfig::default() });
    assert_eq!(
        get(&sim, "/account-info/2026-03/details").await.body,
        json!({
            "portalId": 999_001, "accountType": "DEVELOPER_TEST", "timeZone": "UTC", "companyCurrency": "USD",
            "additionalCurrencies": [], "utcOffset": "-05:00", "utcOffsetMilliseconds": -18_000_000,
            "uiDomain": "app-eu1.hubspot.com", "dataHostingLocation": "eu1",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_are_granted_rotated_and_revoked() {
    let sim = portal();
    let details = "GET /account-info/v3/details";
    let refused = call_as(&sim, "pat-na1-other-portal", details, "").await;
    assert_eq!((refused.status, refused.body["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
    assert!(refused.header("x-hubspot-ratelimit-max").is_none());
    sim.set_token(&TokenConfig { token: "new".into(), scopes: vec!["crm.objects.owners.read".into()], app_id: 777 });
    assert_eq!(call(&sim, details, "").await.status, 200);
    assert_eq!(call_as(&sim, "new", details, "").await.status, 200);
    sim.revoke_token(DEFAULT_TOKEN).unwrap();
    assert_eq!(call(&sim, details, "").await.status, 401);

    let ask = "POST /oauth/v2/private-apps/get/access-token-info";
    let info = call_as(&sim, "new", ask, r#"{"tokenKey":"new"}"#).await;
    let scopes = json!(["oauth", "crm.objects.owners.read"]);
    assert_eq!(info.body, json!({ "userId": 1001, "hubId": 999_001, "appId": 777, "scopes": scopes }));
    assert_eq!(call_as(&sim, "new", ask, &format!(r#"{{"tokenKey":"{DEFAULT_TOKEN}"}}"#)).await.status, 401);
    assert_eq!(call_as(&sim, "new", ask, "{}").await.status, 400);

    let url = format!("/crm/v3/owners?email={DEFAULT_TOKEN}");
    assert_eq!(call_as(&sim, "new", &format!("GET {url}"), "").await.status, 200);
    assert!(sim.trace().iter().all(|entry| !entry.path.contains(DEFAULT_TOKEN)));
}

#[tokio::test(start_paused = true)]
async fn every_route_names_the_scopes_it_misses() {
    let sim = portal();
    sim.set_token(&TokenConfig { token: "none".into(), scopes: vec![], app_id: 777 });
    let table = [
        ("GET /settings/users/2026-03", "settings.users.read"),
        ("POST /settings/users/2026-03", "settings.users.write"),
        ("DELETE /settings/users/2026-03/1", "settings.users.write"),
        ("GET /settings/users/2026-03/roles", "settings.users.read"),
        ("GET /settings/users/2026-03/teams", "settings.users.teams.read"),
        ("GET /crm/owners/2026-03", "crm.objects.owners.read"),
        ("GET /crm/objects/2026-03/users", "crm.objects.users.read"),
        ("GET /crm/properties/2026-03/contacts", "crm.schemas.contacts.read"),
        ("POST /crm/properties/2026-03/contacts/batch/read", "crm.schemas.contacts.read"),
        ("POST /crm/properties/2026-03/contacts/batch/create", "crm.schemas.contacts.write"),
        ("PATCH /crm/properties/2026-03/contacts/email", "crm.schemas.contacts.write"),
        ("POST /crm/properties/2026-03/contacts/groups", "crm.schemas.contacts.write"),
        ("GET /crm/limits/2026-03/custom-properties", "crm.objects.contacts.read"),
        ("POST /crm/objects/2026-03/contacts/search", "crm.objects.contacts.read"),
        ("GET /crm/objects/2026-03/contacts", "crm.objects.contacts.read"),
        ("GET /crm/v3/objects/contacts/201", "crm.objects.contacts.read"),
        ("POST /crm/objects/2026-03/0-1/batch/read", "crm.objects.contacts.read"),
        ("POST /crm/objects/2026-03/contacts", "crm.objects.contacts.write"),
        ("PATCH /crm/objects/2026-03/contacts/201", "crm.objects.contacts.write"),
        ("DELETE /crm/objects/2026-03/contacts/201", "crm.objects.contacts.write"),
        ("POST /crm/objects/2026-03/contacts/batch/create", "crm.objects.contacts.write"),
        ("POST /crm/objects/2026-03/contacts/batch/update", "crm.objects.contacts.write"),
        ("POST /crm/objects/2026-03/contacts/batch/upsert", "crm.objects.contacts.write"),
        ("POST /crm/objects/2026-03/contacts/batch/archive", "crm.objects.contacts.write"),
        ("POST /crm/objects/2026-03/contacts/merge", "crm.objects.contacts.write"),
    ];
    for (line, scope) in table {
        let reply = call_as(&sim, "none", line, "").await;
        assert_eq!((reply.status, reply.body["category"].as_str()), (403, Some("MISSING_SCOPES")), "{line}");
        assert_eq!(reply.body["errors"][0]["context"]["requiredGranularScopes"][0], scope, "{line}");
    }
    sim.set_switches(|switches| switches.missing_scopes = super::super::MissingScopes::Unnamed);
    let reply = call_as(&sim, "none", table[0].0, "").await;
    assert_eq!((reply.status, reply.body.get("errors")), (403, None));
}

#[tokio::test(start_paused = true)]
async fn a_european_portal_is_found_on_its_own_host_only() {
    let sim = portal_with(SimConfig { data_hosting_location: "eu1".into(), ..SimConfig::default() });
    let on = |host: &str| format!("https://{host}/account-info/2026-03/details");
    let table =
        [("api-eu1.hubapi.com", 200), ("api.hubapi.com", 401), ("127.0.0.1:8686", 200), ("api-na2.hubapi.com", 401)];
    for (host, expected) in table {
        assert_eq!(get(&sim, &on(host)).await.status, expected, "{host}");
    }
    sim.set_switches(|switches| switches.wrong_region = WrongRegion::Misdirected);
    let reply = get(&sim, &on("api.hubapi.com")).await;
    assert_eq!((reply.status, reply.header("x-hubspot-correct-hublet")), (488, Some("eu1")));
    assert_eq!(reply.message(), "Hub 999001 is unknown to this Hublet, but it appears to exist in Hublet eu1");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_requests_get_the_same_bytes() {
    async fn run(seed: u64) -> Vec<String> {
        let sim = portal_with(SimConfig { seed, ..SimConfig::default() });
        let mut answers = Vec::new();
        for (line, body) in [
            ("POST /settings/v3/users", r#"{"email":"ada@example.com","sendWelcomeEmail":true}"#),
            ("GET /settings/v3/users?limit=1", ""),
            ("GET /crm/v3/owners/1", ""),
            ("POST /crm/v3/properties/contacts", "{"),
        ] {
            tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
            let (method, uri) = line.split_once(' ').unwrap();
            answers.push(format!("{:?}", raw(&sim, method, uri, DEFAULT_TOKEN, body).await.unwrap()));
        }
        answers.push(sim.state().to_string());
        answers
    }
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}
