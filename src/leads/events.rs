//! What TEC's events mean for the contact they are about (R5, R7). Pure; knows no subject and no body.

use super::{
    mapping,
    mark::{Mark, Phase},
};
use crate::domain::LeadId;

/// What an event says of a lead's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The lead.
    pub lead: LeadId,
    /// Its place among the lead's events.
    pub seq: u64,
    /// The new state, if it says one.
    pub state: Option<String>,
    /// The lead is finished.
    pub done: bool,
}

/// What has to be shown on the contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// The newest state we know the meaning of.
    pub state: Option<String>,
    /// States we do not know.
    pub unknown: Vec<String>,
    /// The newest event, if there is any newer than the mark's.
    pub seq: Option<u64>,
    /// The contact goes back.
    pub done: bool,
    /// Leads that go on although no contact is in work for them.
    pub orphans: Vec<LeadId>,
}

/// Follows the events of one contact, in whatever order they came. `mark` is what the contact carries after everything
/// else was decided.
pub fn follow(mark: Option<&Mark>, news: &[News]) -> Followed {
    let mut followed = Followed::default();
    let mut state_seq = 0;
    for News { lead, seq, state, done } in news {
        let known_lead = mark.is_some_and(|mark| mark.lead.as_ref() == Some(lead));
        if !known_lead {
            if !done && !followed.orphans.contains(lead) {
                followed.orphans.push(lead.clone());
            }
            continue;
        }
        let Some(mark) = mark.filter(|mark| mark.phase == Phase::Working && *seq > mark.seq) else { continue };
        followed.seq = followed.seq.max(Some((*seq).max(mark.seq)));
        followed.done |= done;
        match state {
            Some(state) if mapping::known(state).is_none() => followed.unknown.push(state.clone()),
            Some(state) if *seq > state_seq => {
                followed.state = Some(state.clone());
                state_seq = *seq;
            }
            Some(_) | None => {}
        }
    }
    // An orphan that says itself that it is done needs no stop.
    followed.orphans.retain(|lead| !news.iter().any(|news| news.lead == *lead && news.done));
    followed
}
