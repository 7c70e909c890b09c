//! One call of every route of the simulated HubSpot, with the methods it knows, in an order in which they succeed; and how
//! each is refused. Of each: the line, the body, the status, and what the id in the answer is called afterwards.

use serde_json::{Value, json};

/// A call. `{name}` in line and body stands for an id that an earlier answer gave. A body that is a text is sent as it is.
pub struct Step {
    pub line: String,
    /// Its content type.
    pub kind: &'static str,
    pub body: Value,
    pub status: u16,
    pub keep: &'static str,
}

fn step(line: &str, body: Value, status: u16, keep: &'static str) -> Step {
    Step { line: line.to_owned(), kind: "application/json", body, status, keep }
}

fn form(line: &str, form: &str, status: u16, keep: &'static str) -> Step {
    Step { kind: "application/x-www-form-urlencoded", ..step(line, json!(form), status, keep) }
}

fn get(path: &str) -> Step {
    step(&format!("GET {path}"), Value::Null, 200, "")
}

fn not_there(line: &str, status: u16) -> Step {
    step(line, Value::Null, status, "")
}

/// From the first call to the last.
pub fn story() -> Vec<Step> {
    let mut story = account();
    story.extend(oauth());
    story.extend(users());
    story.extend(groups_and_properties());
    story.extend(contacts());
    for (plural, type_id, properties) in [
        ("notes", 202, json!({"hs_timestamp": "2026-11-22T10:00:00Z", "hs_note_body": "Hello"})),
        ("emails", 198, json!({"hs_timestamp": "2026-11-22T10:00:00Z", "hs_email_direction": "EMAIL"})),
        ("tasks", 204, json!({"hs_timestamp": "2026-11-22T10:00:00Z", "hs_task_subject": "Call"})),
    ] {
        story.extend(engagements(plural, type_id, &properties));
        story.extend(associations(plural, type_id));
    }
    story.extend(endings());
    story
}

fn account() -> Vec<Step> {
    let info = "POST /oauth/v2/private-apps/get/access-token-info";
    vec![
        get("/account-info/2026-03/details"),
        get("/account-info/2026-03/api-usage/daily/private-apps"),
        get("/crm/limits/2026-03/custom-properties"),
        step(info, json!({"tokenKey": "{token}"}), 200, ""),
        step(info, json!({"tokenKey": "pat-na1-unknown"}), 401, ""),
    ]
}

/// Forms, of which `{app}` says who asks.
fn oauth() -> Vec<Step> {
    let form = |path: &str, fields: &str, status, keep| {
        form(&format!("POST /oauth/2026-03/token{path}"), &format!("{fields}&{{app}}"), status, keep)
    };
    let code = "grant_type=authorization_code&code={code}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\
                &redirect_uri=http%3A%2F%2Flocalhost%3A8687%2Fcallback";
    vec![
        form("", code, 200, ""),
        form("", code, 400, ""),
        form("", "grant_type=refresh_token&refresh_token={refresh}", 200, "access"),
        form("", "grant_type=refresh_token&refresh_token=na1-unknown", 400, ""),
        form("", "grant_type=client_credentials&scope=oauth", 200, ""),
        form("", "grant_type=password", 400, ""),
        form("/introspect", "token={access}&token_type_hint=access_token", 200, ""),
        form("/introspect", "token=unknown&token_type_hint=access_token", 200, ""),
        form("/revoke", "token={refresh}&token_type_hint=refresh_token", 200, ""),
        form("", "grant_type=refresh_token&refresh_token={refresh}", 400, ""),
        step("POST /oauth/2026-03/token", json!({"grant_type": "password"}), 415, ""),
    ]
}

fn users() -> Vec<Step> {
    let users = "/settings/users/2026-03";
    let new = json!({
        "email": "new@example.com", "sendWelcomeEmail": true, "firstName": "New", "lastName": "One",
        "roleId": "5001", "primaryTeamId": "368389", "secondaryTeamIds": ["368390"],
    });
    vec![
        get(users),
        step(&format!("POST {users}"), new.clone(), 201, "user"),
        step(&format!("POST {users}"), new, 409, ""),
        step(&format!("POST {users}"), json!({"email": "x@example.com"}), 400, ""),
        form(&format!("POST {users}"), "email=x%40example.com", 415, ""),
        get(&format!("{users}?limit=1")),
        get(&format!("{users}?limit=1&after={{user}}")),
        get(&format!("{users}/{{user}}")),
        get(&format!("{users}/new%40example.com?idProperty=EMAIL")),
        not_there(&format!("GET {users}/1"), 404),
        step(&format!("PUT {users}/{{user}}"), json!({"roleId": "5002", "secondaryTeamIds": []}), 200, ""),
        step(&format!("PUT {users}/{{user}}"), json!({"firstName": "Newer"}), 400, ""),
        get(&format!("{users}/roles")),
        get(&format!("{users}/teams")),
        get("/crm/owners/2026-03"),
        get("/crm/owners/2026-03?limit=1"),
        get("/crm/owners/2026-03?email=nobody%40example.com"),
        step("GET /crm/owners/2026-03?archived=true", Value::Null, 200, "gone"),
        step("GET /crm/owners/2026-03?email=seller%40example.com&archived=false", Value::Null, 200, "owner"),
        get("/crm/owners/2026-03/{owner}"),
        get("/crm/owners/2026-03/{seller}?idProperty=userId"),
        get("/crm/owners/2026-03/{gone}?archived=true"),
        not_there("GET /crm/owners/2026-03/1", 404),
        step("PUT /crm/owners/2026-03", Value::Null, 405, ""),
        step(
            "GET /crm/objects/2026-03/users?properties=hs_email,hs_job_title,hs_invite_accepted_time&limit=1",
            Value::Null,
            200,
            "record",
        ),
        get("/crm/objects/2026-03/users/{record}?properties=hs_email&properties=hubspot_owner_id"),
        not_there("GET /crm/objects/2026-03/users/1", 404),
        not_there("GET /crm/objects/2026-03/users?archived=true", 400),
        get("/crm/properties/2026-03/users"),
        get("/crm/properties/2026-03/users/hs_invite_status"),
        not_there("GET /crm/properties/2026-03/users/nope", 404),
        not_there("GET /crm/properties/2026-03/widgets", 400),
    ]
}

fn groups_and_properties() -> Vec<Step> {
    let all = "/crm/properties/2026-03/contacts";
    let option =
        |value: &str, place: i64| json!({"label": value, "value": value, "displayOrder": place, "hidden": false});
    let new = |name: &str| {
        json!({
            "name": name, "label": name, "type": "enumeration", "fieldType": "select", "groupName": "acme",
            "options": [option("1", 0), option("2", 1)], "displayOrder": -1, "formField": true, "hidden": false,
            "hasUniqueValue": false, "description": "Kept by nobody",
        })
    };
    let name = |name: &str| json!({ "name": name });
    let read = json!({"archived": false, "dataSensitivity": "non_sensitive", "inputs": [name("one"), name("email")]});
    let missed = json!({"archived": false, "dataSensitivity": "non_sensitive", "inputs": [name("one"), name("nope")]});
    vec![
        step(&format!("POST {all}/groups"), json!({"name": "acme", "label": "Acme", "displayOrder": -1}), 201, ""),
        step(&format!("POST {all}/groups"), json!({"name": "acme", "label": "Acme"}), 409, ""),
        get(&format!("{all}/groups")),
        get(&format!("{all}/groups/acme")),
        step(&format!("PATCH {all}/groups/acme"), json!({"label": "Acme, Inc.", "displayOrder": 3}), 200, ""),
        not_there(&format!("GET {all}/groups/nope"), 404),
        step(&format!("POST {all}"), new("one"), 201, ""),
        step(&format!("POST {all}"), new("one"), 409, ""),
        step(&format!("POST {all}"), json!({"name": "bad"}), 400, ""),
        get(all),
        get(&format!("{all}?archived=true")),
        get(&format!("{all}/one")),
        get(&format!("{all}/hs_lead_status?archived=false")),
        step(&format!("PATCH {all}/one"), json!({"label": "One", "options": [option("2", 0)]}), 200, ""),
        step(&format!("PATCH {all}/createdate"), json!({"label": "Mine"}), 400, ""),
        not_there(&format!("DELETE {all}/groups/acme"), 400),
        step(&format!("POST {all}/batch/create"), json!({"inputs": [new("two"), new("three")]}), 201, ""),
        step(&format!("POST {all}/batch/create"), json!({"inputs": [new("two"), new("four")]}), 207, ""),
        step(&format!("POST {all}/batch/read"), read, 200, ""),
        step(&format!("POST {all}/batch/read"), missed, 207, ""),
        step(&format!("POST {all}/batch/archive"), json!({"inputs": [name("two"), name("four")]}), 204, ""),
        step(&format!("DELETE {all}/three"), Value::Null, 204, ""),
        not_there(&format!("DELETE {all}/three"), 404),
        not_there(&format!("GET {all}/three"), 404),
        get(&format!("{all}/three?archived=true")),
    ]
}

fn contacts() -> Vec<Step> {
    let all = "/crm/objects/2026-03/contacts";
    let values = |email: &str| json!({"properties": {"email": email, "firstname": "Grace"}, "associations": []});
    let update = |id: &str, value: &str| json!({"id": id, "objectWriteTraceId": format!("t-{id}"), "properties": {"one": value, "hubspot_owner_id": "{owner}"}});
    let upsert = |email: &str, trace: &str| json!({"id": email, "idProperty": "email", "objectWriteTraceId": trace, "properties": {"email": email}});
    let read = |ids: &[&str], history: &[&str]| {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({"properties": ["email", "one", "nope"], "propertiesWithHistory": history, "inputs": inputs})
    };
    let search = |value: &str, limit: u32| {
        json!({
            "filterGroups": [{"filters": [{"propertyName": "email", "operator": "CONTAINS_TOKEN", "value": value}]}],
            "sorts": [{"propertyName": "createdate", "direction": "DESCENDING"}], "properties": ["email", "one"],
            "limit": limit, "after": "0",
        })
    };
    let wrong = json!({"filterGroups": [{"filters": [{"propertyName": "nope", "operator": "HAS_PROPERTY"}]}]});
    vec![
        step(&format!("POST {all}"), values("a@example.org"), 201, "a"),
        step(&format!("POST {all}"), values("b@example.org"), 201, "b"),
        step(&format!("POST {all}"), values("a@example.org"), 409, ""),
        step(&format!("POST {all}"), json!({"properties": {"nope": "x"}, "associations": []}), 400, ""),
        step(&format!("POST {all}"), json!("no object"), 400, ""),
        get(&format!("{all}?limit=1&properties=email,one&propertiesWithHistory=email")),
        get(&format!("{all}/{{a}}?properties=email&properties=one&propertiesWithHistory=firstname")),
        get(&format!("{all}/a%40example.org?idProperty=email")),
        get(&format!("{all}?archived=true")),
        not_there(&format!("GET {all}/1"), 404),
        not_there(&format!("GET {all}/abc"), 404),
        step(&format!("PATCH {all}/{{a}}"), json!({"properties": {"one": "2"}}), 200, ""),
        step(&format!("PATCH {all}/{{a}}"), json!({"properties": {"one": "7"}}), 400, ""),
        step(
            &format!("POST {all}/batch/create"),
            json!({"inputs": [values("c@example.org"), values("d@example.org")]}),
            201,
            "c",
        ),
        step(
            &format!("POST {all}/batch/create"),
            traced(vec![values("a@example.org"), values("e@example.org")]),
            207,
            "e",
        ),
        step(&format!("POST {all}/batch/read"), read(&["{a}", "{b}"], &[]), 200, ""),
        step(&format!("POST {all}/batch/read"), read(&["{a}", "1"], &["email", "one"]), 207, ""),
        step(&format!("POST {all}/batch/update"), json!({"inputs": [update("{a}", "2"), update("{b}", "2")]}), 200, ""),
        step(
            &format!("POST {all}/batch/update"),
            json!({"inputs": [update("{a}", "2"), update("{b}", "7"), update("1", "2")]}),
            207,
            "",
        ),
        step(&format!("POST {all}/batch/update"), json!({"inputs": [update("{a}", "2"), update("{a}", "2")]}), 400, ""),
        step(
            &format!("POST {all}/batch/upsert"),
            json!({"inputs": [upsert("a@example.org", "1"), upsert("f@example.org", "2")]}),
            200,
            "",
        ),
        step(
            &format!("POST {all}/batch/upsert"),
            json!({"inputs": [upsert("a@example.org", "1"), upsert("no address", "2")]}),
            207,
            "",
        ),
        step(&format!("POST {all}/search"), search("example.org", 200), 200, ""),
        step(&format!("POST {all}/search"), search("example.org", 1), 200, ""),
        step(&format!("POST {all}/search"), wrong, 400, ""),
        step(&format!("POST {all}/merge"), json!({"primaryObjectId": "{c}", "objectIdToMerge": "{e}"}), 200, "c"),
        step(&format!("POST {all}/merge"), json!({"primaryObjectId": "{c}", "objectIdToMerge": "1"}), 404, ""),
        step(&format!("POST {all}/batch/archive"), json!({"inputs": [{"id": "{c}"}]}), 204, ""),
    ]
}

/// The inputs with a mark each.
fn traced(inputs: Vec<Value>) -> Value {
    let mark = |(place, mut input): (usize, Value)| {
        input["objectWriteTraceId"] = json!(format!("t-{place}"));
        input
    };
    json!({"inputs": inputs.into_iter().enumerate().map(mark).collect::<Vec<_>>()})
}

fn engagements(plural: &str, type_id: u32, properties: &Value) -> Vec<Step> {
    let all = format!("/crm/objects/2026-03/{plural}");
    let new = |contact: &str| {
        json!({"properties": properties, "associations": [
            {"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]},
        ]})
    };
    let read = |ids: &[&str]| {
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        json!({"properties": ["hs_timestamp", "hubspot_owner_id"], "propertiesWithHistory": [], "inputs": inputs})
    };
    let of_contact = json!({
        "filterGroups": [{"filters": [{"propertyName": "associations.contact", "operator": "EQ", "value": "{a}"}]}],
        "sorts": [], "properties": ["hs_timestamp", "hubspot_owner_id"], "limit": 1, "after": "0",
    });
    vec![
        step(&format!("POST {all}"), new("{a}"), 201, "first"),
        step(&format!("POST {all}"), new("1"), 400, ""),
        step(&format!("POST {all}"), json!({"properties": {}, "associations": []}), 400, ""),
        step(&format!("POST {all}/batch/create"), traced(vec![new("{a}"), new("{b}")]), 201, "second"),
        step(&format!("POST {all}/batch/create"), traced(vec![new("{a}"), new("1")]), 207, ""),
        get(&format!("{all}?limit=1&properties=hs_timestamp,hubspot_owner_id&associations=contacts")),
        get(&format!("{all}/{{first}}?associations=contacts")),
        not_there(&format!("GET {all}/1"), 404),
        step(&format!("PATCH {all}/{{first}}"), json!({"properties": {"hubspot_owner_id": "{owner}"}}), 200, ""),
        step(&format!("POST {all}/batch/read"), read(&["{first}", "{second}"]), 200, ""),
        step(&format!("POST {all}/batch/read"), read(&["{first}", "1"]), 207, ""),
        step(&format!("POST {all}/search"), of_contact, 200, ""),
    ]
}

fn associations(plural: &str, type_id: u32) -> Vec<Step> {
    let spec = |id: u32| json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id}]);
    let back = type_id - 1;
    let (to, from) = (format!("/crm/objects/2026-03/{plural}"), "/crm/objects/2026-03/contacts");
    let batch = |from: &str, to: &str, what: &str| format!("POST /crm/associations/2026-03/{from}/{to}/batch/{what}");
    let pair = |from: &str, to: &str| json!({"from": {"id": from}, "to": {"id": to}});
    let typed = |from: &str, to: &str, id: u32| {
        let mut pair = pair(from, to);
        pair["types"] = spec(id);
        pair
    };
    let new = |to: &str, id: u32| {
        let properties = json!({ "firstname": plural });
        json!({ "properties": properties, "associations": [{"to": {"id": to}, "types": spec(id)}] })
    };
    let archive = json!({"inputs": [{"from": {"id": "{b}"}, "to": [{"id": "{first}"}]}]});
    vec![
        get(&format!("{from}/{{a}}/associations/{plural}?limit=1")),
        get(&format!("{from}/{{a}}?associations={plural}")),
        get(&format!("{from}?limit=1&associations={plural}")),
        step(&format!("POST {from}"), new("{first}", back), 201, ""),
        step(&format!("POST {from}"), new("{first}", type_id), 400, ""),
        get(&format!("{to}/{{first}}/associations/contacts")),
        step(&format!("PUT {to}/{{first}}/associations/contacts/{{b}}"), spec(type_id), 201, ""),
        step(&format!("PUT {to}/{{first}}/associations/contacts/1"), spec(type_id), 400, ""),
        step(&format!("DELETE {from}/{{b}}/associations/{plural}/{{first}}"), Value::Null, 204, ""),
        step(&format!("PUT {from}/{{b}}/associations/default/{plural}/{{first}}"), Value::Null, 200, ""),
        step(&batch("contacts", plural, "read"), json!({"inputs": [{"id": "{a}"}, {"id": "{b}"}]}), 200, ""),
        step(&batch("contacts", plural, "read"), json!({"inputs": [{"id": "{a}"}, {"id": "1"}]}), 207, ""),
        step(&batch("contacts", plural, "archive"), archive, 200, ""),
        step(&batch("contacts", plural, "create"), json!({"inputs": [typed("{b}", "{first}", back)]}), 201, ""),
        step(
            &batch("contacts", plural, "create"),
            json!({"inputs": [typed("{b}", "{first}", back), typed("1", "{first}", back)]}),
            207,
            "",
        ),
        step(
            &batch(plural, "contacts", "labels/archive"),
            json!({"inputs": [typed("{first}", "{b}", type_id)]}),
            200,
            "",
        ),
        step(&batch(plural, "contacts", "associate/default"), json!({"inputs": [pair("{first}", "{b}")]}), 200, ""),
        step(&batch(plural, "contacts", "associate/default"), json!({"inputs": [pair("{first}", "1")]}), 200, ""),
        step(&format!("POST {to}/batch/archive"), json!({"inputs": [{"id": "{second}"}]}), 204, ""),
        step(&format!("DELETE {to}/{{first}}"), Value::Null, 204, ""),
    ]
}

fn endings() -> Vec<Step> {
    let user = "DELETE /settings/users/2026-03/{user}";
    vec![
        step("DELETE /crm/objects/2026-03/contacts/{a}", Value::Null, 204, ""),
        not_there("GET /crm/objects/2026-03/contacts/{a}", 404),
        get("/crm/objects/2026-03/contacts/{a}?archived=true"),
        step(user, Value::Null, 204, ""),
        step(user, Value::Null, 204, ""),
        step("POST /crm/properties/2026-03/contacts/groups", json!({"name": "empty", "label": "Empty"}), 201, ""),
        step("DELETE /crm/properties/2026-03/contacts/groups/empty", Value::Null, 204, ""),
    ]
}
