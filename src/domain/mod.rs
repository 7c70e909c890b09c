//! Values everybody speaks: ids, names, e-mail addresses, lead states.
//!
//! No I/O, no clock, no Kubernetes, no HTTP. A value that exists is valid: constructors check, nobody
//! checks again.

mod cluster;
mod email;
mod fingerprint;
mod ids;
mod lead_state;
mod names;

pub use cluster::{ClusterId, InvalidClusterId};
pub use email::{Email, InvalidEmail};
pub use fingerprint::Fingerprint;
pub use ids::{ContactId, LeadId, OwnerId, PortalId, RoleId, TeamId, UserId};
pub use lead_state::LeadState;
pub use names::{GroupName, InvalidName, OptionValue, PropertyName};
