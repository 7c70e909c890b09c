//! What a delivery says: contacts of portals that have changed (API.md §10.1). Pure.
//!
//! Lenient, because nothing but a wake-up hangs on it: an event of a kind or shape unknown here is `None`, never an error.

use serde_json::Value;

use crate::domain::{ContactId, Fingerprint, OwnerId, PortalId};

/// Contacts, among the object types of `object.*` subscriptions.
const CONTACT_TYPE: &str = "0-1";
/// What tells one event from another. `eventId` alone is not unique.
const IDENTITY: [&str; 6] = ["portalId", "subscriptionId", "objectId", "propertyName", "occurredAt", "eventId"];

/// One event about contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContactEvent {
    pub portal: PortalId,
    /// The contact, and for a merge all that took part.
    pub contacts: Vec<ContactId>,
    /// Who is said to own it now.
    pub owner: Option<OwnerId>,
    /// Equal for the same event delivered again; `None` if nothing in the event could tell.
    pub identity: Option<Fingerprint>,
}

impl ContactEvent {
    /// Reads one item of a delivery.
    pub(super) fn read(item: &Value) -> Option<Self> {
        let kind = item.get("subscriptionType").or_else(|| item.get("eventType"))?.as_str()?;
        let about_contacts = match kind {
            "contact.propertyChange" | "contact.creation" | "contact.deletion" | "contact.merge" => true,
            _ => kind.starts_with("object.") && item.get("objectTypeId").and_then(Value::as_str) == Some(CONTACT_TYPE),
        };
        // Imports and our own writes change other properties by the thousand.
        if item.get("propertyName").and_then(Value::as_str).is_some_and(|name| name != "hubspot_owner_id") {
            return None;
        }
        let portal = PortalId(number(item.get("portalId")?)?);
        let mut contacts: Vec<ContactId> = Vec::new();
        if about_contacts {
            let single = ["objectId", "primaryObjectId", "newObjectId"].iter().filter_map(|field| item.get(field));
            let merged = item.get("mergedObjectIds").and_then(Value::as_array).into_iter().flatten();
            contacts.extend(single.chain(merged).filter_map(number).map(|id| ContactId(id.to_string())));
        }
        if contacts.is_empty() {
            return None;
        }
        let owner = item.get("propertyName").and(item.get("propertyValue")).and_then(number);
        Some(Self { portal, contacts, owner: owner.map(|id| OwnerId(id.to_string())), identity: identity(item) })
    }
}

fn identity(item: &Value) -> Option<Fingerprint> {
    if item.get("eventId").is_none() && item.get("occurredAt").is_none() {
        return None;
    }
    let parts = IDENTITY.map(|field| item.get(field).map(Value::to_string).unwrap_or_default());
    Some(Fingerprint::of(&parts.each_ref().map(String::as_bytes)))
}

/// HubSpot's ids in webhooks are numbers; as text they are taken too.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_pass_by_value)] // `json!` arguments read best by value

    use serde_json::{Value, json};

    use super::ContactEvent;

    fn example() -> Value {
        json!({"eventId":100,"subscriptionId":12345,"portalId":999_001,"appId":777,"occurredAt":1_763_805_540_000_u64,
            "subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":201,
            "propertyName":"hubspot_owner_id","propertyValue":"555","changeSource":"CRM_UI","sourceId":"userId:42"})
    }

    /// The example with other fields; null takes one away.
    fn with(changes: Value) -> Value {
        let mut event = example();
        for (field, value) in changes.as_object().unwrap() {
            event[field] = value.clone();
            if value.is_null() {
                event.as_object_mut().unwrap().remove(field);
            }
        }
        event
    }

    fn contacts(event: &Value) -> Vec<String> {
        ContactEvent::read(event).map(|event| event.contacts.into_iter().map(|id| id.0).collect()).unwrap_or_default()
    }

    #[test]
    fn events_about_contacts_name_them() {
        let table = [
            (json!({}), vec!["201"]),
            (json!({"propertyName": "tec_context"}), vec![]),
            (json!({"subscriptionType": null, "eventType": "contact.propertyChange"}), vec!["201"]),
            (json!({"objectId": "201", "portalId": "999001"}), vec!["201"]),
            (json!({"subscriptionType": "contact.creation", "changeFlag": "NEW"}), vec!["201"]),
            (json!({"subscriptionType": "contact.deletion"}), vec!["201"]),
            (
                json!({"subscriptionType": "contact.merge", "primaryObjectId": 1, "mergedObjectIds": [2, "3"], "newObjectId": 4}),
                vec!["201", "1", "4", "2", "3"],
            ),
            (json!({"subscriptionType": "contact.merge", "objectId": null, "mergedObjectIds": [2]}), vec!["2"]),
            (
                json!({"subscriptionType": "object.propertyChange", "objectTypeId": "0-1", "isSensitive": false}),
                vec!["201"],
            ),
            (json!({"subscriptionType": "object.deletion", "objectTypeId": "0-1"}), vec!["201"]),
            // Not about contacts, or of no use.
            (json!({"subscriptionType": "object.propertyChange", "objectTypeId": "0-2"}), vec![]),
            (json!({"subscriptionType": "object.propertyChange"}), vec![]),
            (json!({"subscriptionType": "deal.propertyChange"}), vec![]),
            (json!({"subscriptionType": "contact.associationChange"}), vec![]),
            (json!({"subscriptionType": 7}), vec![]),
            (json!({"subscriptionType": null}), vec![]),
            (json!({"portalId": null}), vec![]),
            (json!({"portalId": -1}), vec![]),
            (json!({"objectId": null}), vec![]),
            (json!({"objectId": "20x"}), vec![]),
            (json!({"objectId": ""}), vec![]),
            (json!({"objectId": 1.5}), vec![]),
            (json!({"objectId": [1]}), vec![]),
        ];
        for (changes, expected) in table {
            assert_eq!(contacts(&with(changes.clone())), expected, "{changes}");
        }
        for odd in [json!(null), json!(1), json!("x"), json!([]), json!({})] {
            assert_eq!(ContactEvent::read(&odd), None, "{odd}");
        }
    }

    #[test]
    fn an_event_delivered_again_is_the_same_event() {
        let identity = |changes| ContactEvent::read(&with(changes)).unwrap().identity;
        let first = identity(json!({}));
        assert!(first.is_some());
        assert_eq!(first, identity(json!({"attemptNumber": 3})));
        for other in [
            json!({"portalId": 2}),
            json!({"subscriptionId": 2}),
            json!({"objectId": 2}),
            json!({"propertyName": null}),
            json!({"occurredAt": 2}),
            json!({"eventId": 2}),
        ] {
            assert_ne!(first, identity(other.clone()), "{other}");
        }
        assert_eq!(identity(json!({"eventId": null, "occurredAt": null})), None);
    }
}
