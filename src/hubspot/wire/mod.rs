//! What travels between us and HubSpot, one file per endpoint family.
//!
//! Lenient on the way in: unknown fields are ignored, unknown enum values are kept as text, ids may be numbers or
//! strings, absent and `null` are the same. Strict on the way out: a field that is `None` is not written.
//! Values only; no calls, no rules.

pub mod account;
pub mod associations;
pub mod contacts;
pub mod crm_users;
pub(super) mod lenient;
pub mod oauth;
pub mod objects;
mod open_enum;
pub mod owners;
pub mod paging;
pub mod properties;
pub mod users;
