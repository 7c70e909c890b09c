//! The rules in motion: any interleaving of what people, TEC and crashes do ends in a state the rules allow (DESIGN 6.2).
//!
//! `world.rs` is what would be in HubSpot and TEC, `worker.rs` goes the way of `batch/` step by step and may be struck
//! down between any two, `any_order.rs` has the property and what the world must look like when it has calmed down.

mod any_order;
mod worker;
mod world;

/// The contact, and one that is merged into it.
const ID: &str = "201";
const OTHER_ID: &str = "202";

/// Two assistants.
const A: &str = "71";
const B: &str = "72";
/// Two people, and the fallback.
const P: &str = "11";
const Q: &str = "12";
const FALLBACK: &str = "15";

const STATUS: &str = "tec_connection_status";
const MARK: &str = "tec_assistant_state";
const OWNER: &str = "hubspot_owner_id";
