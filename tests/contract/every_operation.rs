//! Everything the client can send, sent: with success, and refused in every way that matters. Each answer is what HubSpot's
//! files say, and the client reads it.

use tec_crm::{
    domain::{RoleId, UserId},
    hubspot::{
        AccessToken, Archived, ContactUpdate, Error, ErrorKind, Filter, FilterOperator, ItemOutcome, Operation,
        oauth::{AuthorizationCode, ClientSecret, CodeVerifier, RefreshToken},
        wire::{properties::NewProperty, users::NewUser},
    },
    sim::hubspot::{DEFAULT_CLIENT_ID, DEFAULT_TOKEN, PropertyUse, Roles, SimConfig, TokenConfig, WrongRegion},
};

use super::{
    coverage::{asks, report},
    desk::{
        Desk, REDIRECT, VERIFIER, all_of_a_group, all_of_a_property, all_of_a_user, email, group, new_group,
        new_property, new_user, values,
    },
    hubspot::{contract, tell},
    watch::Found,
};

/// They bring their own way to say who calls.
const IS_OAUTH: [Operation; 3] = [Operation::RefreshToken, Operation::ExchangeCode, Operation::IntrospectToken];

/// All that is seen here together.
pub async fn everything() -> Vec<Found> {
    let mut seen = vec![successes().await];
    for (_, desk) in refusals().await {
        seen.push(desk.kept.found());
    }
    seen
}

/// Every call of the client, with success.
async fn successes() -> Found {
    let desk = Desk::new(SimConfig::default());
    let client = desk.client(DEFAULT_TOKEN);
    for operation in Operation::ALL {
        let before = desk.kept.found().exchanges;
        let outcome = desk.call(*operation, &client).await;
        assert!(outcome.is_ok(), "{operation}: {outcome:?}");
        let after = desk.kept.found().exchanges;
        let new = after.iter().filter(|(exchange, count)| before.get(*exchange) != Some(*count));
        for ((name, status), _) in new {
            assert_eq!((name.as_str(), status / 100), (asks(*operation), 2), "{operation}");
        }
        assert!(before != after, "{operation} asked nothing");
    }
    desk.kept.found()
}

/// Every call of the client, refused for what is wrong with the caller or the portal.
async fn refusals() -> Vec<(&'static str, Desk)> {
    let mut all = Vec::new();
    for operation in Operation::ALL.iter().copied().filter(|operation| !IS_OAUTH.contains(operation)) {
        let desk = Desk::new(SimConfig::default());
        let error = desk.call(operation, &desk.client("pat-na1-wrong")).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Unauthorized { .. }), "{operation}: {error}");
        all.push(desk.refused("401", operation, 401));
        if operation == Operation::TokenInfo {
            // Everybody may ask, as often as they like.
            continue;
        }
        let desk = Desk::new(SimConfig { daily_limit: 0, ..SimConfig::default() });
        let error = desk.call(operation, &desk.client(DEFAULT_TOKEN)).await.unwrap_err();
        assert!(!error.is_ambiguous(), "{operation}: {error}");
        all.push(desk.refused("daily", operation, 429));
        let is_search = matches!(operation, Operation::CountContacts | Operation::SearchContacts);
        let desk = Desk::new(SimConfig { limit_per_10s: 1, ..SimConfig::default() });
        let others = if is_search { Operation::CountContacts } else { Operation::AccountDetails };
        for _ in 0..if is_search { 5 } else { 1 } {
            desk.call(others, &desk.client(DEFAULT_TOKEN)).await.unwrap();
        }
        // Refused once; what the client makes of it has tests of its own.
        drop(desk.call(operation, &desk.client(DEFAULT_TOKEN)).await);
        all.push(desk.refused("limit", operation, 429));
        if matches!(operation, Operation::AccountDetails | Operation::DailyUsage) {
            // Every token may ask.
            continue;
        }
        let token = TokenConfig { token: "pat-na1-nothing".into(), scopes: Vec::new(), app_id: 7 };
        let desk = Desk::new(SimConfig { tokens: vec![token], ..SimConfig::default() });
        let error = desk.call(operation, &desk.client("pat-na1-nothing")).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::MissingScopes { .. }), "{operation}: {error}");
        all.push(desk.refused("403", operation, 403));
    }
    let config = SimConfig { data_hosting_location: "eu1".into(), ..SimConfig::default() };
    let desk = Desk::new(config);
    desk.sim.set_switches(|switches| switches.wrong_region = WrongRegion::Misdirected);
    let error = desk.client(DEFAULT_TOKEN).account_details().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::WrongRegion { .. }), "{error}");
    all.push(desk.refused("488", Operation::AccountDetails, 488));
    all.push(("OAuth", refused_tokens().await));
    all
}

/// The token endpoint refuses in a form of its own.
async fn refused_tokens() -> Desk {
    let desk = Desk::new(SimConfig::default());
    let installed = RefreshToken::new(desk.sim.install_app(DEFAULT_CLIENT_ID).unwrap()).unwrap();
    let unknown = RefreshToken::new("na1-unknown").unwrap();
    let error = desk.endpoint().refresh(&unknown).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::AuthorizationLost { .. }), "{error}");
    let mut stranger = desk.endpoint();
    stranger.app.secret = ClientSecret::new("wrong").unwrap();
    let error = stranger.refresh(&installed).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::ClientRefused { .. }), "{error}");
    let (code, verifier) = (AuthorizationCode::new("unknown").unwrap(), CodeVerifier::new(VERIFIER).unwrap());
    let error = desk.endpoint().exchange(&code, REDIRECT, &verifier).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Rejected(_)), "{error}");
    let error = desk.endpoint().introspect(&AccessToken::new("unknown").unwrap()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Unauthorized { .. }), "{error}");
    desk.sim.uninstall_app(DEFAULT_CLIENT_ID).unwrap();
    let error = desk.endpoint().refresh(&installed).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::AuthorizationLost { .. }), "{error}");
    desk.refused("400", Operation::RefreshToken, 400).1
}

#[tokio::test(start_paused = true)]
async fn cover_every_operation_the_client_can_send() {
    let Some(contract) = contract() else { return };
    let found = successes().await;
    let report = report(contract, &found);
    let every = format!("{0} of {0} calls of the client", Operation::ALL.len());
    assert!(report.contains(&every), "{report}");
    tell(&format!("{}\n", report.lines().next().unwrap_or_default()));
}

#[tokio::test(start_paused = true)]
async fn every_operation_is_refused_as_written() {
    if contract().is_some() {
        assert!(refusals().await.len() > 4 * (Operation::ALL.len() - IS_OAUTH.len() - 3));
    }
}

/// What only some calls can be told.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_request_is_told_as_written() {
    if contract().is_none() {
        return;
    }
    let desk = Desk::new(SimConfig::default());
    let client = desk.client(DEFAULT_TOKEN);
    desk.sim.set_switches(|switches| switches.roles = Roles::Unavailable);
    desk.sim
        .set_property_uses("acme_old", vec![PropertyUse { parent_type: "WORKFLOW".into(), parent_name: "x".into() }])
        .unwrap();
    assert_eq!(client.find_user(&email("nobody@example.com")).await.unwrap(), None);
    let is = |error: Error, category: &str| assert_eq!(error.category(), category, "{error}");
    is(client.update_user(&UserId("1".into()), &all_of_a_user()).await.unwrap_err(), "not_found");
    let invited = client.find_user(&email("invited@example.com")).await.unwrap().unwrap();
    is(client.update_user(&invited.id, &all_of_a_user()).await.unwrap_err(), "rejected");
    is(client.create_user(&new_user("ada@example.com")).await.unwrap_err(), "already_exists");
    let role = Some(RoleId("nope".into()));
    is(client.create_user(&NewUser { role_id: role, ..new_user("x@example.com") }).await.unwrap_err(), "rejected");
    is(client.list_roles().await.unwrap_err(), "rejected");
    is(client.create_group(&new_group("acme")).await.unwrap_err(), "already_exists");
    is(client.update_group(&group("nope"), &all_of_a_group()).await.unwrap_err(), "not_found");
    is(client.delete_group(&group("acme")).await.unwrap_err(), "rejected");
    client.delete_group(&group("nope")).await.unwrap();
    assert!(client.find_property("nope", Archived::Exclude).await.unwrap().is_none());
    is(client.create_property(&new_property("acme_stage")).await.unwrap_err(), "already_exists");
    let nowhere = NewProperty { group_name: group("nope"), ..new_property("acme_new") };
    is(client.create_property(&nowhere).await.unwrap_err(), "rejected");
    is(client.update_property("nope", &all_of_a_property()).await.unwrap_err(), "not_found");
    is(client.update_property("createdate", &all_of_a_property()).await.unwrap_err(), "rejected");
    is(client.delete_property("acme_old").await.unwrap_err(), "rejected");
    client.delete_property("nope").await.unwrap();
    let nowhere = Filter { property: "nope".into(), operator: FilterOperator::HasProperty };
    is(client.count_contacts(&[nowhere]).await.unwrap_err(), "rejected");
    let bad = ContactUpdate { id: desk.contact.clone(), properties: values("hs_lead_status", "NOPE") };
    assert!(matches!(client.update_contacts(&[bad]).await.unwrap()[..], [ItemOutcome::Refused(_)]));
    let refused = |operation| desk.statuses(operation).into_iter().filter(|status| *status >= 400).collect::<Vec<_>>();
    let table: [(Operation, &[u16]); 12] = [
        (Operation::FindUser, &[404]),
        (Operation::UpdateUser, &[400, 404]),
        (Operation::CreateUser, &[400, 409]),
        (Operation::ListRoles, &[400]),
        (Operation::CreateGroup, &[409]),
        (Operation::UpdateGroup, &[404]),
        (Operation::DeleteGroup, &[400, 404]),
        (Operation::FindProperty, &[404]),
        (Operation::CreateProperty, &[400, 409]),
        (Operation::UpdateProperty, &[400, 404]),
        (Operation::DeleteProperty, &[400, 404]),
        (Operation::CountContacts, &[400]),
    ];
    for (operation, statuses) in table {
        assert_eq!(refused(operation), statuses, "{operation}");
    }
}
