//! What an object points at, read leniently: an object that fails validation still has to be woken when its Secret appears.

use serde_json::Value;

/// A kind of object the operator looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `CrmConnection`
    Connection,
    /// `ScheduleSync`
    ScheduleSync,
    /// `Assistant`
    Assistant,
    /// `Secret`, metadata only
    Secret,
    /// `ConfigMap`, metadata only
    ConfigMap,
}

impl Kind {
    /// The kind as Kubernetes writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "CrmConnection",
            Self::ScheduleSync => "ScheduleSync",
            Self::Assistant => "Assistant",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// Kind, namespace and name: what identifies an object for us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// A reference.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// Everything the object's spec refers to, in a fixed order.
pub fn of(kind: Kind, namespace: &str, spec: &Value) -> Vec<ObjectRef> {
    let mut found = Vec::new();
    let mut add = |kind, namespace: &str, name: Option<&str>| {
        if let Some(name) = name {
            found.push(ObjectRef::new(kind, namespace, name));
        }
    };
    let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
    match kind {
        Kind::Connection => {
            for pointer in [
                "/auth/accessToken/secretRef/name",
                "/auth/oauth/clientSecretRef/name",
                "/auth/oauth/tokenSecretRef/name",
                "/tec/tokenSecretRef/name",
                "/webhooks/signingSecretRef/name",
            ] {
                add(Kind::Secret, namespace, text(pointer));
            }
        }
        Kind::Assistant => {
            add(Kind::Connection, connection_namespace(spec, namespace), text("/connectionRef/name"));
            add(Kind::ConfigMap, namespace, text("/defaults/contextFrom/configMapKeyRef/name"));
        }
        Kind::ScheduleSync => {
            add(Kind::Connection, connection_namespace(spec, namespace), text("/connectionRef/name"));
            add(Kind::ConfigMap, namespace, text("/source/configMapRef/name"));
        }
        Kind::Secret | Kind::ConfigMap => {}
    }
    found
}

/// The one thing of which a portal can have only one: an assistant's e-mail, with the connection it is used on.
pub fn identity(kind: Kind, namespace: &str, spec: &Value) -> Option<(ObjectRef, String)> {
    if kind != Kind::Assistant {
        return None;
    }
    let email = spec.get("email").and_then(Value::as_str)?.trim().to_lowercase();
    let connection = spec.pointer("/connectionRef/name").and_then(Value::as_str)?;
    Some((ObjectRef::new(Kind::Connection, connection_namespace(spec, namespace), connection), email))
}

/// The connection an object names.
pub fn connection(namespace: &str, reference: &crate::api::shared::ConnectionRef) -> ObjectRef {
    let namespace = reference.namespace.as_deref().unwrap_or(namespace);
    ObjectRef::new(Kind::Connection, namespace, reference.name.clone())
}

fn connection_namespace<'a>(spec: &'a Value, own: &'a str) -> &'a str {
    spec.pointer("/connectionRef/namespace").and_then(Value::as_str).unwrap_or(own)
}
