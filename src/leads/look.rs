//! Looks for assignments by search (R1), for when no webhook told of them. Search lags behind and shifts while it is paged
//! (API.md §8.3): windows overlap, a hit is only a reason for a visit, and a visit reads the contact itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    cases::{ASSIGNED, OWNER, Wanted},
    decide::{Standing, Team},
    engine::Engine,
    mark::Phase,
    memory::Settled,
    setup::Setup,
};
use crate::{
    domain::{ContactId, OwnerId},
    hubspot::{self, ContactRecord, Direction, Filter, FilterOperator, FoundContacts, SEARCH_PAGE, Search},
};

/// What a quick look goes back: HubSpot's index lags by seconds, and clocks differ.
const QUICK_OVERLAP: Duration = Duration::from_mins(2);
/// What a thorough look goes back before the last one.
pub(super) const OVERLAP: Duration = Duration::from_mins(10);
/// Pages of one quick look; the rest is for the thorough one.
const QUICK_PAGES: u32 = 50;
/// Owners in one search: its body may have 3,000 characters.
const OWNERS_PER_SEARCH: usize = 100;

/// What to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The newest changes, newest first, as long as there is something new among them.
    Quick,
    /// All changes since then.
    Since(Timestamp),
    /// All contacts of the assistants.
    Sweep,
}

impl Engine {
    /// Looks, and plans visits to what may need one.
    pub(super) async fn look(&mut self, setup: &Setup, look: Look) -> Result<(), hubspot::Error> {
        let owners: Vec<OwnerId> = setup.rules.members.keys().cloned().collect();
        let (mut seen, mut shown) = (BTreeSet::new(), BTreeMap::new());
        // With nobody working here there may still be contacts that were taken away from somebody.
        let chunks: Vec<&[OwnerId]> =
            if owners.is_empty() { vec![&[]] } else { owners.chunks(OWNERS_PER_SEARCH).collect() };
        for (number, chunk) in chunks.into_iter().enumerate() {
            let filters = filters(setup, look, (chunk, number == 0), self.now());
            if filters.is_empty() {
                continue;
            }
            match look {
                Look::Quick => self.page_by_date(setup, filters, (&mut seen, &mut shown)).await?,
                Look::Since(_) | Look::Sweep => self.page_by_id(setup, filters, &mut seen).await?,
            }
        }
        match look {
            Look::Quick => self.shown = shown,
            Look::Since(_) => {}
            Look::Sweep => self.visit_missing(&seen),
        }
        Ok(())
    }

    /// Newest first. A page on which everything was visited or shown before ends it: hand-backs, or contacts that people move
    /// among themselves, may cover what is news.
    async fn page_by_date(
        &mut self,
        setup: &Setup,
        filters: Vec<Vec<Filter>>,
        (seen, shown): (&mut BTreeSet<ContactId>, &mut BTreeMap<ContactId, Settled>),
    ) -> Result<(), hubspot::Error> {
        let wanted = Wanted::of(&setup.rules);
        let mut after = 0;
        for _ in 0..QUICK_PAGES {
            let sort = Some((ASSIGNED.to_owned(), Direction::Descending));
            let found = self.search(setup, (filters.clone(), sort, after)).await?;
            let as_shown: BTreeMap<ContactId, Settled> =
                found.contacts.iter().map(|hit| (hit.id.clone(), Settled::of(&wanted.shown(hit)))).collect();
            let is_new =
                |(id, how): (&ContactId, &Settled)| !self.known.is_settled(id, how) && self.shown.get(id) != Some(how);
            let news = as_shown.iter().any(is_new);
            self.take_hits(setup, &found.contacts, seen);
            shown.extend(as_shown);
            match found.next {
                Some(next) if news => after = next,
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    /// By id: nothing shifts, and there is no end at 10,000.
    async fn page_by_id(
        &mut self,
        setup: &Setup,
        filters: Vec<Vec<Filter>>,
        seen: &mut BTreeSet<ContactId>,
    ) -> Result<(), hubspot::Error> {
        let mut last: Option<ContactId> = None;
        loop {
            let mut filters = filters.clone();
            if let Some(last) = &last {
                let beyond = Filter {
                    property: "hs_object_id".to_owned(),
                    operator: FilterOperator::Gt(last.as_str().to_owned()),
                };
                for group in &mut filters {
                    group.push(beyond.clone());
                }
            }
            let sort = Some(("hs_object_id".to_owned(), Direction::Ascending));
            let found = self.search(setup, (filters, sort, 0)).await?;
            self.take_hits(setup, &found.contacts, seen);
            let end = found.contacts.last().map(|contact| contact.id.clone());
            if found.next.is_none() || end.is_none() || end == last {
                return Ok(());
            }
            last = end;
        }
    }

    async fn search(
        &mut self,
        setup: &Setup,
        (any_of, sort, after): (Vec<Vec<Filter>>, Option<(String, Direction)>, u32),
    ) -> Result<FoundContacts, hubspot::Error> {
        let properties = Wanted::of(&setup.rules).search_properties();
        let search = Search { any_of, sort, properties, limit: SEARCH_PAGE, after };
        setup.links.hubspot.search_contacts(&search).await
    }

    fn take_hits(&mut self, setup: &Setup, hits: &[ContactRecord], seen: &mut BTreeSet<ContactId>) {
        let (wanted, team) = (Wanted::of(&setup.rules), setup.rules.team());
        for hit in hits {
            let shown = wanted.shown(hit);
            let how = Settled::of(&shown);
            if let Some(lead) =
                shown.mark.mark().filter(|mark| mark.phase == Phase::Working).and_then(|mark| mark.lead.clone())
            {
                self.known.working.entry(shown.id.clone()).or_insert(lead);
            }
            let settled = self.known.is_settled(&shown.id, &how) || self.speaks_for_itself(&shown, &team);
            if (!settled || self.has_second_thoughts(&shown, &team)) && !self.pending.contains(&shown.id) {
                self.pending.want(shown.id.clone(), Instant::now(), true);
            }
            seen.insert(shown.id);
        }
    }

    /// Contacts in work that the search did not show: taken, deleted, merged, or not indexed yet.
    fn visit_missing(&mut self, seen: &BTreeSet<ContactId>) {
        let expected = self.known.working.keys().chain(self.would.keys());
        let missing: Vec<ContactId> = expected.filter(|contact| !seen.contains(*contact)).cloned().collect();
        for contact in missing {
            self.pending.want(contact, Instant::now(), true);
        }
    }

    /// What each leaving assistant still has, as far as the index knows.
    pub(super) async fn count_owned(&mut self, setup: &Setup) -> Result<(), hubspot::Error> {
        self.still_owned.retain(|owner, _| setup.rules.is_leaving(owner));
        for owner in setup.rules.members.keys().filter(|owner| setup.rules.is_leaving(owner)) {
            let owned = Filter { property: OWNER.to_owned(), operator: FilterOperator::Eq(owner.as_str().to_owned()) };
            let count = setup.links.hubspot.count_contacts(&[owned]).await?;
            self.still_owned.insert(owner.clone(), count);
        }
        Ok(())
    }

    /// `Observe`: whether a person has taken a contact of which something was said.
    fn has_second_thoughts(&self, shown: &super::contact::Contact, team: &Team) -> bool {
        let theirs = shown.owner.as_ref().is_some_and(|owner| team.assistants.contains_key(owner));
        !theirs && self.would.contains_key(&shown.id)
    }

    /// Whether what a search shows needs no reading: an assistant's contact in work, or a person's that is not.
    fn speaks_for_itself(&mut self, shown: &super::contact::Contact, team: &Team) -> bool {
        let mark = shown.mark.mark();
        let working = mark.filter(|mark| mark.phase == Phase::Working);
        match (&shown.owner, working) {
            (Some(owner), None) => !team.assistants.contains_key(owner),
            (None, None) => true,
            (Some(owner), Some(mark)) => {
                let standing = team.assistants.get(owner);
                let stopped = mark.lead.as_ref().is_some_and(|lead| self.known.is_stopped(lead));
                let same = mark.assistant == *owner
                    && !stopped
                    && mark.contact == shown.id
                    && standing == Some(&Standing::Working)
                    && shown.owner_assigned_at.is_some_and(|at| at.duration_since(mark.assigned_at).abs() < TOLERANCE);
                if same {
                    self.has_accepted(owner, mark.assigned_at);
                }
                same
            }
            (None, Some(_)) => false,
        }
    }
}

/// HubSpot's two notes of one assignment may differ by this much; no person assigns twice in it.
const TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

fn filters(setup: &Setup, look: Look, (owners, first): (&[OwnerId], bool), now: Timestamp) -> Vec<Vec<Filter>> {
    let filter = |property: &str, operator| Filter { property: property.to_owned(), operator };
    let since = match look {
        Look::Quick => Some(now - QUICK_OVERLAP),
        Look::Since(since) => Some(since),
        Look::Sweep => None,
    };
    let from =
        |property: &str, at: Timestamp| filter(property, FilterOperator::Gte(at.as_millisecond().max(0).to_string()));
    let state = || filter(&setup.rules.fields.state, FilterOperator::HasProperty);
    let mut groups = Vec::new();
    if !owners.is_empty() {
        let ids = owners.iter().map(ToString::to_string).collect();
        let mut group = vec![filter(OWNER, FilterOperator::In(ids))];
        group.extend(since.map(|at| from(ASSIGNED, at)));
        groups.push(group);
    }
    if first && let Some(at) = since {
        groups.push(vec![state(), from(ASSIGNED, at)]);
    }
    if first {
        // Whether the assignment date says that the owner was cleared is not known (API.md §14.13).
        let mut group = vec![state(), filter(OWNER, FilterOperator::NotHasProperty)];
        group.extend(since.map(|at| from("lastmodifieddate", at)));
        groups.push(group);
    }
    groups
}
