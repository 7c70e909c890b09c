//! The twelve states TEC reports for a lead.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A TEC lead state; its name is the value and label of the option in `Lead Connection Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[allow(missing_docs, reason = "the names are TEC's own and say all we know")]
pub enum LeadState {
    New,
    Pending,
    Cold,
    Engaged,
    Warm,
    Hot,
    Responded,
    OutOfOffice,
    LeadAtRisk,
    Processed,
    UnSubscribed,
    DeActivated,
}

impl LeadState {
    /// Every state, in the order the options are shown.
    pub const ALL: [Self; 12] = [
        Self::New,
        Self::Pending,
        Self::Cold,
        Self::Engaged,
        Self::Warm,
        Self::Hot,
        Self::Responded,
        Self::OutOfOffice,
        Self::LeadAtRisk,
        Self::Processed,
        Self::UnSubscribed,
        Self::DeActivated,
    ];

    /// The state's name, spelt as TEC spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Pending => "Pending",
            Self::Cold => "Cold",
            Self::Engaged => "Engaged",
            Self::Warm => "Warm",
            Self::Hot => "Hot",
            Self::Responded => "Responded",
            Self::OutOfOffice => "OutOfOffice",
            Self::LeadAtRisk => "LeadAtRisk",
            Self::Processed => "Processed",
            Self::UnSubscribed => "UnSubscribed",
            Self::DeActivated => "DeActivated",
        }
    }
}

impl fmt::Display for LeadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
