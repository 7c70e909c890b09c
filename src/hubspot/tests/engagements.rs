//! Notes, e-mails and tasks: created, found and read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    domain::ContactId,
    hubspot::{
        EngagementKind, EngagementRecord, ErrorKind, ItemOutcome, ItemRefusal, NewEngagement, instant,
        testing::{Bench, Reply, bench, reply},
    },
};

const KINDS: [EngagementKind; 3] = [EngagementKind::Note, EngagementKind::Email, EngagementKind::Task];

fn answer(status: u16, body: &Value) -> Reply {
    reply(status, &body.to_string())
}

fn contacts(ids: &[&str]) -> Vec<ContactId> {
    ids.iter().map(|id| ContactId((*id).to_owned())).collect()
}

fn notes(ids: &[&str]) -> Vec<NewEngagement> {
    let properties = BTreeMap::from([("hs_note_body".to_owned(), "canary".to_owned())]);
    contacts(ids).into_iter().map(|contact| NewEngagement { contact, properties: properties.clone() }).collect()
}

fn done(id: &str) -> ItemOutcome {
    ItemOutcome::Done(Some(id.to_owned()))
}

/// Outcomes of notes for these contacts.
async fn created(ids: &[&str], status: u16, body: Value) -> Vec<ItemOutcome> {
    let Bench { hubspot, .. } = bench([answer(status, &body)]);
    let outcomes = hubspot.create_engagements(EngagementKind::Note, &notes(ids)).await.unwrap();
    assert!(!format!("{outcomes:?}").contains("canary"), "{outcomes:?}");
    outcomes
}

#[tokio::test(start_paused = true)]
async fn each_kind_is_created_with_its_association() {
    for (kind, path, association) in [
        (EngagementKind::Note, "notes", 202),
        (EngagementKind::Email, "emails", 198),
        (EngagementKind::Task, "tasks", 204),
    ] {
        let bench = bench([answer(201, &json!({"results": [{"id": 7001, "objectWriteTraceId": "input-0"}]}))]);
        let outcomes = bench.hubspot.create_engagements(kind, &notes(&["201"])).await.unwrap();
        assert_eq!(outcomes, [done("7001")]);
        assert_eq!(bench.script.lines(), [format!("POST /crm/objects/2026-03/{path}/batch/create")]);
        let sent = json!({"inputs": [{
            "objectWriteTraceId": "input-0",
            "properties": {"hs_note_body": "canary"},
            "associations": [{"to": {"id": "201"}, "types": [
                {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": association},
            ]}],
        }]});
        assert_eq!(bench.script.seen()[0].json(), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn results_are_told_apart_by_their_marks_in_any_order() {
    let body = json!({"results": [
        {"id": "7003", "objectWriteTraceId": "input-3"}, {"id": "7000", "objectWriteTraceId": "input-0"},
        {"id": "7009", "objectWriteTraceId": "input-0"},
    ],
    "errors": [
        {"category": "VALIDATION_ERROR", "message": "One or more associations are invalid: canary", "context": {
            "INVALID_OBJECT_IDS": ["CONTACT=canary is not valid"], "objectId": ["999"], "objectType": ["CONTACT"],
            "objectWriteTraceId": ["input-1"]}},
        {"category": "OBJECT_NOT_FOUND", "context": {"objectWriteTraceId": ["input-2"]}},
        {"category": "RATE_LIMITS", "context": {"objectWriteTraceId": ["input-4", "input-99", "other"]}},
    ]});
    let invalid = ItemRefusal {
        category: Some("VALIDATION_ERROR".to_owned()),
        codes: vec!["INVALID_OBJECT_IDS".to_owned()],
        message: "INVALID_OBJECT_IDS".to_owned(),
    };
    let expected = [
        done("7000"),
        ItemOutcome::Refused(invalid),
        ItemOutcome::Missing,
        done("7003"),
        ItemOutcome::Unclear,
        ItemOutcome::Unclear,
    ];
    for status in [200, 201, 207] {
        let outcomes = created(&["201", "999", "202", "201", "201", "203"], status, body.clone()).await;
        assert_eq!(outcomes, expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_marks_the_count_must_agree() {
    let two = json!([{"id": "1"}, {"id": "2"}]);
    let refused = json!({"category": "VALIDATION_ERROR", "context": {"objectId": ["203"]}});
    assert_eq!(created(&["201", "202"], 201, json!({"results": two})).await, [done("1"), done("2")]);
    let rows = [
        json!({"results": two}),
        json!({"results": two, "errors": [refused]}),
        json!({"results": [], "errors": [{"category": "VALIDATION_ERROR"}]}),
        json!({"status": "CANCELED", "results": []}),
    ];
    for body in rows {
        assert_eq!(created(&["201", "202", "203"], 207, body.clone()).await, vec![ItemOutcome::Unclear; 3], "{body}");
    }
    // One is marked, so the other two are the other two.
    let partly = json!({"results": [{"id": "1"}, {"id": "2", "objectWriteTraceId": "input-0"}, {"id": "3"}]});
    assert_eq!(created(&["201", "202", "203"], 201, partly).await, [done("2"), done("1"), done("3")]);
    let marked = json!({"objectWriteTraceId": ["input-1"]});
    let body = json!({"results": [{"id": "1"}], "errors": [{"category": "OBJECT_NOT_FOUND", "context": marked}]});
    assert_eq!(created(&["201", "202"], 207, body).await, [done("1"), ItemOutcome::Missing]);
    let by_contact = json!({"results": [], "errors": [refused]});
    let outcomes = created(&["203", "202", "203"], 207, by_contact).await;
    assert!(matches!(&outcomes[..], [ItemOutcome::Refused(_), ItemOutcome::Unclear, ItemOutcome::Refused(_)]));
}

#[tokio::test(start_paused = true)]
async fn a_create_that_may_have_happened_is_not_repeated() {
    for reply in [Reply::Lost, reply(502, "canary"), reply(504, ""), reply(201, r#"{"results":[{"ca"#)] {
        for kind in KINDS {
            let Bench { hubspot, script } = bench([reply.clone()]);
            let error = hubspot.create_engagements(kind, &notes(&["201"])).await.unwrap_err();
            assert!(error.is_ambiguous(), "{error:?}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(script.seen().len(), 1);
        }
    }
    let Bench { hubspot, script } = bench([Reply::NotSent, answer(201, &json!({"results": [{"id": "1"}]}))]);
    assert_eq!(hubspot.create_engagements(EngagementKind::Task, &notes(&["201"])).await.unwrap(), [done("1")]);
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_whole_batch_names_codes_only() {
    let body = json!({"status": "error", "message": "One or more associations are invalid", "context": {
        "INVALID_OBJECT_IDS": ["CONTACT=999 is not valid"], "objectId": ["999"]}, "category": "VALIDATION_ERROR"});
    let Bench { hubspot, .. } = bench([answer(400, &body)]);
    let error = hubspot.create_engagements(EngagementKind::Note, &notes(&["999"])).await.unwrap_err();
    let ErrorKind::Rejected(rejection) = error.kind else { panic!("{error:?}") };
    assert!(rejection.mentions("INVALID_OBJECT_IDS"), "{rejection:?}");
    let required = json!({"message": "Error creating NOTE. Some required properties were not set.",
        "category": "VALIDATION_ERROR", "context": {"properties": ["hs_timestamp", "can ary"]}});
    let Bench { hubspot, .. } = bench([answer(400, &required)]);
    let error = hubspot.create_engagements(EngagementKind::Note, &notes(&["999"])).await.unwrap_err();
    assert!(error.to_string().contains("REQUIRED_PROPERTY on hs_timestamp ["), "{error}");
    let conflict = json!({"message": "canary exists", "category": "CONFLICT"});
    let Bench { hubspot, .. } = bench([answer(409, &conflict)]);
    let error = hubspot.create_engagements(EngagementKind::Note, &notes(&["999"])).await.unwrap_err();
    assert_eq!(error.to_string(), "create_notes: exists already: status 409");
}

#[tokio::test(start_paused = true)]
async fn what_contacts_have_is_read_to_the_end() {
    let none = json!({"status": "error", "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "message": "No note is associated with contact 202.",
        "context": {"fromObjectId": ["202"], "fromObjectType": ["contact"], "toObjectType": ["note"]}});
    let page = |id: Value, to: Value, after: Value| json!({"from": {"id": id}, "to": to, "paging": {"next": {"after": after}}});
    let first = json!({"results": [
            page(json!("201"), json!([{"toObjectId": 7001, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 201}]}, {"toObjectId": "7002"}]), json!("p2")),
            page(json!(203), json!([{"toObjectId": 7003}]), Value::Null),
            {"from": {"id": "204"}, "to": null, "paging": null},
        ], "numErrors": 1, "errors": [none]});
    let second =
        json!({"results": [page(json!("201"), json!([{"toObjectId": 7002}, {"toObjectId": 7004}]), json!(""))]});
    let bench = bench([answer(207, &first), answer(200, &second)]);
    let wanted = contacts(&["201", "202", "203", "204", "201"]);
    let found = bench.hubspot.engagements_of(EngagementKind::Note, &wanted).await.unwrap();
    let shown: Vec<_> = found.iter().map(|(contact, ids)| (contact.as_str(), ids.join(" "))).collect();
    assert_eq!(shown, [("201", "7001 7002 7004".to_owned()), ("203", "7003".to_owned())]);
    assert_eq!(bench.script.lines(), ["POST /crm/associations/2026-03/contacts/notes/batch/read"; 2]);
    let seen = bench.script.seen();
    assert_eq!(seen[0].json(), json!({"inputs": [{"id": "201"}, {"id": "202"}, {"id": "203"}, {"id": "204"}]}));
    assert_eq!(seen[1].json(), json!({"inputs": [{"id": "201", "after": "p2"}]}));
}

#[tokio::test(start_paused = true)]
async fn half_of_what_contacts_have_is_an_error() {
    let endless = json!({"results": [{"from": {"id": "1"}, "to": [], "paging": {"next": {"after": "x"}}}]});
    let unread = json!({"results": [], "errors": [{"category": "INTERNAL_ERROR", "context": {"fromObjectId": ["1"]}}]});
    for (body, expected) in [(endless, "malformed"), (unread, "unavailable"), (json!({}), "malformed")] {
        let Bench { hubspot, .. } = bench([answer(200, &body)]);
        let error = hubspot.engagements_of(EngagementKind::Task, &contacts(&["1"])).await.unwrap_err();
        assert_eq!(error.category(), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn engagements_are_read() {
    let body = json!({"results": [
            {"id": 7002, "properties": {"hs_timestamp": "2026-11-22T10:00:00Z", "hs_email_subject": "canary", "x": null}},
            {"id": "7001", "properties": {"hs_timestamp": 1_763_000_000_000_u64}},
            {"id": "7003"},
        ], "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["7004"]}}]});
    let ids = ["7001", "7002", "7003", "7004", "7001"].map(str::to_owned);
    for (kind, path) in KINDS.into_iter().zip(["notes", "emails", "tasks"]) {
        let bench = bench([answer(207, &body)]);
        let found = bench.hubspot.read_engagements(kind, &ids, &["hs_timestamp", "hs_email_subject"]).await.unwrap();
        assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["7002", "7001", "7003"]);
        assert_eq!((found[0].value("hs_email_subject"), found[0].value("x")), (Some("canary"), None));
        assert_eq!((found[0].at(), found[1].at()), (instant("2026-11-22T10:00:00.000Z"), instant("1763000000000")));
        assert_eq!(found[2].at(), None);
        let shown = format!("{found:?} {:?}", notes(&["1"]));
        assert!(shown.contains("hs_email_subject") && !shown.contains("canary"), "{shown}");
        assert_eq!(bench.script.lines(), [format!("POST /crm/objects/2026-03/{path}/batch/read")]);
        let sent = json!({
            "properties": ["hs_timestamp", "hs_email_subject"], "propertiesWithHistory": [],
            "inputs": [{"id": "7001"}, {"id": "7002"}, {"id": "7003"}, {"id": "7004"}],
        });
        assert_eq!(bench.script.seen()[0].json(), sent);
    }
    let odd = EngagementRecord::new("1".to_owned(), BTreeMap::from([("hs_timestamp".to_owned(), "soon".to_owned())]));
    assert_eq!(odd.at(), None);
}

#[tokio::test(start_paused = true)]
async fn too_many_engagements_or_none_cost_no_call() {
    let Bench { hubspot, script } = bench([reply(500, "")]);
    let many: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    let texts: Vec<&str> = many.iter().map(String::as_str).collect();
    let kind = EngagementKind::Note;
    let refused = [
        hubspot.create_engagements(kind, &notes(&texts[..101])).await.map(drop),
        hubspot.engagements_of(kind, &contacts(&texts)).await.map(drop),
        hubspot.read_engagements(kind, &many[..101], &[]).await.map(drop),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().category(), "rejected");
    }
    assert_eq!(hubspot.create_engagements(kind, &[]).await, Ok(Vec::new()));
    assert_eq!(hubspot.engagements_of(kind, &[]).await, Ok(BTreeMap::new()));
    assert_eq!(hubspot.read_engagements(kind, &[], &[]).await, Ok(Vec::new()));
    assert!(script.seen().is_empty());
}
