//! Property groups.

use serde_json::{Value, json};

use super::{call, column, get, portal, status};

const GROUPS: &str = "/crm/properties/2026-03/contacts/groups";

#[tokio::test(start_paused = true)]
async fn groups_are_created_changed_and_removed() {
    let sim = portal();
    let post = format!("POST {GROUPS}");
    let created = call(&sim, &post, r#"{"name":"acme","label":"Acme","displayOrder":-1}"#).await;
    let mut expected = json!({ "name": "acme", "label": "Acme", "displayOrder": 2, "archived": false });
    assert_eq!((created.status, &created.body), (201, &expected));
    assert_eq!(created.header("location"), Some("/crm/properties/2026-03/contacts/groups/acme"));
    assert_eq!(call(&sim, &post, r#"{"name":"acme","label":"Acme"}"#).await.status, 409);
    for bad in [r#"{"name":"acme2"}"#, r#"{"name":"hs_x","label":"X"}"#, r#"{"name":"x","label":""}"#] {
        assert_eq!(status(&sim, &post, bad).await, 400, "{bad}");
    }
    let changed = call(&sim, &format!("PATCH {GROUPS}/acme"), r#"{"label":"Acme 2","name":"other"}"#).await;
    expected["label"] = json!("Acme 2");
    assert_eq!((changed.status, &changed.body), (200, &expected));
    assert_eq!(get(&sim, &format!("{GROUPS}/acme")).await.body, expected);
    assert_eq!(column(&get(&sim, GROUPS).await.body, "name"), ["acme", "contactinformation", "sales_properties"]);
    assert_eq!(status(&sim, &format!("DELETE {GROUPS}/acme"), "").await, 204);
    for line in ["GET", "PATCH", "DELETE"] {
        assert_eq!(status(&sim, &format!("{line} {GROUPS}/acme"), "{}").await, 404, "{line}");
    }
    assert_eq!(status(&sim, &post, r#"{"name":"acme","label":"Fresh"}"#).await, 201);
}

#[tokio::test(start_paused = true)]
async fn a_group_with_active_properties_stays_and_says_so_in_nested_text() {
    let sim = portal();
    sim.create_group(json!({ "name": "acme", "label": "Acme" })).unwrap();
    let field = json!({ "name": "acme_x", "label": "X", "type": "string", "fieldType": "text", "groupName": "acme" });
    sim.create_property(field.clone()).unwrap();
    let refused = call(&sim, &format!("DELETE {GROUPS}/acme"), "").await;
    let nested: Value = serde_json::from_str(refused.message()).unwrap();
    assert_eq!((refused.status, refused.body.get("category")), (400, None));
    assert_eq!(nested["subCategory"], "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES");
    sim.archive_property("acme_x").unwrap();
    assert_eq!(status(&sim, &format!("DELETE {GROUPS}/acme"), "").await, 204);
    let error = sim.create_property(field).unwrap_err();
    assert_eq!((error.status, error.message.as_str()), (400, "Property group acme does not exist for object type 0-1"));
}
