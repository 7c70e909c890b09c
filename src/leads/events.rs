//! What TEC's events mean for the contact they are about (R5, R7). Pure; knows no subject and no body.

use std::collections::BTreeMap;

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
    /// States we do not know, one per event that says one.
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
    // Each event once, in the order of its lead: how often and in which order they came means nothing.
    let news: BTreeMap<(&LeadId, u64), &News> = news.iter().map(|news| ((&news.lead, news.seq), news)).collect();
    let mut followed = Followed::default();
    for News { lead, seq, state, done } in news.values() {
        let known_lead = mark.is_some_and(|mark| mark.lead.as_ref() == Some(lead));
        if !known_lead {
            if !followed.orphans.contains(lead) {
                followed.orphans.push(lead.clone());
            }
            continue;
        }
        if !mark.is_some_and(|mark| mark.phase == Phase::Working && *seq > mark.seq) {
            continue;
        }
        followed.seq = Some(*seq);
        followed.done |= done;
        match state {
            Some(state) if mapping::known(state).is_none() => followed.unknown.push(state.clone()),
            Some(state) => followed.state = Some(state.clone()),
            None => {}
        }
    }
    // An orphan that says itself that it is done needs no stop.
    followed.orphans.retain(|lead| !news.values().any(|news| news.lead == *lead && news.done));
    followed
}

#[cfg(test)]
mod tests;
