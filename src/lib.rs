//! TEC CRM operator (architecture page follows with the rooms).

pub mod domain;
pub mod hubspot;
pub mod runtime;
pub mod sim;
