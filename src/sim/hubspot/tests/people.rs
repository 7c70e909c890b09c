//! Users, owners, CRM user records: three ids of one person, and what invitation, acceptance and removal do to them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::{
        CrmRecordPolicy, DuplicateUser, HubSpotSim, NewMember, OwnerPolicy, PutOmitted, ReadLag, Roles, SimConfig,
    },
    Reply, call, column, get, portal, portal_with, status,
};

const USERS: &str = "/settings/users/2026-03";
const ADA: &str = r#"{"email":"Ada@Example.com","sendWelcomeEmail":true,"firstName":"Ada","lastName":"Assistant","roleId":"5001","primaryTeamId":"368389"}"#;

async fn invite(sim: &HubSpotSim) -> Reply {
    call(sim, &format!("POST {USERS}"), ADA).await
}

async fn owners(sim: &HubSpotSim, query: &str) -> Vec<Value> {
    let reply = get(sim, &format!("/crm/owners/2026-03?{query}")).await;
    reply.body["results"].as_array().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_user_is_created_complete_and_welcomed_once() {
    let sim = portal();
    let created = invite(&sim).await;
    assert_eq!((created.status, created.header("location")), (201, Some("/settings/users/2026-03/1002")));
    let mut user = json!({
        "id": "1002", "email": "ada@example.com", "firstName": "Ada", "lastName": "Assistant", "roleIds": ["5001"],
        "roleId": "5001", "primaryTeamId": "368389", "superAdmin": false, "sendWelcomeEmail": true,
    });
    assert_eq!(created.body, user);
    user["sendWelcomeEmail"] = json!(false);
    for path in ["1002", "ada%40example.com?idProperty=EMAIL", "1002?idProperty=USER_ID"] {
        let reply = get(&sim, &format!("{USERS}/{path}")).await;
        assert_eq!((reply.status, &reply.body), (200, &user), "{path}");
    }
    let teams = get(&sim, &format!("{USERS}/teams")).await;
    let sales = json!({ "id": "368389", "name": "Sales Team", "userIds": ["1002"], "secondaryUserIds": [] });
    assert_eq!(teams.body["results"][0], sales);
    let roles = get(&sim, &format!("{USERS}/roles")).await;
    assert_eq!(column(&roles.body, "name"), ["Sales rep", "Read only"]);
}

#[tokio::test(start_paused = true)]
async fn bad_users_are_refused() {
    let sim = portal();
    let post = format!("POST {USERS}");
    let table = [
        (r#"{"email":"a@example.com"}"#, "Some required fields were not set: [sendWelcomeEmail]"),
        (r"{}", "Some required fields were not set: [email, sendWelcomeEmail]"),
        (r#"{"email":1,"sendWelcomeEmail":true}"#, "Invalid input JSON on line 1, column 10"),
        (r#"{"email":"#, "Invalid input JSON on line 1, column 9"),
        (r#"{"email":"nobody","sendWelcomeEmail":true}"#, "Email address nobody is invalid"),
        (r#"{"email":"a@example.com","sendWelcomeEmail":true,"roleId":"1"}"#, "Role 1 does not exist"),
        (r#"{"email":"a@example.com","sendWelcomeEmail":true,"primaryTeamId":"1"}"#, "Team 1 does not exist"),
    ];
    for (body, message) in table {
        let reply = call(&sim, &post, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.message().contains(message), "{body}: {}", reply.message());
    }
    assert_eq!(get(&sim, &format!("{USERS}/1001?idProperty=NAME")).await.status, 400);
    assert_eq!(get(&sim, &format!("{USERS}/ada@example.com")).await.status, 404);
    assert_eq!(get(&sim, &format!("{USERS}?limit=0")).await.status, 400);
    assert_eq!(get(&sim, &format!("{USERS}?after=x")).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn lists_are_paged() {
    let sim = portal();
    for n in 0..250 {
        sim.add_user(NewMember { email: format!("u{n}@example.com"), accepted: true, ..NewMember::default() }).unwrap();
    }
    for (list, default, limit) in
        [(USERS, 100, 100), ("/crm/owners/2026-03", 100, 500), ("/crm/objects/2026-03/users", 10, 100)]
    {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let reply = get(&sim, &format!("{list}?limit=100{after}")).await;
            seen.extend(column(&reply.body, "id"));
            pages += 1;
            let Some(next) = reply.body["paging"]["next"]["after"].as_str() else { break };
            after = format!("&after={next}");
        }
        seen.dedup();
        assert_eq!((seen.len(), pages), (251, 3), "{list}");
        assert_eq!(column(&get(&sim, list).await.body, "id").len(), default, "{list}");
        assert_eq!(get(&sim, &format!("{list}?limit={}", limit + 1)).await.status, 400, "{list}");
    }
}

#[tokio::test(start_paused = true)]
async fn creating_a_member_again_answers_as_the_switch_says() {
    let sim = portal();
    invite(&sim).await;
    let table = [(DuplicateUser::Conflict, 409), (DuplicateUser::Invalid, 400), (DuplicateUser::SameUser, 201)];
    for (switch, expected) in table {
        sim.set_switches(|switches| switches.duplicate_user = switch);
        assert_eq!(invite(&sim).await.status, expected);
    }
    assert_eq!(column(&get(&sim, USERS).await.body, "email"), ["admin@example.com", "ada@example.com"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_comes_after_its_delay_or_with_acceptance() {
    let sim = portal();
    invite(&sim).await;
    let by_email = "email=ADA@example.com";
    assert!(owners(&sim, by_email).await.is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let owner = owners(&sim, by_email).await.remove(0);
    assert_eq!(
        owner,
        json!({
            "id": "41629002", "type": "PERSON", "email": "ada@example.com", "firstName": "Ada", "lastName": "Assistant",
            "userId": 1002, "userIdIncludingInactive": 1002, "createdAt": "2026-11-22T10:00:02Z",
            "updatedAt": "2026-11-22T10:00:02Z", "archived": false,
            "teams": [{ "id": "368389", "name": "Sales Team", "primary": true }],
        })
    );
    for path in ["41629002", "1002?idProperty=userId"] {
        assert_eq!(get(&sim, &format!("/crm/owners/2026-03/{path}")).await.body, owner, "{path}");
    }
    let other_ids = ["1002", "207838823001", "41629002?idProperty=userId", "41629002?archived=true"];
    for path in other_ids {
        assert_eq!(get(&sim, &format!("/crm/owners/2026-03/{path}")).await.status, 404, "{path}");
    }

    let sim = portal();
    sim.set_switches(|switches| switches.owner = OwnerPolicy::AfterAcceptance);
    invite(&sim).await;
    sim.advance(Duration::from_hours(1));
    assert!(owners(&sim, by_email).await.is_empty());
    sim.accept_invitation("ada@example.com").unwrap();
    assert_eq!(owners(&sim, by_email).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn acceptance_shows_only_in_the_crm_users_object() {
    let list = "/crm/objects/2026-03/users?properties=hs_email,hs_internal_user_id,hubspot_owner_id,hs_invite_accepted_time,hs_deactivated,nope";
    let sim = portal();
    invite(&sim).await;
    sim.advance(Duration::from_mins(1));
    assert_eq!(get(&sim, list).await.body["results"].as_array().unwrap().len(), 1);
    let before = get(&sim, &format!("{USERS}/1002")).await.body;
    sim.accept_invitation("ada@example.com").unwrap();
    assert_eq!(get(&sim, &format!("{USERS}/1002")).await.body, before);
    let at = "2026-11-22T10:01:00Z";
    let record = get(&sim, list).await.body["results"][1].clone();
    let properties = json!({
        "hs_email": "ada@example.com", "hs_internal_user_id": "1002", "hubspot_owner_id": "41629002",
        "hs_invite_accepted_time": at, "hs_deactivated": "false", "hs_object_id": "207838823002",
        "hs_createdate": at, "hs_lastmodifieddate": at,
    });
    let expected = json!({
        "id": "207838823002", "properties": properties, "createdAt": at, "updatedAt": at, "archived": false,
    });
    assert_eq!(record, expected);
    assert_eq!(status(&sim, "GET /crm/objects/2026-03/users/207838823002", "").await, 200);
    assert_eq!(status(&sim, "GET /crm/objects/2026-03/users/1002", "").await, 404);
    assert_eq!(status(&sim, "GET /crm/objects/2026-03/users?archived=true", "").await, 400);
    assert_eq!(status(&sim, "GET /crm/properties/2026-03/user/hs_invite_status", "").await, 200);
    assert_eq!(status(&sim, "GET /crm/properties/2026-03/user/nope", "").await, 404);

    let sim = portal();
    sim.set_switches(|switches| switches.crm_record = CrmRecordPolicy::WithOwner);
    invite(&sim).await;
    sim.advance(Duration::from_secs(2));
    let pending = get(&sim, list).await.body["results"][1].clone();
    assert_eq!(pending["properties"]["hs_invite_accepted_time"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_removed_user_leaves_an_archived_owner_and_comes_back_as_the_same_person() {
    let sim = portal();
    invite(&sim).await;
    sim.accept_invitation("ada@example.com").unwrap();
    assert_eq!(status(&sim, &format!("DELETE {USERS}/ada@example.com?idProperty=EMAIL"), "").await, 204);
    for path in ["1002", "ada@example.com?idProperty=EMAIL"] {
        assert_eq!(get(&sim, &format!("{USERS}/{path}")).await.status, 404);
        assert_eq!(status(&sim, &format!("DELETE {USERS}/{path}"), "").await, 204);
    }
    assert_eq!(status(&sim, &format!("DELETE {USERS}/77"), "").await, 404);
    assert!(owners(&sim, "email=ada@example.com").await.is_empty());
    let archived = owners(&sim, "archived=true").await.remove(0);
    assert_eq!((&archived["userId"], &archived["userIdIncludingInactive"]), (&Value::Null, &json!(1002)));
    assert_eq!(status(&sim, "GET /crm/owners/2026-03/41629002", "").await, 404);
    assert_eq!(status(&sim, "GET /crm/owners/2026-03/41629002?archived=true", "").await, 200);

    assert_eq!(invite(&sim).await.body["id"], "1002");
    sim.advance(Duration::from_secs(2));
    let owner = owners(&sim, "email=ada@example.com").await.remove(0);
    assert_eq!((&owner["id"], &owner["userId"], &owner["archived"]), (&json!("41629002"), &json!(1002), &json!(false)));
    assert!(owners(&sim, "archived=true").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_due_for_an_ended_membership_does_not_happen() {
    let sim =
        portal_with(SimConfig { owner_delay: Duration::from_secs(10), auto_accept: true, ..SimConfig::default() });
    invite(&sim).await;
    sim.advance(Duration::from_secs(5));
    sim.remove_user("ada@example.com").unwrap();
    invite(&sim).await;
    sim.advance(Duration::from_secs(6));
    assert!(owners(&sim, "email=ada@example.com").await.is_empty());
    sim.advance(Duration::from_secs(4));
    assert_eq!(owners(&sim, "email=ada@example.com").await.len(), 1);
    assert_eq!(sim.state()["crmUsers"][1]["properties"]["hs_invite_accepted_time"], "2026-11-22T10:00:15Z");
}

#[tokio::test(start_paused = true)]
async fn names_change_only_after_activation() {
    let sim = portal();
    invite(&sim).await;
    let put = format!("PUT {USERS}/1002");
    let refused = call(&sim, &put, r#"{"firstName":"Eve"}"#).await;
    assert_eq!((refused.status, refused.body["errors"][0]["code"].as_str()), (400, Some("USER_NOT_ON_ANY_HUBS")));
    assert_eq!(call(&sim, &put, r#"{"roleId":"5002"}"#).await.body["roleIds"], json!(["5002"]));
    sim.accept_invitation("ada@example.com").unwrap();
    let changed = call(&sim, &put, r#"{"firstName":"Eve","email":"eve@example.com"}"#).await.body;
    assert_eq!(
        (&changed["firstName"], &changed["lastName"], &changed["email"]),
        (&json!("Eve"), &json!("Assistant"), &json!("ada@example.com"))
    );
    assert_eq!(owners(&sim, "email=ada@example.com").await[0]["firstName"], "Eve");
    sim.set_switches(|switches| switches.user_put_omitted = PutOmitted::Clears);
    let changed = call(&sim, &put, r#"{"firstName":"Eve"}"#).await.body;
    assert_eq!((changed.get("lastName"), changed.get("roleId")), (None, None));
    assert_eq!(status(&sim, &format!("PUT {USERS}/55"), "{}").await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_free_portal_has_no_roles_and_few_seats() {
    let sim = portal();
    sim.set_switches(|switches| {
        switches.roles = Roles::Unavailable;
        switches.user_cap = Some(2);
        switches.seat_release = Duration::from_secs(30);
    });
    let roles = get(&sim, &format!("{USERS}/roles")).await;
    assert_eq!((roles.status, roles.message()), (400, "Account doesn't have access to roles."));
    let plain = |email: &str| format!(r#"{{"email":"{email}","sendWelcomeEmail":false}}"#);
    let post = format!("POST {USERS}");
    let first = call(&sim, &post, &plain("a@example.com")).await;
    assert_eq!((first.status, &first.body["sendWelcomeEmail"]), (201, &json!(false)));
    assert_eq!(status(&sim, &post, &plain("b@example.com")).await, 400);
    sim.remove_user("a@example.com").unwrap();
    let early = call(&sim, &post, &plain("a@example.com")).await;
    assert_eq!(early.body["subCategory"], "AppUserErrors.NO_SEAT_AVAILABLE_FOR_ROLE_COMBINATION");
    sim.advance(Duration::from_secs(30));
    assert_eq!(call(&sim, &post, &plain("a@example.com")).await.body["id"], first.body["id"]);
}

#[tokio::test(start_paused = true)]
async fn lists_of_people_lag_and_single_reads_do_not() {
    let sim = portal();
    let lag = Duration::from_millis(500);
    sim.set_switches(|switches| switches.read_lag = ReadLag { min: lag, max: lag });
    invite(&sim).await;
    assert_eq!(column(&get(&sim, USERS).await.body, "id"), ["1001"]);
    assert_eq!(status(&sim, &format!("GET {USERS}/1002"), "").await, 200);
    sim.advance(lag);
    assert_eq!(column(&get(&sim, USERS).await.body, "id"), ["1001", "1002"]);
    sim.remove_user("ada@example.com").unwrap();
    assert_eq!(column(&get(&sim, USERS).await.body, "id"), ["1001", "1002"]);
    sim.advance(lag);
    assert_eq!(column(&get(&sim, USERS).await.body, "id"), ["1001"]);
}
