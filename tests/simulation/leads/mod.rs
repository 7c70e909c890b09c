//! Leads as a salesperson lives through them, on virtual time: every promise is read from the timelines of the simulated portal
//! and from TEC's own list of leads, never from what the operator says of itself.

mod crashes;
mod day;
mod faults;
mod numbers;
mod office;
mod races;
mod rules;

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
