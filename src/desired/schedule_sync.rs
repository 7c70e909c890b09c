//! `ScheduleSync` → its claims on options, and the union of all claims on one portal.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Invalid;
use crate::{
    api::schedule_sync::{Prune, Schedule, Source, TecSource},
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
    /// With TEC: all its active schedules.
    Tec,
}

/// Checks everything CEL could not.
pub fn validate(source: &Source) -> Result<ScheduleSource, Invalid> {
    let Source { schedules, config_map_ref, tec } = source;
    match (schedules, config_map_ref, tec) {
        (Some(list), None, None) => Ok(ScheduleSource::Inline(claims(list, "source.schedules")?)),
        (None, Some(at), None) => Ok(ScheduleSource::ConfigMap { name: at.name.clone(), key: at.key.clone() }),
        (None, None, Some(TecSource {})) => Ok(ScheduleSource::Tec),
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

/// What TEC's schedules are as options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TecOptions {
    /// One for each schedule that can be one, in TEC's order.
    pub claims: Vec<Claim>,
    /// Why others are not among them, by value.
    pub left_out: Vec<String>,
}

/// TEC's active schedules, each as id and name, as options: the id is the value, the name the label. HubSpot wants labels to
/// be unique, so schedules of one name get their ids behind it, whatever their order. A schedule that cannot be an
/// option is left out, and does not harm the others.
pub fn of_tec(active: &[(&str, &str)]) -> Result<TecOptions, Invalid> {
    if active.len() > MAX_SCHEDULES {
        return Err(Invalid(format!("TEC has {} active schedules; at most {MAX_SCHEDULES}", active.len())));
    }
    let mut options = TecOptions::default();
    let mut values = BTreeSet::new();
    let mut named = Vec::new();
    for (id, name) in active {
        match OptionValue::new(*id) {
            Err(error) => options.left_out.push(format!("TEC's schedule {name:?}: {error}")),
            Ok(value) if !values.insert(value.clone()) => {
                options.left_out.push(format!("TEC's schedule {name:?}: id {id:?} is there twice"));
            }
            Ok(value) => named.push((value, if name.trim().is_empty() { *id } else { name.trim() })),
        }
    }
    let mut labels: Vec<String> = named.iter().map(|(_, name)| shortened(name, MAX_LABEL)).collect();
    // A label made longer may meet the name of yet another; a second look settles what can be settled.
    for _ in 0..2 {
        let shared = more_than_once(&labels);
        for ((value, name), label) in named.iter().zip(&mut labels).filter(|(_, label)| shared.contains(*label)) {
            let id = format!(" ({value})");
            *label = format!("{}{id}", shortened(name, MAX_LABEL.saturating_sub(id.chars().count())));
        }
    }
    let shared = more_than_once(&labels);
    for ((value, _), label) in named.into_iter().zip(labels) {
        if shared.contains(&label) {
            options.left_out.push(format!("TEC's schedule {value}: {label:?} is the label of another, too"));
        } else {
            options.claims.push(Claim { value, label, hidden: false });
        }
    }
    options.left_out.sort();
    Ok(options)
}

/// Most characters of a label.
const MAX_LABEL: usize = 255;

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

fn more_than_once(labels: &[String]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    labels.iter().filter(|label| !seen.insert(*label)).cloned().collect()
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

    fn labels(active: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
        let TecOptions { claims, left_out } = of_tec(active).unwrap();
        (claims.into_iter().map(|claim| (claim.value.to_string(), claim.label)).collect(), left_out)
    }

    #[test]
    fn schedules_of_one_name_are_told_apart_by_their_ids_in_any_order() {
        let of = |active: &[(&str, &str)]| labels(active).0.into_iter().collect::<BTreeMap<_, _>>();
        // Id, name, label.
        let lists = [
            vec![("1", "Days", "Days"), ("2", "Nights", "Nights")],
            vec![("1", "Days", "Days (1)"), ("2", " Days ", "Days (2)")],
            vec![("1", "Days", "Days (1)"), ("2", "Days", "Days (2)"), ("3", "Days (1)", "Days (1) (3)")],
            vec![("1", "", "1"), ("2", "  ", "2")],
            vec![("1", "2", "2 (1)"), ("2", "", "2 (2)")],
        ];
        for list in lists {
            let expected: BTreeMap<String, String> =
                list.iter().map(|(id, _, label)| ((*id).to_owned(), (*label).to_owned())).collect();
            let mut active: Vec<(&str, &str)> = list.iter().map(|(id, name, _)| (*id, *name)).collect();
            assert_eq!(of(&active), expected);
            active.reverse();
            assert_eq!(of(&active), expected);
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_an_option_is_left_out_alone() {
        let (kept, left_out) = labels(&[("a;b", "Bad"), ("1", "Days"), ("1", "Again"), ("2", "Nights")]);
        assert_eq!(kept.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert!(left_out[0].contains("Again") && left_out[0].contains("twice"), "{left_out:?}");
        assert!(left_out[1].contains("Bad") && left_out[1].contains("';'"), "{left_out:?}");
        // Even these: no order decides who is called what.
        let (kept, left_out) = labels(&[("b", "N (a)"), ("a) (b", "N"), ("c", "N"), ("d", "N (a)")]);
        assert_eq!((kept.len(), left_out.len()), (2, 2), "{kept:?} {left_out:?}");
    }

    #[test]
    fn long_names_are_cut_and_too_many_schedules_refused() {
        let long = "ü".repeat(300);
        let (kept, _) = labels(&[("1", &long), ("2", &long)]);
        for (value, label) in kept {
            assert_eq!(label.chars().count(), MAX_LABEL);
            assert!(label.ends_with(&format!("… ({value})")), "{label}");
        }
        let many: Vec<String> = (0..=MAX_SCHEDULES).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|id| (id.as_str(), id.as_str())).collect();
        assert!(of_tec(&many).unwrap_err().0.contains("1001"));
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
