//! What is written down of an API, held against what is sent and answered.

mod allowed;
pub mod checker;
mod coverage;
mod desk;
mod every_operation;
mod every_route;
pub mod hubspot;
mod mistakes;
mod openapi;
mod story;
mod tec;
pub mod watch;
