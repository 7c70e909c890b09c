//! The whole operator on virtual time, one thread, against simulated HubSpot and Kubernetes: nothing is real but the code.

mod flows;
mod leads;
mod quota;
mod seeds;
mod switches;
mod tokens;
mod webhooks;
mod wires;
pub mod world;
