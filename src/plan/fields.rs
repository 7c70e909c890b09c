//! The property group and our four contact fields.

use std::collections::BTreeMap;

use super::{
    Action, Definition, Difference, OptionsChange, Permission, Plan, PropertyChange, Refusal, Step,
    options::{self, NewOptions, SyncReport},
    ownership,
};
use crate::{
    api::{
        condition::Reason,
        crm_connection::{Adoption, FieldOrigin},
    },
    desired::{
        ScheduleUnion, SyncInput, SyncRef, SyncState,
        connection::{Fields, STATE_FIELD},
    },
    domain::ClusterId,
    portal::snapshot::{Answers, Group, Properties, Property, PropertyOption},
};

/// Everything the plan for the fields depends on.
#[derive(Clone, Copy, Debug)]
pub struct FieldsInput<'a> {
    /// Who we are.
    pub cluster: &'a ClusterId,
    /// What is desired.
    pub fields: &'a Fields,
    /// What the schedule field offers.
    pub schedules: &'a ScheduleUnion,
    /// Where fields came from, as far as status remembers.
    pub known: &'a BTreeMap<String, FieldOrigin>,
    /// Facts asked for.
    pub answers: &'a Answers,
    /// Whether we may write.
    pub permission: Permission,
}

/// What came of the fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldsReport {
    /// Fields (and the group, under its [`group_key`]) that are there or are being made, and where they come from.
    pub origins: BTreeMap<String, FieldOrigin>,
    /// What a person has to solve.
    pub refusals: Vec<Refusal>,
    /// Per ScheduleSync.
    pub syncs: BTreeMap<SyncRef, SyncReport>,
}

/// Plans group and fields into `plan`.
pub fn plan(
    input: &FieldsInput<'_>,
    groups: &BTreeMap<String, Group>,
    properties: &Properties,
    plan: &mut Plan,
) -> FieldsReport {
    let mut report = FieldsReport::default();
    report.origins.insert(group_key(input.fields.group.as_str()), group(input, groups, plan));
    for wanted in wanted(input.fields) {
        field(input, &wanted, properties, plan, &mut report);
    }
    report
}

/// Groups and properties have names of their own; in one map of origins they need to be told apart.
pub fn group_key(name: &str) -> String {
    format!("group/{name}")
}

fn group(input: &FieldsInput<'_>, groups: &BTreeMap<String, Group>, plan: &mut Plan) -> FieldOrigin {
    let (name, label) = (&input.fields.group, &input.fields.group_label);
    let subject = format!("property group {name}");
    match groups.get(name.as_str()) {
        None => plan.add(
            Step {
                action: Action::CreateGroup { name: name.clone(), label: label.clone() },
                because: vec![absent(&subject, label)],
            },
            input.permission,
        ),
        Some(group) if group.label != *label => plan.add(
            Step {
                action: Action::RelabelGroup { name: name.clone(), label: label.clone() },
                because: vec![Difference {
                    subject,
                    field: "label".into(),
                    found: group.label.clone(),
                    expected: label.clone(),
                }],
            },
            input.permission,
        ),
        Some(_) => {}
    }
    let remembered = input.known.get(&group_key(name.as_str())).copied();
    match groups.get(name.as_str()) {
        None => FieldOrigin::Created,
        Some(_) => remembered.unwrap_or(FieldOrigin::Adopted),
    }
}

fn absent(subject: &str, expected: &str) -> Difference {
    Difference {
        subject: subject.to_owned(),
        field: String::new(),
        found: "absent".to_owned(),
        expected: expected.to_owned(),
    }
}

/// What a field should be, before its options.
struct WantedField<'a> {
    name: &'a str,
    label: &'a str,
    help: &'static str,
    r#type: &'static str,
    field_type: &'static str,
    /// Field types that store the same values, so that one can become the other without harm.
    kin: &'static [&'static str],
    hidden: bool,
    choices: Choices,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choices {
    None,
    States,
    Schedules,
}

fn wanted(fields: &Fields) -> [WantedField<'_>; 4] {
    const TEXT: &[&str] = &["text", "textarea"];
    const SINGLE: &[&str] = &["select", "radio"];
    [
        WantedField {
            name: fields.context.name.as_str(),
            label: &fields.context.label,
            help: "What the TEC assistant should know about this contact.",
            r#type: "string",
            field_type: "textarea",
            kin: TEXT,
            hidden: false,
            choices: Choices::None,
        },
        WantedField {
            name: fields.schedule.name.as_str(),
            label: &fields.schedule.label,
            help: "When the TEC assistant writes to this contact.",
            r#type: "enumeration",
            field_type: "select",
            kin: SINGLE,
            hidden: false,
            choices: Choices::Schedules,
        },
        WantedField {
            name: fields.lead_connection_status.name.as_str(),
            label: &fields.lead_connection_status.label,
            help: "How far the TEC assistant is with this contact. Clear it to let an assistant start over.",
            r#type: "enumeration",
            field_type: "select",
            kin: SINGLE,
            hidden: false,
            choices: Choices::States,
        },
        WantedField {
            name: STATE_FIELD,
            label: "TEC Assistant State",
            help: "Bookkeeping of the TEC assistant. Do not edit.",
            r#type: "string",
            field_type: "text",
            kin: TEXT,
            hidden: true,
            choices: Choices::None,
        },
    ]
}

fn field(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    properties: &Properties,
    plan: &mut Plan,
    report: &mut FieldsReport,
) {
    let origin = match properties.active.get(wanted.name) {
        Some(found) => existing(input, wanted, found, plan, report),
        None => missing(input, wanted, properties.archived.get(wanted.name), plan, report),
    };
    match origin {
        Ok(origin) => {
            report.origins.insert(wanted.name.to_owned(), origin);
        }
        Err(refusal) => {
            if wanted.choices == Choices::Schedules {
                for sync in input.schedules.syncs.keys() {
                    report.syncs.entry(sync.clone()).or_default().refusals.push(refusal.clone());
                }
            }
            report.refusals.push(refusal);
        }
    }
}

fn missing(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    archived: Option<&Property>,
    plan: &mut Plan,
    report: &mut FieldsReport,
) -> Result<FieldOrigin, Refusal> {
    let mut description = ownership::marked(wanted.help, input.cluster);
    let mut origin = FieldOrigin::Created;
    if let Some(archived) = archived {
        refuse_foreign(input, wanted, archived)?;
        if !is_ours(input, wanted, archived) {
            refuse_when_never(input.fields.adoption, wanted)?;
            // Our mark would make it ours, and deletion would take a person's field with it.
            description.clone_from(&archived.description);
            origin = FieldOrigin::Adopted;
        }
        if archived.r#type != wanted.r#type {
            return Err(Refusal::new(
                Reason::AdoptionRefused,
                format!(
                    "property {} is archived with type {}, {} is needed; restore it under another name or delete it for good in HubSpot, or choose another name here",
                    wanted.name, archived.r#type, wanted.r#type
                ),
            ));
        }
    }
    let before: &[PropertyOption] = archived.map_or(&[], |property| &property.options);
    let choices = choices(input, wanted, before, SyncInput::may_be_written);
    note(report, &choices, wanted);
    plan.questions.extend(choices.questions);
    let definition = Definition {
        name: wanted.name.to_owned(),
        label: wanted.label.to_owned(),
        description,
        r#type: wanted.r#type,
        field_type: wanted.field_type,
        group: input.fields.group.as_str().to_owned(),
        hidden: wanted.hidden,
        options: choices.to,
    };
    let mut because = absent(&format!("property {}", wanted.name), wanted.label);
    if archived.is_some() {
        "archived".clone_into(&mut because.found);
    }
    let action = Action::CreateProperty { definition, restores: archived.is_some() };
    plan.add(Step { action, because: vec![because] }, input.permission);
    Ok(origin)
}

fn existing(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    found: &Property,
    plan: &mut Plan,
    report: &mut FieldsReport,
) -> Result<FieldOrigin, Refusal> {
    refuse_foreign(input, wanted, found)?;
    let ours = is_ours(input, wanted, found);
    if !ours {
        refuse_adoption(input.fields.adoption, wanted, found)?;
    }
    if found.r#type != wanted.r#type {
        return Err(type_refusal(wanted, found));
    }
    let (mut change, mut because) = definition_change(input, wanted, found, ours);
    let choices = choices(input, wanted, &found.options, SyncInput::may_be_written);
    note(report, &choices, wanted);
    if choices.to != found.options {
        change.options = Some(OptionsChange { from: found.options.clone(), to: choices.to.clone() });
        because.extend(choices.because.iter().cloned());
    }
    plan.questions.extend(choices.questions);
    if !change.is_empty() {
        refuse_read_only(wanted, found, &change)?;
        let action = Action::UpdateProperty { name: wanted.name.to_owned(), change };
        plan.add(Step { action, because }, input.permission);
    }
    held_schedules(input, wanted, found, &choices.to, plan);
    Ok(if ours { FieldOrigin::Created } else { FieldOrigin::Adopted })
}

fn refuse_read_only(wanted: &WantedField<'_>, found: &Property, change: &PropertyChange) -> Result<(), Refusal> {
    let what = if found.read_only_definition {
        "is read-only"
    } else if found.read_only_options && change.options.is_some() {
        "has options that are read-only"
    } else {
        return Ok(());
    };
    Err(Refusal::new(
        Reason::HubSpotRefused,
        format!("property {} {what} in HubSpot; change it there or choose another name", wanted.name),
    ))
}

/// What ScheduleSyncs on hold would change, for showing.
fn held_schedules(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    found: &Property,
    without: &[PropertyOption],
    plan: &mut Plan,
) {
    let with = choices(input, wanted, without, |sync| !matches!(sync.state, SyncState::Untouched));
    if with.to != without {
        let change = PropertyChange {
            options: Some(OptionsChange { from: found.options.clone(), to: with.to }),
            ..PropertyChange::default()
        };
        let action = Action::UpdateProperty { name: wanted.name.to_owned(), change };
        plan.add(Step { action, because: with.because }, Permission::Hold(super::Hold::ScheduleSync));
    }
}

/// By its mark; or by our memory, if a person took the mark away.
fn is_ours(input: &FieldsInput<'_>, wanted: &WantedField<'_>, found: &Property) -> bool {
    ownership::owner(&found.description, input.cluster) == ownership::Owner::Us
        || input.known.get(wanted.name) == Some(&FieldOrigin::Created)
}

fn refuse_foreign(input: &FieldsInput<'_>, wanted: &WantedField<'_>, found: &Property) -> Result<(), Refusal> {
    match ownership::owner(&found.description, input.cluster) {
        ownership::Owner::OtherCluster(other) => Err(Refusal::new(
            Reason::Conflict,
            format!(
                "property {} is managed by cluster {other}; this is cluster {}. Remove the mark from its description in HubSpot to take it over, or run with --cluster-id {other}",
                wanted.name, input.cluster
            ),
        )),
        ownership::Owner::Us | ownership::Owner::Person => Ok(()),
    }
}

fn refuse_adoption(adoption: Adoption, wanted: &WantedField<'_>, found: &Property) -> Result<(), Refusal> {
    if found.r#type != wanted.r#type {
        return Err(type_refusal(wanted, found));
    }
    refuse_when_never(adoption, wanted)?;
    let compatible = wanted.kin.contains(&found.field_type.as_str());
    match adoption {
        Adoption::IfCompatible if !compatible => Err(Refusal::new(
            Reason::AdoptionRefused,
            format!(
                "property {} has field type {}, {} is needed; change it in HubSpot, set contactFields.adoption to Always, or choose another name",
                wanted.name, found.field_type, wanted.field_type
            ),
        )),
        Adoption::Never | Adoption::IfCompatible | Adoption::Always => Ok(()),
    }
}

fn refuse_when_never(adoption: Adoption, wanted: &WantedField<'_>) -> Result<(), Refusal> {
    if adoption != Adoption::Never {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::AdoptionRefused,
        format!(
            "property {} was made by someone else and contactFields.adoption is Never; allow adoption or choose another name",
            wanted.name
        ),
    ))
}

fn type_refusal(wanted: &WantedField<'_>, found: &Property) -> Refusal {
    Refusal::new(
        Reason::AdoptionRefused,
        format!(
            "property {} has type {}, {} is needed, and the type of an existing property is never changed; archive it in HubSpot or choose another name",
            wanted.name, found.r#type, wanted.r#type
        ),
    )
}

/// Label and field type of any field; description, group and visibility only of fields we made.
fn definition_change(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    found: &Property,
    ours: bool,
) -> (PropertyChange, Vec<Difference>) {
    let mut change = PropertyChange::default();
    let mut because = Vec::new();
    let mut differs = |field: &str, found: &str, expected: &str| {
        let different = found != expected;
        if different {
            because.push(Difference {
                subject: format!("property {}", wanted.name),
                field: field.to_owned(),
                found: found.to_owned(),
                expected: expected.to_owned(),
            });
        }
        different
    };
    if differs("label", &found.label, wanted.label) {
        change.label = Some(wanted.label.to_owned());
    }
    let takes_other_field_type = ours || !wanted.kin.contains(&found.field_type.as_str());
    if takes_other_field_type && differs("field type", &found.field_type, wanted.field_type) {
        change.field_type = Some(wanted.field_type);
    }
    if ours {
        let description = ownership::marked(wanted.help, input.cluster);
        if differs("description", &found.description, &description) {
            change.description = Some(description);
        }
        let group = input.fields.group.as_str();
        if differs("group", &found.group, group) {
            change.group = Some(group.to_owned());
        }
        let shown = |hidden: bool| if hidden { "hidden" } else { "shown" };
        if differs("visibility", shown(found.hidden), shown(wanted.hidden)) {
            change.hidden = Some(wanted.hidden);
        }
    }
    (change, because)
}

fn choices(
    input: &FieldsInput<'_>,
    wanted: &WantedField<'_>,
    before: &[PropertyOption],
    may_write: fn(&SyncInput) -> bool,
) -> NewOptions {
    match wanted.choices {
        Choices::None => NewOptions { to: before.to_vec(), ..NewOptions::default() },
        Choices::States => options::states(wanted.name, before, input.cluster),
        Choices::Schedules => {
            options::schedules(wanted.name, before, (input.schedules, input.answers), input.cluster, may_write)
        }
    }
}

fn note(report: &mut FieldsReport, choices: &NewOptions, wanted: &WantedField<'_>) {
    report.refusals.extend(choices.refusals.iter().cloned());
    if wanted.choices == Choices::Schedules {
        report.syncs.clone_from(&choices.syncs);
    }
}
