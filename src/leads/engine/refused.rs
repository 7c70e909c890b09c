//! What HubSpot refuses of contacts: the fault of one contact is its own, that of all is worth a word.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::trouble::BLIP;
use crate::{
    domain::ContactId,
    hubspot::{self, ErrorKind, ItemRefusal, Operation, error::Rejection},
    leads::setup::Halt,
};

/// So many contacts refused, and none accepted meanwhile: it is not them.
const MANY: usize = 3;

/// What was refused last so long ago was given up, or is in order: contacts that are tried again are so sooner.
const FORGOTTEN: Duration = Duration::from_hours(1);

/// Refusals since something was last accepted, by sort of write.
#[derive(Debug, Default)]
pub(in crate::leads) struct Refused(BTreeMap<Operation, Streak>);

#[derive(Debug)]
struct Streak {
    since: Instant,
    last: Instant,
    /// Up to [`MANY`] of them.
    contacts: BTreeSet<ContactId>,
    /// The first one: what is told does not change with every refusal.
    halt: Halt,
}

impl Refused {
    /// One was accepted.
    pub(in crate::leads) fn accepted(&mut self, operation: Operation) {
        self.0.remove(&operation);
    }

    /// One was refused.
    pub(in crate::leads) fn refused(&mut self, operation: Operation, contact: &ContactId, why: &ItemRefusal) {
        let streak = self.0.entry(operation).or_insert_with(|| {
            let ItemRefusal { category, codes, message } = why.clone();
            let rejection = Rejection { status: 400, category, sub_category: None, codes, message };
            let kind = ErrorKind::Rejected(Box::new(rejection));
            let halt = Halt::HubSpot(Arc::new(hubspot::Error { operation, kind, correlation_id: None }));
            let now = Instant::now();
            Streak { since: now, last: now, contacts: BTreeSet::new(), halt }
        });
        streak.last = Instant::now();
        if streak.contacts.len() < MANY {
            streak.contacts.insert(contact.clone());
        }
    }

    /// What is refused of everybody, and not only for a moment.
    pub(super) fn told(&self) -> Option<&Halt> {
        let lasting = |streak: &&Streak| {
            streak.contacts.len() >= MANY && streak.since.elapsed() >= BLIP && streak.last.elapsed() < FORGOTTEN
        };
        self.0.values().find(lasting).map(|streak| &streak.halt)
    }
}
