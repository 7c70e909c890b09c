//! What happens to a contact that is assigned to an assistant, from acceptance to the day it goes back.
//!
//! `decide.rs` has the rules R1 to R11 (DESIGN 6) and is the file to read first; with `contact.rs`, `mark.rs`, `mapping.rs`,
//! `events.rs`, `text.rs` and `timeline.rs` it is pure. `engine/` is the loop of one connection: `look.rs` finds candidates,
//! `batch/` visits them (with `cases.rs`, one contact on a visit), `memory/` is what may be forgotten. `setup.rs` is what
//! the controllers tell it and hear from it, through `mailbox.rs`. It writes contacts and timelines, and nothing else in a portal.

pub mod decide;

pub mod contact;

pub mod mark;

pub mod mapping;

pub mod events;

pub mod text;

pub mod timeline;

mod cases;

mod batch;

mod look;

mod memory;

mod health;

pub mod mailbox;

pub mod engine;

pub mod setup;

#[cfg(test)]
mod tests;

pub use engine::{Engine, Parts};
pub use mailbox::{Board, Inbox, News};
pub use setup::{Bookmark, Report, Rules, Setup};
