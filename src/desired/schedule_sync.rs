//! `ScheduleSync` → its claims on options, and the union of all claims on one portal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Invalid;
use crate::{
    api::schedule_sync::{Prune, Schedule, Source},
    domain::OptionValue,
};

/// Most schedules in one ScheduleSync.
pub const MAX_SCHEDULES: usize = 1000;

/// Namespace and name of a ScheduleSync.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl std::fmt::Display for SyncRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One option a ScheduleSync wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The option's value.
    pub value: OptionValue,
    /// The option's label.
    pub label: String,
    /// Kept but not offered.
    pub hidden: bool,
}

/// What a ScheduleSync asks of the portal now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// These options, and none else of its own.
    Active(Vec<Claim>),
    /// The same, but nothing is written for it yet (`holdUntil`).
    OnHold(Vec<Claim>),
    /// Its list cannot be read now, or it is suspended: its options stay exactly as they are.
    Untouched,
    /// It is being deleted with `deletionPolicy: Delete`: all its schedules are gone.
    Removing,
}

/// A ScheduleSync as seen by its portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncInput {
    /// Which.
    pub sync: SyncRef,
    /// Age decides who wins a value claimed twice.
    pub created: Timestamp,
    /// Decides between two of the same age.
    pub uid: String,
    /// What happens to its options whose schedule is gone.
    pub prune: Prune,
    /// What it asks for.
    pub state: SyncState,
}

impl SyncInput {
    /// Whether its options may be written now.
    pub fn may_be_written(&self) -> bool {
        matches!(self.state, SyncState::Active(_) | SyncState::Removing)
    }
}

/// Why a claim is not honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The value that was claimed.
    pub value: OptionValue,
    /// The sentence for the condition.
    pub why: String,
}

/// All claims on one portal, each value and each label once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleUnion {
    /// Honoured claims: older ScheduleSyncs first, each in its own order.
    pub claims: Vec<(SyncRef, Claim)>,
    /// Claims that lost, by their ScheduleSync.
    pub lost: BTreeMap<SyncRef, Vec<Lost>>,
    /// Every ScheduleSync of the portal.
    pub syncs: BTreeMap<SyncRef, SyncInput>,
}

impl ScheduleUnion {
    /// Settles who gets which value: the older object wins (then the smaller uid).
    pub fn of(mut inputs: Vec<SyncInput>) -> Self {
        inputs.sort_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)));
        let mut union = Self::default();
        let mut by_value: BTreeMap<OptionValue, SyncRef> = BTreeMap::new();
        let mut by_label: BTreeMap<String, (OptionValue, SyncRef)> = BTreeMap::new();
        for input in &inputs {
            let (SyncState::Active(claims) | SyncState::OnHold(claims)) = &input.state else { continue };
            for claim in claims {
                let why = if let Some(winner) = by_value.get(&claim.value) {
                    Some(format!("value {} is claimed by the older ScheduleSync {winner}", claim.value))
                } else {
                    by_label.get(&claim.label).map(|(value, winner)| {
                        format!(
                            "label {:?} of value {} is already used for value {value} by the older ScheduleSync {winner}",
                            claim.label, claim.value
                        )
                    })
                };
                if let Some(why) = why {
                    let lost = Lost { value: claim.value.clone(), why };
                    union.lost.entry(input.sync.clone()).or_default().push(lost);
                    continue;
                }
                by_value.insert(claim.value.clone(), input.sync.clone());
                by_label.insert(claim.label.clone(), (claim.value.clone(), input.sync.clone()));
                union.claims.push((input.sync.clone(), claim.clone()));
            }
        }
        union.syncs = inputs.into_iter().map(|input| (input.sync.clone(), input)).collect();
        union
    }
}

/// Where the list of a ScheduleSync is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleSource {
    /// In the spec.
    Inline(Vec<Claim>),
    /// Under a key of a ConfigMap of the same namespace.
    ConfigMap {
        /// Name of the ConfigMap.
        name: String,
        /// Key in its `data`.
        key: String,
    },
}

/// Checks everything CEL could not.
pub fn validate(source: &Source) -> Result<ScheduleSource, Invalid> {
    let Source { schedules, config_map_ref, tec } = source;
    match (schedules, config_map_ref, tec) {
        (Some(list), None, None) => Ok(ScheduleSource::Inline(claims(list, "source.schedules")?)),
        (None, Some(at), None) => Ok(ScheduleSource::ConfigMap { name: at.name.clone(), key: at.key.clone() }),
        (None, None, Some(_)) => Err(Invalid::at(
            "source.tec",
            "this version of the operator cannot read schedules from TEC yet; use schedules or configMapRef",
        )),
        _ => Err(Invalid::at("source", "needs exactly one of schedules, configMapRef, tec")),
    }
}

/// The list as YAML text; errors name the line.
pub fn parse(yaml: &str, place: &str) -> Result<Vec<Claim>, Invalid> {
    let list: Vec<Schedule> = serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map(|at| format!(" line {}", at.line())).unwrap_or_default();
        Invalid(format!("{place}{line}: {}", first_line(&error.without_snippet().to_string())))
    })?;
    claims(&list, place)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn claims(list: &[Schedule], place: &str) -> Result<Vec<Claim>, Invalid> {
    if list.len() > MAX_SCHEDULES {
        return Err(Invalid::at(place, format!("{} schedules; at most {MAX_SCHEDULES}", list.len())));
    }
    let mut values = BTreeSet::new();
    let mut labels = BTreeSet::new();
    list.iter()
        .map(|Schedule { value, label, hidden }| {
            let checked = OptionValue::new(value.clone()).map_err(|error| Invalid::at(place, error))?;
            if !values.insert(value) {
                return Err(Invalid::at(place, format!("value {value:?} is there twice")));
            }
            if label.trim().is_empty() {
                return Err(Invalid::at(place, format!("value {value:?} has an empty label")));
            }
            if !labels.insert(label) {
                return Err(Invalid::at(
                    place,
                    format!("label {label:?} is there twice; HubSpot wants labels to be unique"),
                ));
            }
            Ok(Claim { value: checked, label: label.clone(), hidden: *hidden })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, created: i64, options: &[(&str, &str)]) -> SyncInput {
        let claim = |(value, label): &(&str, &str)| Claim {
            value: OptionValue::new(*value).unwrap(),
            label: (*label).to_owned(),
            hidden: false,
        };
        SyncInput {
            sync: SyncRef { namespace: "ns".into(), name: name.into() },
            created: Timestamp::from_second(created).unwrap(),
            uid: name.to_owned(),
            prune: Prune::Hide,
            state: SyncState::Active(options.iter().map(claim).collect()),
        }
    }

    #[test]
    fn the_older_claim_wins_value_and_label() {
        let union = ScheduleUnion::of(vec![
            input("young", 20, &[("1", "Other"), ("3", "Two"), ("4", "Four")]),
            input("old", 10, &[("1", "One"), ("2", "Two")]),
        ]);
        let values: Vec<&str> = union.claims.iter().map(|(_, claim)| claim.value.as_str()).collect();
        assert_eq!(values, ["1", "2", "4"]);
        let lost = &union.lost[&SyncRef { namespace: "ns".into(), name: "young".into() }];
        assert_eq!(lost.len(), 2);
        assert!(lost[0].why.contains("ns/old") && lost[1].why.contains("\"Two\""), "{lost:?}");
    }

    #[test]
    fn yaml_errors_name_the_line() {
        let good = parse("- value: '1'\n  label: One\n- value: '2'\n  label: Two\n  hidden: true\n", "cm/key").unwrap();
        assert!(good[1].hidden);
        for (bad, line) in [
            ("- value: '1'\n  label: One\n- value: [oops\n", "line "),
            ("- value: '1'\n  label: One\n- label: Two\n", "line 3"),
            ("- value: '1'\n  label: One\n  colour: red\n", "line 3"),
        ] {
            let error = parse(bad, "ConfigMap a key b").unwrap_err().0;
            assert!(error.contains(line) && error.starts_with("ConfigMap a key b"), "{error}");
        }
    }

    #[test]
    fn doubles_within_a_list_are_invalid() {
        assert!(
            parse("- {value: '1', label: One}\n- {value: '1', label: Two}\n", "x").unwrap_err().0.contains("value")
        );
        assert!(
            parse("- {value: '1', label: One}\n- {value: '2', label: One}\n", "x").unwrap_err().0.contains("label")
        );
    }
}
