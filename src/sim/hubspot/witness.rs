//! Somebody who sees every exchange with the simulated HubSpot, whatever brought it: for tests that hold it against what is
//! written down. Changes nothing.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::{AnswersAs, HubSpotSim, Noise, Switches, Visit};
use crate::sim::shared::faults::{Fault, FaultReply};

/// What came in and what went out. `/_sim` is no part of HubSpot and is not shown.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// As it came.
    pub request: &'a Request<Bytes>,
    /// What the portal said; `None` where a fault spoke in its place or cut the connection, and where switches make it speak as no
    /// portal of this version does.
    pub answer: Option<&'a Response<Bytes>>,
}

/// Called with every exchange, in order, before the answer leaves.
pub type Witness = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

impl HubSpotSim {
    /// Shows every exchange from now on to `witness`, in place of any other.
    pub fn witness(&self, witness: Witness) {
        self.lock().witness = Some(witness);
    }

    pub(super) fn show(&self, request: &Request<Bytes>, answer: Option<&Response<Bytes>>) {
        // Not called with the portal locked: it may look at the portal.
        let (witness, as_written) = {
            let state = self.lock();
            (state.witness.clone(), state.portal.config.switches.speak_as_written())
        };
        if let Some(witness) = witness {
            witness(&Exchange { request, answer: answer.filter(|_| as_written) });
        }
    }
}

impl Switches {
    /// Whether answers are of the version that was asked, and have what its description says.
    fn speak_as_written(&self) -> bool {
        (self.answers_as, self.noise) == (AnswersAs::default(), Noise::default())
    }
}

impl Visit {
    /// Whether the answer is the portal's own, late or not.
    pub(super) fn is_answered_truly(&self) -> bool {
        match &self.fault {
            None | Some(Fault { reply: FaultReply::True, .. }) => true,
            Some(Fault { reply: FaultReply::Drop | FaultReply::Cut | FaultReply::Answer { .. }, .. }) => false,
        }
    }
}
