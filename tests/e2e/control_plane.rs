//! The control plane itself, so that a failure of another test is not its fault.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;

use crate::support::control_plane::{ControlPlane, client, control_plane, existing_kubeconfig};

#[tokio::test]
async fn admin_sees_namespaces() {
    let namespaces: Api<Namespace> = Api::all(client(&control_plane().admin_kubeconfig).await);

    let names: Vec<_> = namespaces
        .list(&ListParams::default())
        .await
        .expect("list")
        .into_iter()
        .filter_map(|namespace| namespace.metadata.name)
        .collect();

    assert!(names.iter().any(|name| name == "kube-system"), "{names:?}");
}

/// The API server enforces RBAC for the operator's user, and nothing is granted before the manifests are applied. On a
/// plane of its own: other tests apply them. Then the pipe is closed, and nothing may remain.
#[tokio::test]
async fn operator_is_refused_before_its_manifests_and_nothing_remains_afterwards() {
    if existing_kubeconfig().is_some() {
        return;
    }
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.expect("started");
    let namespaces: Api<Namespace> = Api::all(client(&plane.operator_kubeconfig).await);

    let refusal = namespaces.list(&ListParams::default()).await.expect_err("no right to list");

    assert!(matches!(&refusal, kube::Error::Api(status) if status.code == 403), "{refusal}");
    assert!(refusal.to_string().contains("system:serviceaccount:tec-crm-system:tec-crm"), "{refusal}");

    let kubeconfig = plane.operator_kubeconfig.clone();
    tokio::task::spawn_blocking(|| plane.stop()).await.expect("stopped");
    let folder = kubeconfig.parent().expect("a data folder");
    assert!(!folder.exists(), "{} remains", folder.display());
}
