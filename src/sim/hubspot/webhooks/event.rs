//! From a change to the events that tell of it, in HubSpot's shape (API.md §10.1). Pure but for the event's number.

use serde_json::{Value, json};

use super::{
    super::changes::{ChangeKind, ContactChange},
    Subscription, WebhookTarget,
};

/// One event per subscription that wants to hear of the change.
pub(super) fn told(
    change: &ContactChange,
    target: &WebhookTarget,
    portal_id: u64,
    rng: &mut fastrand::Rng,
) -> Vec<Value> {
    let wanted = target.subscriptions.iter().filter(|subscription| wants(subscription, &change.kind));
    wanted.map(|subscription| event(change, (target.app_id, portal_id), subscription, rng.u32(..))).collect()
}

fn wants(subscription: &Subscription, kind: &ChangeKind) -> bool {
    let Some(("contact" | "object", wanted)) = subscription.event_type.split_once('.') else { return false };
    let name = match kind {
        ChangeKind::PropertyChange { name, .. } => {
            return wanted == "propertyChange" && subscription.property.as_ref().is_none_or(|only| only == name);
        }
        ChangeKind::Creation => "creation",
        ChangeKind::Deletion => "deletion",
        ChangeKind::Restoration => "restore",
        ChangeKind::Merge { .. } => "merge",
    };
    wanted == name
}

fn event(change: &ContactChange, (app_id, portal_id): (u64, u64), subscription: &Subscription, event_id: u32) -> Value {
    let ContactChange { object_id, kind, at, source_type, source_id } = change;
    let mut event = json!({
        "eventId": event_id,
        "subscriptionId": subscription.id,
        "portalId": portal_id,
        "appId": app_id,
        "occurredAt": at.as_millisecond(),
        "subscriptionType": subscription.event_type,
        "attemptNumber": 0,
        "objectId": object_id,
        "changeSource": source_type,
        "sourceId": source_id,
    });
    if subscription.event_type.starts_with("object.") {
        event["objectTypeId"] = json!("0-1");
        event["isSensitive"] = json!(false);
    }
    match kind {
        ChangeKind::PropertyChange { name, value } => {
            event["propertyName"] = json!(name);
            event["propertyValue"] = json!(value);
        }
        ChangeKind::Creation => event["changeFlag"] = json!("NEW"),
        ChangeKind::Deletion => event["changeFlag"] = json!("DELETED"),
        ChangeKind::Restoration => event["changeFlag"] = json!("RESTORED"),
        ChangeKind::Merge { merged } => {
            // With a new id for the result, the primary is the first of those that are gone.
            let (primary, others) = match merged.as_slice() {
                [primary, others @ ..] if !others.is_empty() => (primary, others),
                others => (object_id, others),
            };
            event["changeFlag"] = json!("MERGED");
            event["primaryObjectId"] = json!(primary);
            event["mergedObjectIds"] = json!(others);
            event["newObjectId"] = json!(object_id);
            event["numberOfPropertiesMoved"] = json!(0);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::WebhookTarget, ChangeKind, ContactChange, Subscription, told};

    fn change(kind: ChangeKind) -> ContactChange {
        let at = jiff::Timestamp::from_millisecond(1_763_805_540_000).unwrap();
        ContactChange { object_id: 201, kind, at, source_type: "CRM_UI", source_id: "userId:42".to_owned() }
    }

    fn owner() -> ChangeKind {
        ChangeKind::PropertyChange { name: "hubspot_owner_id".to_owned(), value: "555".to_owned() }
    }

    fn target(subscriptions: &[(&str, Option<&str>)]) -> WebhookTarget {
        let mut target = WebhookTarget::new("https://x.example", "http://x.example", "s").unwrap();
        let subscriptions = subscriptions.iter().zip(11..).map(|((event_type, property), id)| Subscription {
            id,
            event_type: (*event_type).to_owned(),
            property: property.map(str::to_owned),
        });
        target.subscriptions = subscriptions.collect();
        target
    }

    #[test]
    fn a_property_change_is_told_as_the_documentation_shows() {
        let events = told(
            &change(owner()),
            &target(&[("contact.propertyChange", Some("hubspot_owner_id"))]),
            999_001,
            &mut fastrand::Rng::with_seed(1),
        );
        let mut expected = json!({"eventId":100,"subscriptionId":11,"portalId":999_001,"appId":777,"occurredAt":1_763_805_540_000_u64,
            "subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":201,"propertyName":"hubspot_owner_id",
            "propertyValue":"555","changeSource":"CRM_UI","sourceId":"userId:42"});
        expected["eventId"] = events[0]["eventId"].clone();
        assert_eq!(events, [expected]);
    }

    #[test]
    fn each_subscription_hears_what_it_wants() {
        let merge = ChangeKind::Merge { merged: vec![7, 8] };
        let table = [
            ("contact.propertyChange", Some("email"), owner(), false),
            ("contact.propertyChange", None, owner(), true),
            ("object.propertyChange", Some("hubspot_owner_id"), owner(), true),
            ("deal.propertyChange", None, owner(), false),
            ("contact.creation", None, ChangeKind::Creation, true),
            ("contact.creation", None, ChangeKind::Deletion, false),
            ("contact.deletion", None, ChangeKind::Deletion, true),
            ("object.restore", None, ChangeKind::Restoration, true),
            ("contact.merge", None, merge.clone(), true),
            ("nonsense", None, merge.clone(), false),
        ];
        for (event_type, property, kind, expected) in table {
            let events = told(&change(kind), &target(&[(event_type, property)]), 1, &mut fastrand::Rng::with_seed(1));
            assert_eq!(events.len() == 1, expected, "{event_type}");
            if let Some(event) = events.first().filter(|_| event_type.starts_with("object.")) {
                assert_eq!(event["objectTypeId"], "0-1");
            }
        }
        let parts = |merged| {
            let kind = ChangeKind::Merge { merged };
            let event =
                told(&change(kind), &target(&[("contact.merge", None)]), 1, &mut fastrand::Rng::with_seed(1)).remove(0);
            [&event["primaryObjectId"], &event["mergedObjectIds"], &event["newObjectId"]].map(ToString::to_string)
        };
        assert_eq!(parts(vec![7, 8]), ["7", "[8]", "201"], "a new record takes the place of two");
        assert_eq!(parts(vec![8]), ["201", "[8]", "201"], "the primary keeps its id");
    }
}
