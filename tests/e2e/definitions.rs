//! The custom resource definitions, as the API server takes them and a user reads them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::world::{KINDS, PATIENCE, Setup, World, cluster, install_crds, kubectl, manifest};

#[test]
fn definitions_are_accepted_without_a_warning() {
    install_crds(&cluster().admin_kubeconfig).expect("applied, with warnings as errors");
}

#[test]
fn every_field_is_explained() {
    let plane = cluster();
    let mut mute = Vec::new();
    for kind in KINDS {
        let name = format!("{kind}.crm.theeminenceco.com");
        let crd = kubectl(&plane.admin_kubeconfig, &["get", "crd", &name, "--output=json"], None).expect("a CRD");
        let crd: Value = serde_json::from_str(&crd).expect("JSON");
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        find_mute(schema, kind, &mut mute);
    }
    assert!(mute.is_empty(), "fields without a description: {mute:#?}");

    for (path, expected) in [
        ("assistant.spec", "The assistant's e-mail address"),
        ("assistant.status.setup", "One sentence."),
        ("crmconnection.spec.contactFields", "Single select of the twelve TEC states."),
        ("crmconnection.spec.auth", "exactly one of `accessToken`, `oauth`"),
        ("crmconnection.spec.leadStatus.mapping", "TEC state to `hs_lead_status` value"),
        ("schedulesync.spec.source", "The same list as YAML in a ConfigMap"),
    ] {
        let text = explain(&plane.admin_kubeconfig, path);
        // kubectl wraps lines.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&expected), "kubectl explain {path}: {text}");
    }
}

/// The API server publishes its schema a moment after it serves the kinds.
fn explain(kubeconfig: &Path, path: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match kubectl(kubeconfig, &["explain", path], None) {
            Err(error) if error.contains("couldn't find resource") && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer => return answer.expect(path),
        }
    }
}

fn find_mute(schema: &Value, path: &str, mute: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if field["description"].as_str().is_none_or(|text| text.trim().len() < 5) && !path.ends_with(".metadata") {
            mute.push(path.clone());
        }
        find_mute(field, &path, mute);
        find_mute(&field["items"], &format!("{path}[]"), mute);
    }
}

/// `Ok`: accepted. Else what the refusal must say.
type Case = (&'static str, Value, Result<(), &'static str>);

fn base(kind: &str) -> Value {
    let spec = match kind {
        "CrmConnection" => json!({"auth": {"accessToken": {"secretRef": {"name": "portal"}}}}),
        "Assistant" => json!({"connectionRef": {"name": "portal"}, "email": "ada@example.com"}),
        _ => json!({"connectionRef": {"name": "portal"}, "source": {"schedules": []}}),
    };
    manifest(kind, "case", &spec)
}

const DIFFERENT_NAMES: &str = "the three contact fields need three different names";
const INTERNAL_NAME: &str =
    "an internal name is a-z, 0-9 and _, starts with a letter, and not with hs_ or a<number>_ (reserved by HubSpot)";
const UNRENAMED: &str = "an internal name cannot be changed; HubSpot has no rename";
const ONE_AUTH: &str = "auth needs exactly one of accessToken, oauth";
const ONE_SOURCE: &str = "source needs exactly one of schedules, configMapRef, tec";
const BASE_URL: &str = "apiEndpoint is a base URL without path, e.g. https://api.hubapi.com";
const ADDRESS: &str = "email must be an address like ada@example.com";
const STATES: &str = "leadStatus.mapping has a key that is no TEC state (New, Pending, Cold, Engaged, Warm, Hot, Responded, OutOfOffice, LeadAtRisk, Processed, UnSubscribed, DeActivated)";

/// What is laid over the smallest valid object of the kind.
#[allow(clippy::too_many_lines, reason = "a table")]
fn creations() -> Vec<Case> {
    let connection = "CrmConnection";
    let field = |name: &str| json!({"contactFields": {"context": {"name": name}}});
    let oauth = json!({"clientSecretRef": {"name": "a"}, "tokenSecretRef": {"name": "b"}});
    vec![
        (connection, json!({}), Ok(())),
        (
            connection,
            json!({"portalId": "12345678", "apiEndpoint": "https://api.hubapi.com/", "interval": "10s"}),
            Ok(()),
        ),
        (
            connection,
            json!({"interval": "1h30m", "leads": {"pollInterval": "1s"}, "quota": {"reservePercent": 0}}),
            Ok(()),
        ),
        (connection, json!({"auth": {"accessToken": null, "oauth": oauth}}), Ok(())),
        (connection, json!({"leadStatus": {"mapping": {"Hot": "CONNECTED", "DeActivated": "UNQUALIFIED"}}}), Ok(())),
        (connection, json!({"holdUntil": "2031-12-24T18:00:00Z", "allowedNamespaces": ["a", "b"]}), Ok(())),
        (connection, json!({"auth": {"accessToken": null}}), Err(ONE_AUTH)),
        (connection, json!({"auth": {"oauth": oauth}}), Err(ONE_AUTH)),
        (connection, json!({"provider": "Salesforce"}), Err("Unsupported value: \"Salesforce\"")),
        (connection, json!({"portalId": "0123"}), Err("portalId is a number in quotes, e.g. \"12345678\"")),
        (connection, json!({"portalId": "acme"}), Err("portalId is a number in quotes, e.g. \"12345678\"")),
        (connection, json!({"apiEndpoint": "https://api.hubapi.com/crm"}), Err(BASE_URL)),
        (connection, json!({"apiEndpoint": "https://me@api.hubapi.com"}), Err(BASE_URL)),
        (connection, json!({"apiEndpoint": "ftp://api.hubapi.com"}), Err(BASE_URL)),
        (connection, json!({"interval": "9s"}), Err("interval must be at least 10s")),
        (connection, json!({"interval": "-10m"}), Err("spec.interval in body should match")),
        (connection, json!({"interval": "soon"}), Err("spec.interval in body should match")),
        (connection, json!({"leads": {"pollInterval": "999ms"}}), Err("pollInterval must be at least 1s")),
        (connection, field("tec_schedule"), Err(DIFFERENT_NAMES)),
        (connection, field("tec_lead_connection_status"), Err(DIFFERENT_NAMES)),
        (
            connection,
            json!({"contactFields": {"schedule": {"name": "x"}, "leadConnectionStatus": {"name": "x"}}}),
            Err(DIFFERENT_NAMES),
        ),
        (connection, field("Context"), Err(INTERNAL_NAME)),
        (connection, field("1context"), Err(INTERNAL_NAME)),
        (connection, field("hs_context"), Err(INTERNAL_NAME)),
        (connection, field("a123_context"), Err(INTERNAL_NAME)),
        (connection, json!({"contactFields": {"group": {"name": "with space"}}}), Err(INTERNAL_NAME)),
        (connection, json!({"contactFields": {"mode": "Watch"}}), Err("supported values: \"Enforce\", \"Observe\"")),
        (connection, json!({"leadStatus": {"mapping": {"Lukewarm": "OPEN"}}}), Err(STATES)),
        (
            connection,
            json!({"leadStatus": {"mapping": {"Hot": ""}}}),
            Err("spec.leadStatus.mapping.Hot in body should be at least 1 chars long"),
        ),
        (
            connection,
            json!({"quota": {"reservePercent": 91}}),
            Err("spec.quota.reservePercent in body should be less than or equal to 90"),
        ),
        (connection, json!({"tec": {"endpoint": "tec", "tokenSecretRef": {"name": "t"}}}), Err("spec.tec.endpoint")),
        (
            connection,
            json!({"tec": {"endpoint": "api.theeminenceco.com", "tokenSecretRef": {"name": "t"}}}),
            Err("tec.endpoint is a URL, e.g. https://api.theeminenceco.com"),
        ),
        (
            connection,
            json!({"webhooks": {"publicUrl": "http://example.com/hook", "signingSecretRef": {"name": "s"}}}),
            Err("webhooks.publicUrl must be https: HubSpot delivers nowhere else"),
        ),
        (connection, json!({"holdUntil": "tomorrow"}), Err("spec.holdUntil in body must be of type date-time")),
        (connection, json!({"allowedNamespaces": ["a", "a"]}), Err("Duplicate value: \"a\"")),
        (connection, json!({"portalID": "1"}), Err("unknown field \"spec.portalID\"")),
        ("Assistant", json!({}), Ok(())),
        ("Assistant", json!({"email": "Ada.Lovelace+crm@Sales.Example.co.uk"}), Ok(())),
        ("Assistant", json!({"defaults": {"context": "text"}}), Ok(())),
        ("Assistant", json!({"defaults": {"contextFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}}), Ok(())),
        ("Assistant", json!({"acknowledged": ["EmailNotificationsDisabled", "InvitationAccepted"]}), Ok(())),
        ("Assistant", json!({"email": "ada"}), Err(ADDRESS)),
        ("Assistant", json!({"email": "ada@localhost"}), Err(ADDRESS)),
        ("Assistant", json!({"email": "a da@example.com"}), Err(ADDRESS)),
        ("Assistant", json!({"email": "ada@@example.com"}), Err(ADDRESS)),
        ("Assistant", json!({"email": null}), Err("spec.email: Required value")),
        ("Assistant", json!({"connectionRef": null}), Err("spec.connectionRef: Required value")),
        (
            "Assistant",
            json!({"defaults": {"context": "text", "contextFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}}),
            Err("give defaults.context or defaults.contextFrom, not both"),
        ),
        ("Assistant", json!({"acknowledged": ["Everything"]}), Err("Unsupported value: \"Everything\"")),
        ("Assistant", json!({"deletionPolicy": "ForceDelete"}), Err("Unsupported value: \"ForceDelete\"")),
        ("ScheduleSync", json!({}), Ok(())),
        ("ScheduleSync", json!({"source": {"schedules": null, "configMapRef": {"name": "c", "key": "k"}}}), Ok(())),
        ("ScheduleSync", json!({"source": {"schedules": null, "tec": {}}}), Ok(())),
        ("ScheduleSync", json!({"source": {"schedules": null}}), Err(ONE_SOURCE)),
        ("ScheduleSync", json!({"source": {"tec": {}}}), Err(ONE_SOURCE)),
        ("ScheduleSync", json!({"source": {"configMapRef": {"name": "c", "key": "k"}}}), Err(ONE_SOURCE)),
        (
            "ScheduleSync",
            json!({"source": {"schedules": [{"value": "1", "label": "a"}, {"value": "1", "label": "b"}]}}),
            Err("Duplicate value: {\"value\":\"1\"}"),
        ),
        (
            "ScheduleSync",
            json!({"source": {"schedules": [{"value": "1"}]}}),
            Err("spec.source.schedules[0].label: Required value"),
        ),
        ("ScheduleSync", json!({"prune": "Burn"}), Err("Unsupported value: \"Burn\"")),
    ]
}

/// What is changed on an object that exists.
fn changes() -> Vec<Case> {
    let connection = "CrmConnection";
    let renamed = |field: &str| json!({"contactFields": {field: {"name": "renamed"}}});
    vec![
        (connection, json!({"interval": "1m", "contactFields": {"context": {"label": "Kontext"}}}), Ok(())),
        (connection, json!({"portalId": "999001"}), Ok(())),
        (connection, renamed("group"), Err(UNRENAMED)),
        (connection, renamed("context"), Err(UNRENAMED)),
        (connection, renamed("schedule"), Err(UNRENAMED)),
        (connection, renamed("leadConnectionStatus"), Err(UNRENAMED)),
        ("Assistant", json!({"firstName": "Ada", "suspend": true}), Ok(())),
        (
            "Assistant",
            json!({"email": "eve@example.com"}),
            Err("email cannot be changed; delete the Assistant and create it again"),
        ),
        (
            "Assistant",
            json!({"connectionRef": {"name": "other"}}),
            Err("connectionRef cannot be changed; delete the Assistant and create it again"),
        ),
        (
            "Assistant",
            json!({"connectionRef": {"namespace": "other"}}),
            Err("connectionRef cannot be changed; delete the Assistant and create it again"),
        ),
        ("ScheduleSync", json!({"source": {"schedules": [{"value": "1", "label": "One"}]}}), Ok(())),
        (
            "ScheduleSync",
            json!({"connectionRef": {"name": "other"}}),
            Err("connectionRef cannot be changed; delete the ScheduleSync and create it again"),
        ),
    ]
}

#[test]
fn bad_manifests_are_refused_with_a_sentence_and_good_ones_are_accepted() {
    // Without an operator: nobody but the API server has a say.
    let world = World::with(Setup { operator: false, ..Setup::new("rules") });
    let mut wrong = Vec::new();
    let mut check = |case: &Case, answer: Result<Value, kube::Error>| {
        let (kind, patch, expected) = case;
        match (answer, expected) {
            (Ok(_), Ok(())) => {}
            (Err(kube::Error::Api(status)), Err(sentence)) if status.message.contains(sentence) => {}
            (answer, _) => {
                let said = answer.map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
                wrong.push(format!("{kind} {patch}: expected {expected:?}, got {said}"));
            }
        }
    };
    let plural = |kind: &str| world.path(&format!("{}s", kind.to_lowercase()));
    for case in creations() {
        let mut object = base(case.0);
        json_patch::merge(&mut object, &json!({"spec": case.1}));
        let path = format!("{}?dryRun=All&fieldValidation=Strict", plural(case.0));
        check(&case, world.request("POST", &path, Some(&object)));
    }
    for kind in ["CrmConnection", "Assistant", "ScheduleSync"] {
        world.request("POST", &plural(kind), Some(&base(kind))).expect("a valid object");
    }
    for case in changes() {
        let path = format!("{}/case?dryRun=All&fieldValidation=Strict", plural(case.0));
        check(&case, world.request("PATCH", &path, Some(&json!({"spec": case.1}))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
