//! Simulators: a HubSpot portal, a TEC and a Kubernetes API server, in memory, for tests, the demo and `tec-crm simulate`.

pub mod hubspot;
pub mod kube;
pub mod tec;

mod shared;
