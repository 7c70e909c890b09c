//! What each method sends, and what it makes of documented answers.

use serde_json::json;

use crate::{
    domain::{Email, GroupName, OwnerId, PortalId, RoleId, TeamId, UserId},
    hubspot::{
        Archived, Filter, FilterOperator,
        paging::MAX_PAGES,
        testing::{bench, reply},
        wire::{
            account::AccountType,
            owners::OwnerType,
            properties::{GroupUpdate, NewGroup, Property, PropertyOption, PropertyType, PropertyUpdate},
            users::{NewUser, UserUpdate},
        },
    },
};

const USER: &str = r#"{"id":"100","email":"Assistant@Example.com","firstName":"Ada","roleIds":["1234"],"roleId":1234,"superAdmin":false,"sendWelcomeEmail":true,"seatNames":["x"]}"#;

#[tokio::test(start_paused = true)]
async fn account_details_read_leniently() {
    let bench = bench([
        reply(
            200,
            r#"{"portalId":999001,"accountType":"DEVELOPER_TEST","timeZone":"US/Eastern","companyCurrency":"USD","additionalCurrencies":[],"utcOffset":"-05:00","utcOffsetMilliseconds":-18000000,"uiDomain":"app.hubspot.com","dataHostingLocation":"na1","portalName":"new"}"#,
        ),
        reply(200, r#"{"portalId":"7","accountType":"GALACTIC","timeZone":null}"#),
    ]);
    let full = bench.hubspot.account_details().await.unwrap();
    assert_eq!((full.portal_id, full.account_type), (PortalId(999_001), AccountType::DeveloperTest));
    let sparse = bench.hubspot.account_details().await.unwrap();
    assert_eq!(sparse.portal_id, PortalId(7));
    assert_eq!(sparse.account_type, AccountType::Other("GALACTIC".to_owned()));
    let seen = bench.script.seen();
    assert_eq!(seen[0].line(), "GET /account-info/2026-03/details");
    assert_eq!(seen[0].host, "https://api.hubapi.com");
    assert_eq!(seen[0].authorization, "Bearer pat-na1-canary-5f0e");
}

#[tokio::test(start_paused = true)]
async fn users_are_found_created_changed_and_removed() {
    let bench =
        bench([reply(200, USER), reply(404, ""), reply(201, USER), reply(200, USER), reply(204, ""), reply(404, "")]);
    let (hubspot, id) = (&bench.hubspot, UserId("100".to_owned()));
    let email = Email::new("ada+tec@example.com").unwrap();
    let user = hubspot.find_user(&email).await.unwrap().unwrap();
    assert_eq!(user.address(), Email::new("assistant@example.com").ok());
    assert_eq!((user.role_id, user.last_name), (Some(RoleId("1234".to_owned())), None));
    assert_eq!(hubspot.find_user(&email).await.unwrap(), None);
    let new = NewUser {
        email,
        first_name: Some("Ada".to_owned()),
        last_name: None,
        role_id: None,
        primary_team_id: Some(TeamId("5".to_owned())),
        send_welcome_email: false,
    };
    assert_eq!(hubspot.create_user(&new).await.unwrap().id, id);
    let update = UserUpdate { last_name: Some("Lovelace".to_owned()), ..UserUpdate::default() };
    hubspot.update_user(&id, &update).await.unwrap();
    hubspot.delete_user(&id).await.unwrap();
    hubspot.delete_user(&id).await.unwrap();

    let seen = bench.script.seen();
    assert_eq!(
        bench.script.lines(),
        [
            "GET /settings/users/2026-03/ada%2Btec%40example.com?idProperty=EMAIL",
            "GET /settings/users/2026-03/ada%2Btec%40example.com?idProperty=EMAIL",
            "POST /settings/users/2026-03",
            "PUT /settings/users/2026-03/100",
            "DELETE /settings/users/2026-03/100",
            "DELETE /settings/users/2026-03/100",
        ]
    );
    let created = json!({"email":"ada+tec@example.com","firstName":"Ada","primaryTeamId":"5","sendWelcomeEmail":false});
    assert_eq!(seen[2].json(), created);
    assert_eq!(seen[3].json(), json!({"lastName":"Lovelace"}));
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_to_their_end() {
    let page = |id: u32, after: &str| {
        reply(
            200,
            &format!(
                r#"{{"results":[{{"id":{id},"email":"a{id}@example.com"}}],"paging":{{"next":{{"after":{after},"link":"?"}}}}}}"#
            ),
        )
    };
    let paged = bench([page(1, r#""1""#), page(2, "2"), page(3, r#""""#)]);
    let ids: Vec<_> = paged.hubspot.list_users().await.unwrap().into_iter().map(|user| user.id.0).collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(
        paged.script.lines(),
        ["", "&after=1", "&after=2"].map(|after| format!("GET /settings/users/2026-03?limit=100{after}"))
    );

    let circle = bench([page(1, r#""1""#), page(2, r#""2""#), page(1, r#""1""#)]);
    assert_eq!(circle.hubspot.list_users().await.unwrap_err().category(), "malformed");
    assert_eq!(circle.script.seen().len(), 3);

    let endless = bench((0..MAX_PAGES + 10).map(|n| page(1, &n.to_string())));
    assert_eq!(endless.hubspot.list_users().await.unwrap_err().category(), "malformed");
    assert_eq!(endless.script.seen().len(), MAX_PAGES);

    let broken = bench([page(1, "1"), reply(400, "")]);
    assert_eq!(broken.hubspot.list_users().await.unwrap_err().category(), "rejected", "never half a list");
}

#[tokio::test(start_paused = true)]
async fn owners_roles_teams_and_crm_users() {
    let bench = bench([
        reply(
            200,
            r#"{"results":[{"id":41629779,"type":"PERSON","email":"assistant@example.com","userId":100,"userIdIncludingInactive":"100","archived":false,"teams":[{"id":368389,"name":"Sales","primary":true}]},{"id":"5","type":"ROBOT","userId":null,"email":null}]}"#,
        ),
        reply(200, r#"{"results":[]}"#),
        reply(200, r#"{"results":[{"id":"1","name":"Seller","requiresBillingWrite":true}]}"#),
        reply(200, r#"{"results":[{"id":"9","name":"Sales","userIds":[100,"101"],"secondaryUserIds":null}]}"#),
        reply(
            200,
            r#"{"results":[{"id":"207838823235","properties":{"hs_email":"assistant@example.com","hs_internal_user_id":"100","hubspot_owner_id":41629779,"hs_invite_accepted_time":null,"hs_deactivated":"false","hs_object_id":"207838823235"},"createdAt":"2026-11-22T10:00:00.000Z","archived":false},{"id":"2","properties":{"hs_invite_accepted_time":"2026-11-22T10:00:00Z","hs_deactivated":true,"hubspot_owner_id":""}}]}"#,
        ),
    ]);
    let owners = bench.hubspot.list_owners(Archived::Exclude).await.unwrap();
    assert_eq!(owners[0].user_id, Some(UserId("100".to_owned())));
    assert_eq!(serde_json::to_value(&owners[0]).unwrap()["userId"], json!(100), "a number, as HubSpot writes it");
    assert_eq!((owners[1].owner_type.clone(), owners[1].address()), (OwnerType::Other("ROBOT".to_owned()), None));
    assert!(bench.hubspot.list_owners(Archived::Only).await.unwrap().is_empty());
    assert!(bench.hubspot.list_roles().await.unwrap()[0].requires_billing_write);
    let teams = bench.hubspot.list_teams().await.unwrap();
    assert_eq!((teams[0].user_ids.len(), teams[0].secondary_user_ids.len()), (2, 0));
    let crm_users = bench.hubspot.list_crm_users().await.unwrap();
    assert_eq!(crm_users[0].owner_id(), Some(OwnerId("41629779".to_owned())));
    assert!(!crm_users[0].has_accepted() && !crm_users[0].is_deactivated());
    assert!(crm_users[1].has_accepted() && crm_users[1].is_deactivated() && crm_users[1].owner_id().is_none());
    assert_eq!(
        bench.script.lines(),
        [
            "GET /crm/owners/2026-03?archived=false&limit=100",
            "GET /crm/owners/2026-03?archived=true&limit=100",
            "GET /settings/users/2026-03/roles",
            "GET /settings/users/2026-03/teams",
            "GET /crm/objects/2026-03/users?properties=hs_email%2Chs_internal_user_id%2Chubspot_owner_id%2Chs_invite_status%2Chs_invite_accepted_time%2Chs_deactivated&limit=100",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn groups_and_properties() {
    let property = r#"{"name":"hs_lead_status","label":"Lead Status","type":"enumeration","fieldType":"radio","groupName":"sales_properties","hubspotDefined":true,"options":[{"label":"New","value":"NEW","displayOrder":0,"hidden":false}],"modificationMetadata":{"archivable":true,"readOnlyDefinition":false,"readOnlyValue":false}}"#;
    let group = r#"{"name":"acme","label":"Acme","displayOrder":8,"archived":false}"#;
    let bench = bench([
        reply(200, &format!(r#"{{"results":[{group}]}}"#)),
        reply(201, group),
        reply(200, group),
        reply(204, ""),
        reply(200, &format!(r#"{{"results":[{property}]}}"#)),
        reply(200, property),
        reply(200, property),
    ]);
    let (hubspot, name) = (&bench.hubspot, GroupName::new("acme").unwrap());
    assert_eq!(hubspot.list_groups().await.unwrap()[0].display_order, Some(8));
    let new = NewGroup { name: name.clone(), label: "Acme".to_owned(), display_order: None };
    hubspot.create_group(&new).await.unwrap();
    hubspot.update_group(&name, &GroupUpdate { label: Some("A".to_owned()), display_order: None }).await.unwrap();
    hubspot.delete_group(&name).await.unwrap();
    let listed: Vec<Property> = hubspot.list_properties(Archived::Only).await.unwrap();
    assert_eq!(listed[0].property_type, PropertyType::Enumeration);
    assert!(hubspot.find_property("hs_lead_status", Archived::Exclude).await.unwrap().is_some());
    let option = PropertyOption {
        label: "Done".to_owned(),
        value: "done".to_owned(),
        display_order: Some(1),
        ..PropertyOption::default()
    };
    let update = PropertyUpdate { options: Some(vec![option]), ..PropertyUpdate::default() };
    hubspot.update_property("hs_lead_status", &update).await.unwrap();
    let seen = bench.script.seen();
    assert_eq!(
        bench.script.lines(),
        [
            "GET /crm/properties/2026-03/contacts/groups",
            "POST /crm/properties/2026-03/contacts/groups",
            "PATCH /crm/properties/2026-03/contacts/groups/acme",
            "DELETE /crm/properties/2026-03/contacts/groups/acme",
            "GET /crm/properties/2026-03/contacts?archived=true",
            "GET /crm/properties/2026-03/contacts/hs_lead_status?archived=false",
            "PATCH /crm/properties/2026-03/contacts/hs_lead_status",
        ]
    );
    assert_eq!(seen[1].json(), json!({"name":"acme","label":"Acme"}));
    assert_eq!(seen[2].json(), json!({"label":"A"}));
    let sent = json!({"options":[{"label":"Done","value":"done","displayOrder":1,"hidden":false}]});
    assert_eq!(seen[6].json(), sent);
}

#[tokio::test(start_paused = true)]
async fn contacts_are_counted() {
    let bench = bench([reply(200, r#"{"total":412,"results":[{"id":"201"}],"paging":{"next":{"after":"1"}}}"#)]);
    let filter = |property: &str, operator| Filter { property: property.to_owned(), operator };
    let filters = [
        filter("tec_schedule", FilterOperator::Eq("mo-fr".to_owned())),
        filter("tec_context", FilterOperator::HasProperty),
    ];
    assert_eq!(bench.hubspot.count_contacts(&filters).await.unwrap(), 412);
    assert_eq!(bench.script.lines(), ["POST /crm/objects/2026-03/contacts/search"]);
    let sent = json!({
        "filterGroups": [{"filters": [
            {"propertyName": "tec_schedule", "operator": "EQ", "value": "mo-fr"},
            {"propertyName": "tec_context", "operator": "HAS_PROPERTY"},
        ]}],
        "sorts": [], "properties": [], "limit": 1, "after": "0",
    });
    assert_eq!(bench.script.seen()[0].json(), sent);
}
