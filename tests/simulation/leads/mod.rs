//! Leads as a salesperson lives through them, on virtual time: every promise is read from the timelines of the simulated portal
//! and from TEC's own list of leads, never from what the operator says of itself.

mod bad_moments;
mod beginnings;
mod crashes;
mod day;
mod endings;
mod farewells;
mod faults;
mod hand_back;
mod hearing;
mod isolation;
mod numbers;
mod oauth;
pub mod office;
mod outages;
mod persons;
mod races;
mod redone;
mod refusals;
mod rules;
mod status;
mod storms;
mod vanished;
mod waiting;
pub mod ways;

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);
