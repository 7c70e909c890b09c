//! What each switch does that no other test throws: one that does nothing would let everybody pass.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    super::{
        AnswersAs, AssignedDateOnCreate, DailyUsage, DuplicateGroup, DuplicateOptions, EnumerationWithoutOptions,
        FaultRule, HistoryOrder, HubSpotSim, InitialState, InvitationShown, InviteEmail, NewMember, Noise,
        OptionErrors, OwnerArchival, OwnerPolicy, PastEnd, PendingOwner, RemovedOption, SearchRefusal, SimConfig,
        Switches, TypeChange, UnknownRoute, WrongRegion,
    },
    START, call, column, get, portal, portal_with, status, values,
};
use crate::runtime::clock::VirtualClock;

const FIELDS: &str = "/crm/properties/2026-03/contacts";
const CONTACTS: &str = "/crm/objects/2026-03/contacts";

fn switched(change: impl FnOnce(&mut Switches)) -> HubSpotSim {
    let sim = portal();
    sim.set_switches(change);
    sim
}

fn user(sim: &HubSpotSim, email: &str, accepted: bool) -> Value {
    let member = NewMember { email: email.to_owned(), accepted, ..NewMember::default() };
    sim.add_user(member).unwrap()
}

fn field(options: &[(&str, &str)]) -> String {
    let option =
        |(label, value): &(&str, &str)| json!({"label": label, "value": value, "displayOrder": 0, "hidden": false});
    let options: Vec<Value> = options.iter().map(option).collect();
    json!({"name": "color", "label": "Color", "type": "enumeration", "fieldType": "select",
           "groupName": "contactinformation", "options": options})
    .to_string()
}

#[tokio::test(start_paused = true)]
async fn options_are_refused_as_switched() {
    let twins = field(&[("Red", "r"), ("Red", "x")]);
    let create = format!("POST {FIELDS}");
    let refused = call(&portal(), &create, &twins).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["code"]), (400, &json!("DUPLICATE_OPTION_LABEL")));
    let bare = call(&switched(|s| s.option_errors = OptionErrors::Bare), &create, &twins).await;
    assert_eq!((bare.status, bare.body.get("errors")), (400, None));
    assert_eq!(status(&switched(|s| s.duplicate_options = DuplicateOptions::Accepted), &create, &twins).await, 201);
    let three = field(&[("Red", "r"), ("Green", "g"), ("Blue", "b")]);
    assert_eq!(status(&switched(|s| s.option_limit = 2), &create, &three).await, 400);
    assert_eq!(status(&switched(|s| s.option_limit = 3), &create, &three).await, 201);
    assert_eq!(status(&switched(|s| s.name_limit = 4), &create, &three).await, 400);
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_without_options_is_made_as_switched() {
    let (create, bare) = (format!("POST {FIELDS}"), field(&[]));
    for (switch, answer) in [(EnumerationWithoutOptions::Accepted, 201), (EnumerationWithoutOptions::Refused, 400)] {
        let sim = switched(|switches| switches.enumeration_without_options = switch);
        assert_eq!(status(&sim, &create, &bare).await, answer, "{switch:?}");
        assert_eq!(status(&sim, &create, &field(&[("Red", "r")])).await, if answer == 400 { 201 } else { 409 });
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_comes_after_acceptance_when_the_switch_says() {
    let owned = async |sim: &HubSpotSim| {
        let owners = get(sim, "/crm/owners/2026-03?email=ada@example.com").await;
        owners.body["results"].as_array().unwrap().len()
    };
    for wait in [Duration::ZERO, Duration::from_mins(5)] {
        let sim = switched(|switches| {
            (switches.owner, switches.owner_after_acceptance) = (OwnerPolicy::AfterAcceptance, wait);
        });
        user(&sim, "ada@example.com", true);
        if !wait.is_zero() {
            sim.advance(wait / 2);
            assert_eq!(owned(&sim).await, 0);
            sim.advance(wait / 2);
        }
        assert_eq!(owned(&sim).await, 1, "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_invitation_mail_is_told_as_switched() {
    let name = "hs_invite_email_status";
    for (switch, value) in [
        (InviteEmail::Sent, Some(json!("SENT"))),
        (InviteEmail::Bounced, Some(json!("BOUNCED"))),
        (InviteEmail::Unset, Some(Value::Null)),
        (InviteEmail::Unknown, None),
    ] {
        let sim = switched(|switches| switches.invite_email = switch);
        user(&sim, "ada@example.com", true);
        let path = format!("/crm/objects/2026-03/users/ada@example.com?idProperty=hs_email&properties={name}");
        assert_eq!(get(&sim, &path).await.body["properties"].get(name).cloned(), value, "{switch:?}");
        let definition = get(&sim, &format!("/crm/properties/2026-03/users/{name}")).await.status;
        assert_eq!(definition, if value.is_some() { 200 } else { 404 }, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_of_2026_09_is_answered_by_its_rules() {
    let sim = portal();
    let missed = json!({"inputs": [{"id": "1"}], "properties": [], "propertiesWithHistory": []}).to_string();
    for (version, answer) in [("2026-03", 207), ("v3", 207), ("2026-09", 200)] {
        let path = match version {
            "v3" => "/crm/v3/objects/contacts".to_owned(),
            dated => format!("/crm/objects/{dated}/contacts"),
        };
        let reply = call(&sim, &format!("POST {path}/batch/read"), &missed).await;
        assert_eq!((reply.status, &reply.body["numErrors"]), (answer, &json!(1)), "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_that_goes_leaves_its_holders_as_switched() {
    for (switch, answer, left) in [
        (RemovedOption::ValuesStay, 200, Some("r")),
        (RemovedOption::ValuesCleared, 200, None),
        (RemovedOption::Refused, 400, Some("r")),
    ] {
        let sim = switched(|switches| switches.removed_option = switch);
        assert_eq!(status(&sim, &format!("POST {FIELDS}"), &field(&[("Red", "r"), ("Green", "g")])).await, 201);
        let id = sim.create_contacts(1, &values(&[("color", "r")])).unwrap().remove(0);
        let green = json!({"options": [{"label": "Green", "value": "g", "displayOrder": 0, "hidden": false}]});
        assert_eq!(status(&sim, &format!("PATCH {FIELDS}/color"), &green.to_string()).await, answer, "{switch:?}");
        assert_eq!(sim.contact(&id).unwrap()["properties"]["color"].as_str(), left, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn types_and_groups_are_refused_as_switched() {
    let text = json!({"type": "string", "fieldType": "text", "options": []}).to_string();
    for (switch, answer) in [(TypeChange::Accepted, 200), (TypeChange::Refused, 400)] {
        let sim = switched(|switches| switches.type_change = switch);
        call(&sim, &format!("POST {FIELDS}"), &field(&[("Red", "r")])).await;
        assert_eq!(status(&sim, &format!("PATCH {FIELDS}/color"), &text).await, answer, "{switch:?}");
    }
    for (switch, answer) in
        [(DuplicateGroup::Conflict, 409), (DuplicateGroup::Invalid, 400), (DuplicateGroup::SameGroup, 201)]
    {
        let sim = switched(|switches| switches.duplicate_group = switch);
        let group = r#"{"name":"acme","label":"Acme"}"#;
        assert_eq!(status(&sim, &format!("POST {FIELDS}/groups"), group).await, 201);
        assert_eq!(status(&sim, &format!("POST {FIELDS}/groups"), group).await, answer, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn owners_follow_their_users_as_switched() {
    for (switch, soon, later) in
        [(OwnerArchival::AtOnce, 1, 1), (OwnerArchival::Later, 0, 1), (OwnerArchival::Never, 0, 0)]
    {
        let sim = switched(|switches| switches.owner_archival = switch);
        user(&sim, "sue@example.com", true);
        sim.remove_user("sue@example.com").unwrap();
        let archived =
            async || get(&sim, "/crm/owners/2026-03?archived=true").await.body["results"].as_array().unwrap().len();
        assert_eq!(archived().await, soon, "{switch:?}");
        sim.advance(Duration::from_mins(11));
        assert_eq!(archived().await, later, "{switch:?}");
    }
    // Somebody who is back in the meantime stays.
    let sim = switched(|switches| switches.owner_archival = OwnerArchival::Later);
    user(&sim, "sue@example.com", true);
    sim.remove_user("sue@example.com").unwrap();
    user(&sim, "sue@example.com", true);
    sim.advance(Duration::from_mins(11));
    assert!(get(&sim, "/crm/owners/2026-03?archived=true").await.body["results"].as_array().unwrap().is_empty());
    for (switch, answer) in [(PendingOwner::Assignable, 201), (PendingOwner::NotAssignable, 400)] {
        let sim = switched(|switches| switches.pending_owner = switch);
        user(&sim, "ada@example.com", false);
        sim.advance(Duration::from_secs(10));
        let owners = get(&sim, "/crm/owners/2026-03?email=ada@example.com").await;
        let body = json!({"properties": {"hubspot_owner_id": column(&owners.body, "id")[0]}, "associations": []});
        assert_eq!(status(&sim, &format!("POST {CONTACTS}"), &body.to_string()).await, answer, "{switch:?}");
        sim.accept_invitation("ada@example.com").unwrap();
        assert_eq!(status(&sim, &format!("POST {CONTACTS}"), &body.to_string()).await, 201, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn invitations_and_usage_show_as_switched() {
    let path = "/crm/objects/2026-03/users?properties=hs_invite_status";
    for (switch, answer, shown) in [
        (InvitationShown::Plainly, 200, Some("ACCEPTED")),
        (InvitationShown::InOtherWords, 200, Some("active_user")),
        (InvitationShown::Unknown, 200, None),
        (InvitationShown::Forbidden, 403, None),
    ] {
        let reply = get(&switched(|switches| switches.invitation_shown = switch), path).await;
        let status = reply.body["results"][0]["properties"]["hs_invite_status"].as_str();
        assert_eq!((reply.status, status), (answer, shown), "{switch:?}");
    }
    for (switch, answer, shown) in [
        (DailyUsage::Available, 200, Some("SUCCESS")),
        (DailyUsage::Forbidden, 403, None),
        (DailyUsage::NotFound, 404, None),
        (DailyUsage::Unfetched, 200, Some("FAILURE")),
    ] {
        let sim = switched(|switches| switches.daily_usage = switch);
        let reply = get(&sim, "/account-info/2026-03/api-usage/daily/private-apps").await;
        let status = reply.body["results"][0]["fetchStatus"].as_str();
        assert_eq!((reply.status, status), (answer, shown), "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn histories_and_dates_are_kept_as_switched() {
    let sim = portal();
    let id = sim.create_contacts(1, &values(&[("firstname", "A")])).unwrap();
    for name in ["B", "C"] {
        sim.update_contacts(&id, &values(&[("firstname", name)])).unwrap();
    }
    let history = |sim: &HubSpotSim| -> String {
        let versions = sim.contact_history(&id[0], "firstname").unwrap();
        versions.iter().filter_map(|version| version["value"].as_str()).collect()
    };
    assert_eq!(history(&sim), "CBA");
    sim.set_switches(|switches| switches.history_order = HistoryOrder::OldestFirst);
    assert_eq!(history(&sim), "ABC");
    sim.set_switches(|switches| switches.history_depth = Some(2));
    assert_eq!(history(&sim), "BC");
    for (switch, dated) in [(AssignedDateOnCreate::Set, true), (AssignedDateOnCreate::Absent, false)] {
        let sim = switched(|switches| switches.assigned_date_on_create = switch);
        let owner = column(&get(&sim, "/crm/owners/2026-03").await.body, "id").remove(0);
        let id = sim.create_contacts(1, &values(&[("hubspot_owner_id", &owner)])).unwrap().remove(0);
        let date = |sim: &HubSpotSim| sim.contact(&id).unwrap()["properties"]["hubspot_owner_assigneddate"].is_string();
        assert_eq!(date(&sim), dated, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn searches_are_refused_as_switched() {
    let beyond = r#"{"after":"10000"}"#;
    let search = format!("POST {CONTACTS}/search");
    for (switch, answer) in [(PastEnd::Explained, 400), (PastEnd::Bare, 400), (PastEnd::Empty, 200)] {
        let reply = call(&switched(|switches| switches.search_past_end = switch), &search, beyond).await;
        assert_eq!(
            (reply.status, reply.body.get("errors").is_some()),
            (answer, switch == PastEnd::Explained),
            "{switch:?}"
        );
    }
    for (switch, policy) in [
        (SearchRefusal::Secondly, Some("SECONDLY")),
        (SearchRefusal::TenSecondly, Some("TEN_SECONDLY_ROLLING")),
        (SearchRefusal::Unnamed, None),
    ] {
        for counts in [false, true] {
            let sim = switched(|switches| {
                (switches.search_refusal, switches.refused_search_counts) = (switch, counts);
            });
            for _ in 0..5 {
                assert_eq!(status(&sim, &search, "{}").await, 200);
            }
            let refused = call(&sim, &search, "{}").await;
            assert_eq!((refused.status, refused.body["policyName"].as_str()), (429, policy));
            let usage = get(&sim, "/account-info/2026-03/api-usage/daily/private-apps").await;
            assert_eq!(usage.body["results"][0]["currentUsage"], json!(if counts { 7 } else { 6 }));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_required_property_and_the_next_version_answer_as_switched() {
    let sim = switched(|switches| switches.required_property = Some("phone".to_owned()));
    let ids = sim.create_contacts(2, &values(&[("firstname", "A")])).unwrap();
    sim.update_contacts(&ids[..1], &values(&[("phone", "1")])).unwrap();
    let input = |(trace, id): (usize, &String)| json!({"id": id, "objectWriteTraceId": trace.to_string(), "properties": {"firstname": "B"}});
    let inputs: Vec<Value> = ids.iter().enumerate().map(input).collect();
    let body = json!({"inputs": inputs}).to_string();
    for (version, answer) in [(AnswersAs::V2026_03, 207), (AnswersAs::V2026_09, 200)] {
        sim.set_switches(|switches| switches.answers_as = version);
        let reply = call(&sim, &format!("POST {CONTACTS}/batch/update"), &body).await;
        assert_eq!((reply.status, &reply.body["numErrors"]), (answer, &json!(1)));
        assert_eq!(reply.body["errors"][0]["errors"][0]["code"], "MISSING_REQUIRED_PROPERTY");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_routes_and_other_regions_answer_as_switched() {
    for (switch, kind) in [
        (UnknownRoute::Json, "application/json"),
        (UnknownRoute::Html, "text/html"),
        (UnknownRoute::Empty, "text/plain"),
    ] {
        let reply = get(&switched(|switches| switches.unknown_route = switch), "/crm/v9/unicorns").await;
        assert_eq!(reply.status, 404);
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{switch:?}");
        assert!(reply.header("x-hubspot-correlation-id").is_some());
    }
    let sim = portal_with(SimConfig { data_hosting_location: "eu1".to_owned(), ..SimConfig::default() });
    sim.set_switches(|switches| switches.wrong_region = WrongRegion::Served);
    assert_eq!(get(&sim, "https://api.hubapi.com/account-info/2026-03/details").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn each_noise_is_heard_and_takes_nothing_away() {
    let path = format!("{FIELDS}/hs_lead_status");
    let quiet = get(&portal(), &path).await.body;
    for noise in Noise::ALL {
        let heard = get(&switched(|switches| switches.noise = *noise), &path).await.body;
        assert_eq!(heard == quiet, *noise == Noise::None, "{noise:?}");
        for needed in ["name", "label", "type", "groupName"] {
            assert_eq!(heard[needed], quiet[needed], "{noise:?}");
        }
        assert_eq!(heard["options"].as_array().unwrap().len(), 8, "{noise:?}");
    }
    let body = |noise| async move {
        get(&switched(|switches| switches.noise = noise), &format!("{FIELDS}/hs_lead_status")).await.body
    };
    assert!(body(Noise::ExtraFields).await["options"][0]["hsSomethingNew"].is_object());
    assert_eq!(body(Noise::Reordered).await["options"][0], quiet["options"][7]);
    assert!(body(Noise::Sparse).await.get("modificationMetadata").is_none());
    assert!(body(Noise::Nulls).await["modificationMetadata"].is_null());
    assert_eq!(body(Noise::NewValues).await["fieldType"], "hologram");
}

#[tokio::test(start_paused = true)]
async fn a_lock_lasts_its_time_and_an_answer_breaks_off() {
    let sim = portal();
    let lock = FaultRule { route: FIELDS.to_owned(), status: Some(423), lasts_ms: Some(2_000), ..FaultRule::default() };
    sim.add_fault(lock).unwrap();
    for (wait, answer) in [(0, 423), (1_000, 423), (900, 423), (200, 200)] {
        sim.advance(Duration::from_millis(wait));
        assert_eq!(get(&sim, FIELDS).await.status, answer);
    }
    sim.clear_faults();
    let whole = get(&sim, FIELDS).await.text;
    sim.add_fault(FaultRule { route: FIELDS.to_owned(), cut: true, ..FaultRule::default() }).unwrap();
    let cut = get(&sim, FIELDS).await;
    assert_eq!((cut.status, cut.text.as_str()), (200, &whole[..whole.len() / 2]));
    let both = FaultRule {
        route: "*".to_owned(),
        status: Some(423),
        times: Some(1),
        lasts_ms: Some(1),
        ..FaultRule::default()
    };
    assert_eq!(sim.add_fault(both).unwrap_err().status, 400);
}

#[tokio::test(start_paused = true)]
async fn switches_stand_in_a_state_file() {
    let text = "switches:\n  duplicateUser: sameUser\n  seatReleaseMs: 1500\n  readLag: {minMs: 250, maxMs: 700}\n  noise: nulls\n  requiredProperty: phone\n";
    let initial = InitialState::from_yaml(text).unwrap();
    let clock = Arc::new(VirtualClock::starting_at(START.parse().unwrap()));
    let sim = HubSpotSim::with_state(SimConfig::default(), clock, &initial).unwrap();
    let mut switches = Switches::default();
    sim.set_switches(|set| switches = set.clone());
    assert_eq!((switches.seat_release, switches.noise), (Duration::from_millis(1500), Noise::Nulls));
    assert_eq!((switches.read_lag.max, switches.option_limit), (Duration::from_millis(700), 5_000));
    for wrong in ["switches: {noSuchSwitch: true}", "switches: {noise: loud}"] {
        assert!(InitialState::from_yaml(wrong).is_err(), "{wrong}");
    }
}
