//! What is written down of an API, held against what is sent and answered.

pub mod checker;
mod tec;
