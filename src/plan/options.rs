//! Lists of choices: the twelve states of `Lead Connection Status`, and the schedules of `TEC Schedule`.
//!
//! HubSpot replaces a list whole (API.md §7), so every function here returns whole lists. Choices a person added keep
//! their place. A choice is ours only if it carries our mark.

use std::collections::BTreeMap;

use super::{Difference, Refusal, ownership};
use crate::{
    api::{condition::Reason, schedule_sync::Prune},
    desired::{Claim, ScheduleUnion, SyncInput, SyncRef, SyncState},
    domain::{ClusterId, LeadState},
    portal::snapshot::{Answer, Answers, PropertyOption, Question},
};

#[cfg(test)]
mod tests;

/// Most counting questions in one plan: each is a search call.
const MAX_QUESTIONS: usize = 20;
/// Most of them in one run, so that it also gets to writing. The rest is hidden until a later run counts.
const MAX_COUNTED: usize = 60;

/// A new list and how it came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewOptions {
    /// The whole list.
    pub to: Vec<PropertyOption>,
    /// In what it differs from the old one.
    pub because: Vec<Difference>,
    /// What to find out before the list is final.
    pub questions: Vec<Question>,
    /// What cannot be done, for the field as a whole.
    pub refusals: Vec<Refusal>,
    /// What concerns single ScheduleSyncs.
    pub syncs: BTreeMap<SyncRef, SyncReport>,
}

/// What a ScheduleSync gets to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncReport {
    /// How many options it feeds.
    pub options: usize,
    /// Claims that cannot be honoured.
    pub refusals: Vec<Refusal>,
    /// Options that should have been deleted, and how many contacts hold them.
    pub in_use: Vec<(String, u64)>,
    /// How many of its options are not yet pruned as its policy says.
    pub unpruned: usize,
}

/// The list with one option per TEC state, whatever else a person added.
pub fn states(property: &str, existing: &[PropertyOption], cluster: &ClusterId) -> NewOptions {
    let mut list = List::new(property, existing);
    let wanted = |state: LeadState| Wanted {
        value: state.name(),
        label: state.name().to_owned(),
        hidden: false,
        description: None,
    };
    let clashes = list.want_all(&LeadState::ALL.map(wanted), cluster).into_iter().filter_map(Result::err);
    list.out.refusals.extend(clashes);
    list.finish()
}

/// The list with `values` added where missing; nothing else changes.
pub fn added(property: &str, existing: &[PropertyOption], values: &[&str], cluster: &ClusterId) -> NewOptions {
    let mut list = List::new(property, existing);
    let missing = values.iter().filter(|value| !existing.iter().any(|option| option.value == **value));
    let wanted: Vec<Wanted<'_>> =
        missing.map(|value| Wanted { value, label: title(value), hidden: false, description: None }).collect();
    let clashes = list.want_all(&wanted, cluster).into_iter().filter_map(Result::err);
    list.out.refusals.extend(clashes);
    list.finish()
}

/// The schedules of all ScheduleSyncs for which `may_write` holds; options of the others stay as they are.
pub fn schedules(
    property: &str,
    existing: &[PropertyOption],
    (union, answers): (&ScheduleUnion, &Answers),
    cluster: &ClusterId,
    may_write: impl Fn(&SyncInput) -> bool,
) -> NewOptions {
    let mut list = List::new(property, existing);
    for sync in union.syncs.keys() {
        let conflicts = union.lost.get(sync).into_iter().flatten();
        let refusals = conflicts.map(|lost| Refusal::new(Reason::Conflict, lost.why.clone())).collect();
        list.out.syncs.insert(sync.clone(), SyncReport { refusals, ..SyncReport::default() });
    }
    list.prune(union, answers, cluster, &may_write);
    let mut written = Vec::new();
    for claim in union.claims.iter().filter(|(sync, _)| union.syncs.get(sync).is_some_and(&may_write)) {
        let Some(holder) = resting(existing, union, claim) else {
            written.push(claim);
            continue;
        };
        let why =
            format!("option {} belongs to ScheduleSync {holder}, which is suspended or cannot be read", claim.1.value);
        let report = list.out.syncs.entry(claim.0.clone()).or_default();
        report.refusals.push(Refusal::new(Reason::Conflict, why));
    }
    let wanted: Vec<Wanted<'_>> = written
        .iter()
        .map(|(sync, Claim { value, label, hidden })| Wanted {
            value: value.as_str(),
            label: label.clone(),
            hidden: *hidden,
            description: Some(ownership::option_description(sync, cluster)),
        })
        .collect();
    for ((sync, _), result) in written.iter().zip(list.want_all(&wanted, cluster)) {
        let report = list.out.syncs.entry(sync.clone()).or_default();
        match result {
            Ok(()) => report.options += 1,
            Err(clash) => report.refusals.push(clash),
        }
    }
    list.finish()
}

/// An option of a ScheduleSync that is suspended, or whose list cannot be read, stays exactly as it is.
fn resting<'a>(existing: &[PropertyOption], union: &'a ScheduleUnion, claim: &(SyncRef, Claim)) -> Option<&'a SyncRef> {
    let (claimant, Claim { value, label: _, hidden: _ }) = claim;
    let option = existing.iter().find(|option| option.value == value.as_str())?;
    let holder = union.syncs.get(&ownership::option_source(&option.description)?)?;
    (holder.sync != *claimant && holder.state == SyncState::Untouched).then_some(&holder.sync)
}

struct Wanted<'a> {
    value: &'a str,
    label: String,
    hidden: bool,
    /// For options that name their source. `None`: just the mark, and only on options made now.
    description: Option<String>,
}

/// A list under change.
struct List<'a> {
    property: &'a str,
    before: &'a [PropertyOption],
    out: NewOptions,
}

impl<'a> List<'a> {
    fn new(property: &'a str, before: &'a [PropertyOption]) -> Self {
        Self { property, before, out: NewOptions { to: before.to_vec(), ..NewOptions::default() } }
    }

    /// Makes sure the options are there and look as wanted, or says of each why that cannot be.
    ///
    /// The list is replaced whole, so two options may swap labels. Whether a label becomes free is only known once its
    /// holder got another one: all are assumed to, and whoever did not is taken for staying in the next attempt.
    fn want_all(&mut self, wanted: &[Wanted<'a>], cluster: &ClusterId) -> Vec<Result<(), Refusal>> {
        let start = self.out.to.clone();
        let mut moving: BTreeMap<&str, &str> =
            wanted.iter().map(|wanted| (wanted.value, wanted.label.as_str())).collect();
        loop {
            let results: Vec<_> = wanted.iter().map(|wanted| self.want(wanted, &moving, cluster)).collect();
            let assumed = moving.len();
            for (wanted, result) in wanted.iter().zip(&results) {
                if result.is_err() {
                    moving.remove(wanted.value);
                }
            }
            if moving.len() == assumed {
                return results;
            }
            self.out.to.clone_from(&start);
        }
    }

    /// `moving`: values that get the label behind them.
    fn want(&mut self, wanted: &Wanted<'_>, moving: &BTreeMap<&str, &str>, cluster: &ClusterId) -> Result<(), Refusal> {
        let place = self.out.to.iter().position(|option| option.value == wanted.value);
        let owner = place.map(|at| ownership::owner(&self.out.to[at].description, cluster));
        if let Some(ownership::Owner::OtherCluster(other)) = &owner {
            return Err(Refusal::new(
                Reason::Conflict,
                format!("option {:?} of {} is managed by cluster {other}", wanted.value, self.property),
            ));
        }
        self.free_label(wanted, moving, cluster)?;
        match place {
            Some(at) => {
                let ours = owner == Some(ownership::Owner::Us);
                let option = &mut self.out.to[at];
                option.label.clone_from(&wanted.label);
                option.hidden = wanted.hidden;
                if let Some(description) = wanted.description.as_ref().filter(|_| ours) {
                    option.description.clone_from(description);
                }
            }
            None => self.append(wanted, cluster),
        }
        Ok(())
    }

    fn append(&mut self, wanted: &Wanted<'_>, cluster: &ClusterId) {
        let highest = self.out.to.iter().map(|option| option.display_order).max();
        let behind = highest.map_or(0, |order| order + 1).max(i64::try_from(self.out.to.len()).unwrap_or(0));
        self.out.to.push(PropertyOption {
            value: wanted.value.to_owned(),
            label: wanted.label.clone(),
            description: wanted.description.clone().unwrap_or_else(|| ownership::marked("", cluster)),
            hidden: wanted.hidden,
            display_order: behind,
        });
    }

    /// HubSpot wants labels to be unique. An option we retired gives its label up; a person's option does not.
    fn free_label(
        &mut self,
        wanted: &Wanted<'_>,
        moving: &BTreeMap<&str, &str>,
        cluster: &ClusterId,
    ) -> Result<(), Refusal> {
        let stays = |value: &str| moving.get(value).is_none_or(|label| *label == wanted.label);
        let rival = |option: &&mut PropertyOption| {
            option.label == wanted.label && option.value != wanted.value && stays(&option.value)
        };
        let Some(rival) = self.out.to.iter_mut().find(rival) else { return Ok(()) };
        if rival.hidden && ownership::owner(&rival.description, cluster) == ownership::Owner::Us {
            rival.label = format!("{} ({})", rival.label, rival.value);
            return Ok(());
        }
        Err(Refusal::new(
            Reason::Conflict,
            format!(
                "label {:?} of value {:?} is already used by option {:?} of {}; labels must be unique, rename one of them",
                wanted.label, wanted.value, rival.value, self.property
            ),
        ))
    }

    /// Options of ours whose schedule is gone, treated as their ScheduleSync says.
    fn prune(
        &mut self,
        union: &ScheduleUnion,
        answers: &Answers,
        cluster: &ClusterId,
        may_write: &impl Fn(&SyncInput) -> bool,
    ) {
        let claimed = |value: &str| union.claims.iter().any(|(_, claim)| claim.value.as_str() == value);
        let mut budget = Budget::of(self.property, answers);
        let mut kept = Vec::with_capacity(self.out.to.len());
        for mut option in std::mem::take(&mut self.out.to) {
            let source = ownership::option_source(&option.description).and_then(|sync| union.syncs.get(&sync));
            let ours = ownership::owner(&option.description, cluster) == ownership::Owner::Us;
            let Some(input) = source.filter(|_| ours && !claimed(&option.value)) else {
                kept.push(option);
                continue;
            };
            let report = self.out.syncs.entry(input.sync.clone()).or_default();
            if !may_write(input) || matches!(input.state, SyncState::Untouched) {
                report.unpruned += 1;
                kept.push(option);
                continue;
            }
            match prune_one(self.property, &option, input.prune, answers) {
                Pruned::Gone => {}
                Pruned::Kept => kept.push(option),
                Pruned::Hidden(in_use) => {
                    report.in_use.extend(in_use.map(|count| (option.value.clone(), count)));
                    option.hidden = true;
                    kept.push(option);
                }
                Pruned::Ask(_) if budget.left == 0 => {
                    report.unpruned += usize::from(budget.grows);
                    option.hidden = true;
                    kept.push(option);
                }
                Pruned::Ask(question) => {
                    report.unpruned += 1;
                    if self.out.questions.len() < MAX_QUESTIONS {
                        self.out.questions.push(question);
                        budget.left -= 1;
                    }
                    kept.push(option);
                }
            }
        }
        self.out.to = kept;
    }

    fn finish(mut self) -> NewOptions {
        let subject = format!("property {}", self.property);
        self.out.because = differences(&subject, self.before, &self.out.to);
        self.out
    }
}

/// How many options may still be counted in this run.
struct Budget {
    left: usize,
    /// Whether the next run gets further: some of those counted in this one are deleted.
    grows: bool,
}

impl Budget {
    fn of(property: &str, answers: &Answers) -> Self {
        let about_us = |question: &Question| match question {
            Question::ContactsHoldingOption { property: asked, value: _ } => asked == property,
            Question::User(_) | Question::ContactsHoldingProperty { .. } | Question::TokenUser => false,
        };
        let counted = || answers.given.iter().filter(|(question, _)| about_us(question));
        Self {
            left: MAX_COUNTED.saturating_sub(counted().count()),
            grows: counted().any(|(_, answer)| *answer == Answer::Count(0)),
        }
    }
}

enum Pruned {
    Gone,
    Kept,
    Hidden(Option<u64>),
    Ask(Question),
}

fn prune_one(property: &str, option: &PropertyOption, prune: Prune, answers: &Answers) -> Pruned {
    match prune {
        Prune::Keep => Pruned::Kept,
        Prune::Hide => Pruned::Hidden(None),
        Prune::Delete => {
            let question =
                Question::ContactsHoldingOption { property: property.to_owned(), value: option.value.clone() };
            match answers.given.get(&question) {
                Some(Answer::Count(0)) => Pruned::Gone,
                Some(Answer::Count(count)) => Pruned::Hidden(Some(*count)),
                Some(Answer::Trouble(_) | Answer::User(_) | Answer::TokenUser(_)) => Pruned::Hidden(None),
                None => Pruned::Ask(question),
            }
        }
    }
}

/// What differs between two lists, for people.
fn differences(subject: &str, before: &[PropertyOption], after: &[PropertyOption]) -> Vec<Difference> {
    let difference = |value: &str, part: &str, found: &str, expected: &str| Difference {
        subject: subject.to_owned(),
        field: if part.is_empty() { format!("option {value}") } else { format!("option {value} {part}") },
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    let shown = |hidden: bool| if hidden { "hidden" } else { "shown" };
    let mut found = Vec::new();
    for new in after {
        let Some(old) = before.iter().find(|old| old.value == new.value) else {
            found.push(difference(&new.value, "", "absent", &new.label));
            continue;
        };
        if old.label != new.label {
            found.push(difference(&new.value, "label", &old.label, &new.label));
        }
        if old.hidden != new.hidden {
            found.push(difference(&new.value, "visibility", shown(old.hidden), shown(new.hidden)));
        }
        if old.description != new.description {
            found.push(difference(&new.value, "description", &old.description, &new.description));
        }
    }
    for old in before {
        if !after.iter().any(|new| new.value == old.value) {
            found.push(difference(&old.value, "", &old.label, "absent"));
        }
    }
    found
}

/// `IN_PROGRESS` → `In Progress`, as HubSpot labels its own.
fn title(value: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase())
    };
    value.split(['_', ' ']).filter_map(word).collect::<Vec<_>>().join(" ")
}
