//! Simulators: a HubSpot portal and a Kubernetes API server, in memory, for tests, the demo and `tec-crm simulate`.

pub mod hubspot;
pub mod kube;
