//! Create, PUT, patches, status: what is stored, what is refused, what it says.

use k8s_openapi::api::{coordination::v1::Lease, core::v1::Secret};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::{
        events::{Event, EventType, Recorder, Reporter},
        wait::{await_condition, conditions::is_crd_established},
    },
};
use serde_json::json;

use super::{Assistant, assistant, assistants, cluster, manifest, refusal, secret};

#[tokio::test(start_paused = true)]
async fn create_stamps_what_the_server_owns() {
    let sim = cluster();
    let mut wanted = assistant("anna");
    wanted.status = Some(super::AssistantStatus { code: Some("X".into()), conditions: vec![] });
    wanted.metadata.generation = Some(7);
    let made = assistants(&sim).create(&PostParams::default(), &wanted).await.unwrap();
    assert_eq!(made.status, None, "a create ignores status");
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.namespace().as_deref(), Some("default"));
    assert_eq!(made.creation_timestamp().unwrap().0.to_string(), "2026-03-01T09:00:00Z");
    assert!(made.uid().is_some_and(|uid| uid.len() == 36));
    assert_eq!(sim.requests(), ["CREATE /apis/crm.theeminenceco.com/v1alpha1/namespaces/default/assistants"]);
    assert_eq!(sim.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn refusals_read_as_the_real_ones() {
    let sim = cluster();
    let api = assistants(&sim);
    let missing = refusal(api.get("x").await);
    assert_eq!((missing.code, missing.reason.as_str()), (404, "NotFound"));
    assert_eq!(missing.message, "assistants.crm.theeminenceco.com \"x\" not found");
    let details = missing.details.clone().unwrap();
    assert_eq!(
        (details.name.as_str(), details.group.as_str(), details.kind.as_str()),
        ("x", "crm.theeminenceco.com", "assistants")
    );
    assert!(api.get_opt("x").await.unwrap().is_none());

    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let twice = refusal(api.create(&PostParams::default(), &assistant("anna")).await);
    assert!(twice.is_already_exists(), "{twice}");
    assert_eq!(twice.message, "assistants.crm.theeminenceco.com \"anna\" already exists");

    let invalid = refusal(api.create(&PostParams::default(), &assistant("Anna_1")).await);
    assert_eq!((invalid.code, invalid.reason.as_str()), (422, "Invalid"));
    assert!(invalid.message.starts_with(
        "Assistant.crm.theeminenceco.com \"Anna_1\" is invalid: metadata.name: Invalid value: \"Anna_1\""
    ));
    assert_eq!(invalid.details.unwrap().causes[0].field, "metadata.name");

    let nowhere = refusal(
        Api::<Secret>::namespaced(sim.client(), "nowhere")
            .create(
                &PostParams::default(),
                &Secret {
                    metadata: kube::core::ObjectMeta { name: Some("s".into()), ..Default::default() },
                    ..Default::default()
                },
            )
            .await,
    );
    assert_eq!((nowhere.code, nowhere.message.as_str()), (404, "namespaces \"nowhere\" not found"));

    let unserved = refusal(
        Api::<k8s_openapi::api::core::v1::Pod>::default_namespaced(sim.client()).list(&ListParams::default()).await,
    );
    assert_eq!((unserved.code, unserved.message.as_str()), (404, "the server could not find the requested resource"));
}

#[tokio::test(start_paused = true)]
async fn put_needs_the_version_it_read() {
    let sim = cluster();
    let api = assistants(&sim);
    let made = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let mut changed = made.clone();
    changed.spec.role = Some("Sales".into());
    let stored = api.replace("anna", &PostParams::default(), &changed).await.unwrap();
    assert_eq!(stored.metadata.generation, Some(2));
    let stale = refusal(api.replace("anna", &PostParams::default(), &changed).await);
    assert!(stale.is_conflict());
    assert!(
        stale
            .message
            .ends_with("the object has been modified; please apply your changes to the latest version and try again")
    );
    let blind = refusal(api.replace("anna", &PostParams::default(), &assistant("anna")).await);
    assert_eq!(blind.code, 422, "{blind}");

    let leases: Api<Lease> = Api::namespaced(sim.client(), "kube-system");
    let lease: Lease =
        serde_json::from_value(json!({"metadata": {"name": "tec"}, "spec": {"holderIdentity": "a"}})).unwrap();
    let held = leases.create(&PostParams::default(), &lease).await.unwrap();
    assert_eq!(held.metadata.generation, None, "leases have no generation");
    let mut next = held.clone();
    next.spec.as_mut().unwrap().holder_identity = Some("b".into());
    leases.replace("tec", &PostParams::default(), &next).await.unwrap();
    assert!(refusal(leases.replace("tec", &PostParams::default(), &next).await).is_conflict());
}

#[tokio::test(start_paused = true)]
async fn spec_and_status_are_written_apart() {
    let sim = cluster();
    let api = assistants(&sim);
    api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let both = json!({"spec": {"role": "Sales"}, "status": {"code": "A"}, "metadata": {"labels": {"a": "b"}}});
    let main = api.patch("anna", &PatchParams::default(), &Patch::Merge(&both)).await.unwrap();
    assert_eq!(
        (main.spec.role.as_deref(), main.status.clone(), main.metadata.generation),
        (Some("Sales"), None, Some(2))
    );
    let other = json!({"spec": {"role": "Ops"}, "status": {"code": "B"}, "metadata": {"labels": {"a": "c"}}});
    let status = api.patch_status("anna", &PatchParams::default(), &Patch::Merge(&other)).await.unwrap();
    assert_eq!(status.spec.role.as_deref(), Some("Sales"));
    assert_eq!(status.labels()["a"], "b");
    assert_eq!(status.status.unwrap().code.as_deref(), Some("B"));
    assert_eq!(status.metadata.generation, Some(2), "a status moves no generation");
    let labelled = json!({"metadata": {"labels": {"a": "d"}}});
    let labelled = api.patch("anna", &PatchParams::default(), &Patch::Merge(&labelled)).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(2), "metadata moves no generation");
}

#[tokio::test(start_paused = true)]
async fn writes_that_change_nothing_move_nothing() {
    let sim = cluster();
    let api = assistants(&sim);
    let made = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let before = sim.version();
    let same = json!({"spec": {"email": "anna@example.com"}, "metadata": {"labels": {}}});
    let patched = api.patch("anna", &PatchParams::default(), &Patch::Merge(&same)).await.unwrap();
    api.replace("anna", &PostParams::default(), &made).await.unwrap();
    assert_eq!(patched.resource_version(), made.resource_version());
    assert_eq!(sim.version(), before);
    assert_eq!(sim.writes(), 3, "they cost requests all the same");
}

#[tokio::test(start_paused = true)]
async fn merge_patch_honours_a_version() {
    let sim = cluster();
    let api = assistants(&sim);
    let made = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    sim.patch("assistants", "default", "anna", json!({"spec": {"role": "Ops"}})).unwrap();
    let stale = json!({"metadata": {"resourceVersion": made.resource_version()}, "status": {"code": "A"}});
    assert!(refusal(api.patch_status("anna", &PatchParams::default(), &Patch::Merge(&stale)).await).is_conflict());
    let renamed = json!({"metadata": {"name": "berta"}});
    assert_eq!(refusal(api.patch("anna", &PatchParams::default(), &Patch::Merge(&renamed)).await).code, 400);
}

#[tokio::test(start_paused = true)]
async fn selectors_narrow_lists() {
    let sim = cluster();
    let api: Api<Assistant> = Api::all(sim.client());
    for (namespace, name) in [("default", "anna"), ("kube-system", "anna"), ("default", "berta")] {
        sim.create(manifest(namespace, name)).unwrap();
    }
    let count = async |params: ListParams| api.list(&params).await.unwrap().items.len();
    assert_eq!(count(ListParams::default()).await, 3);
    assert_eq!(count(ListParams::default().fields("metadata.name=anna")).await, 2);
    assert_eq!(count(ListParams::default().fields("metadata.name=anna,metadata.namespace=default")).await, 1);
    assert_eq!(count(ListParams::default().fields("spec.email=anna@example.com")).await, 3);
    assert_eq!(refusal(api.list(&ListParams::default().fields("spec.role=x")).await).code, 400);
    assert_eq!(assistants(&sim).list(&ListParams::default()).await.unwrap().items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn deletes_honour_preconditions() {
    let sim = cluster();
    let api = assistants(&sim);
    let made = api.create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let only = |uid: &str| DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.into()), resource_version: None }),
        ..Default::default()
    };
    let other = refusal(api.delete("anna", &only("other")).await);
    assert_eq!((other.code, other.reason.as_str()), (409, "Conflict"));
    let gone = api.delete("anna", &only(&made.uid().unwrap())).await.unwrap().right().unwrap();
    assert!(gone.is_success());
    assert_eq!(gone.details.unwrap().uid, made.uid().unwrap());
    assert!(sim.get("assistants", "default", "anna").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_simulated_is_refused() {
    let sim = cluster();
    let api = assistants(&sim);
    let dry = PostParams { dry_run: true, ..Default::default() };
    assert_eq!(refusal(api.create(&dry, &assistant("anna")).await).code, 400);
    sim.create(manifest("default", "anna")).unwrap();
    let strategic = Patch::Strategic(json!({"spec": {"role": "Ops"}}));
    assert_eq!(refusal(api.patch("anna", &PatchParams::default(), &strategic).await).code, 415);
    for nonsense in [json!([]), json!("x"), json!({"metadata": "x"}), json!({"status": 3, "spec": null})] {
        let _ = api.patch("anna", &PatchParams::default(), &Patch::Merge(&nonsense)).await;
        let _ = api.patch_status("anna", &PatchParams::default(), &Patch::Merge(&nonsense)).await;
        assert_eq!(sim.get("assistants", "default", "anna").unwrap()["metadata"]["name"], "anna", "{nonsense}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_made_on_demand() {
    let sim = cluster();
    let mut object = manifest("default", "x");
    object["metadata"] = json!({"generateName": "anna-"});
    let names = [sim.create(object.clone()).unwrap(), sim.create(object).unwrap()];
    let names = names.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned());
    assert!(names[0].starts_with("anna-") && names[0] != names[1], "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn kubes_recorder_publishes_and_repeats() {
    let sim = cluster();
    let made = assistants(&sim).create(&PostParams::default(), &assistant("anna")).await.unwrap();
    let recorder = Recorder::new(sim.client(), Reporter { controller: "tec-crm".into(), instance: None });
    let event = Event {
        type_: EventType::Normal,
        reason: "UserInvited".into(),
        note: None,
        action: "Invite".into(),
        secondary: None,
    };
    for _ in 0..2 {
        recorder.publish(&event, &made.object_ref(&())).await.unwrap();
    }
    let events = sim.list("events");
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["reason"], &events[0]["series"]["count"]), (&json!("UserInvited"), &json!(2)));
    let api: Api<k8s_openapi::api::events::v1::Event> = Api::all(sim.client());
    assert_eq!(api.list(&ListParams::default().fields("regarding.name=anna")).await.unwrap().items.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn built_in_kinds_are_completed() {
    let sim = cluster();
    sim.create(secret("default", "token")).unwrap();
    let stored = Api::<Secret>::default_namespaced(sim.client()).get("token").await.unwrap();
    assert_eq!(stored.data.unwrap()["token"].0, b"pat-na1-1");
    assert_eq!((stored.type_.as_deref(), stored.string_data), (Some("Opaque"), None));
    let definitions = Api::all(sim.client());
    let name = "assistants.crm.theeminenceco.com";
    await_condition(definitions, name, is_crd_established()).await.unwrap();
    let version = sim.client().apiserver_version().await.unwrap();
    assert_eq!(version.minor, "37");
    assert_eq!(
        sim.get("namespaces", None, "kube-system").unwrap()["metadata"]["uid"],
        crate::sim::kube::KUBE_SYSTEM_UID
    );
}
