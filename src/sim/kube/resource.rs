//! Which kinds the server knows, and how it treats each. Plain values; touches nothing.

use std::fmt;

use serde_json::Value;

pub(super) const NAMESPACES: &str = "namespaces";
pub(super) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// One kind the server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for `core`.
    pub group: String,
    /// The one version served.
    pub version: String,
    /// Name in the path, e.g. `assistants`.
    pub plural: String,
    /// Kind, e.g. `Assistant`.
    pub kind: String,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// `/status` exists, and the main resource ignores `status`.
    pub status_subresource: bool,
    /// Fields a field selector may name besides `metadata.name` and `metadata.namespace`, e.g. `spec.email`.
    pub selectable_fields: Vec<String>,
}

impl Resource {
    /// A namespaced kind with a status subresource, as our own kinds are.
    pub fn new(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            kind: kind.into(),
            namespaced: true,
            status_subresource: true,
            selectable_fields: Vec::new(),
        }
    }

    /// The same without a status subresource.
    #[must_use]
    pub fn without_status(self) -> Self {
        Self { status_subresource: false, ..self }
    }

    /// The same outside namespaces.
    #[must_use]
    pub fn cluster_scoped(self) -> Self {
        Self { namespaced: false, ..self }
    }

    /// The same, with fields that field selectors may name.
    #[must_use]
    pub fn selectable(self, fields: &[&str]) -> Self {
        Self { selectable_fields: fields.iter().map(ToString::to_string).collect(), ..self }
    }

    /// What a `CustomResourceDefinition` (as JSON) makes the server serve: its storage version.
    pub fn from_definition(definition: &Value) -> Option<Self> {
        let spec = &definition["spec"];
        let versions = spec["versions"].as_array()?;
        let version = versions.iter().find(|version| version["storage"] == true)?;
        let fields = version["selectableFields"].as_array().into_iter().flatten();
        Some(Self {
            group: spec["group"].as_str()?.into(),
            version: version["name"].as_str()?.into(),
            plural: spec["names"]["plural"].as_str()?.into(),
            kind: spec["names"]["kind"].as_str()?.into(),
            namespaced: spec["scope"] == "Namespaced",
            status_subresource: !version["subresources"]["status"].is_null(),
            selectable_fields: fields
                .filter_map(|field| field["jsonPath"].as_str())
                .map(|path| path.trim_start_matches('.').to_owned())
                .collect(),
        })
    }

    /// `v1` or `group/version`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `secrets` or `assistants.crm.theeminenceco.com`, as messages name it.
    pub(super) fn qualified(&self) -> String {
        qualify(&self.plural, &self.group)
    }

    /// `Secret` or `Assistant.crm.theeminenceco.com`, as validation messages name it.
    pub(super) fn qualified_kind(&self) -> String {
        qualify(&self.kind, &self.group)
    }

    pub(super) fn is_namespaces(&self) -> bool {
        self.group.is_empty() && self.plural == NAMESPACES
    }

    /// Whether the real server counts `metadata.generation` for it. Secrets, `ConfigMaps`, leases and events have none.
    pub(super) fn counts_generation(&self) -> bool {
        !matches!(self.group.as_str(), "" | "events.k8s.io" | "coordination.k8s.io")
    }

    /// Whether PUT may leave `metadata.resourceVersion` out.
    pub(super) fn allows_unconditional_update(&self) -> bool {
        matches!(self.group.as_str(), "" | "events.k8s.io")
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified())
    }
}

fn qualify(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

/// What every cluster has, as far as the operator looks.
pub(super) fn built_in() -> Vec<Resource> {
    let core = |plural: &str, kind: &str| Resource::new("", "v1", plural, kind);
    vec![
        core(NAMESPACES, "Namespace").cluster_scoped().selectable(&["status.phase"]),
        core("secrets", "Secret").without_status().selectable(&["type"]),
        core("configmaps", "ConfigMap").without_status(),
        Resource::new("events.k8s.io", "v1", "events", "Event").without_status().selectable(&[
            "type",
            "reason",
            "reportingController",
            "regarding.kind",
            "regarding.name",
            "regarding.namespace",
            "regarding.uid",
        ]),
        Resource::new("coordination.k8s.io", "v1", "leases", "Lease").without_status(),
        Resource::new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition")
            .cluster_scoped(),
    ]
}
