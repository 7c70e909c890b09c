//! TEC CRM operator (architecture page follows with the rooms).

pub mod api;
pub mod apply;
pub mod cli;
pub mod controllers;
pub mod desired;
pub mod domain;
pub mod hubspot;
pub mod plan;
pub mod portal;
pub mod runtime;
pub mod server;
pub mod sim;
