//! Portals and wishes to plan on, for the tests of this room.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Action, Definition, Plan, PropertyChange, fields::group_key, portal::PortalDesired};
use crate::{
    api::{
        crm_connection::{Adoption, ConnectionDeletionPolicy, FieldOrigin, Mode},
        schedule_sync::Prune,
    },
    desired::{
        Claim, ScheduleUnion, SyncInput, SyncRef, SyncState, ValidatedConnection,
        connection::{Auth, Field, Fields, LeadStatusOptions, SecretKey, default_mapping},
    },
    domain::{ClusterId, GroupName, LeadState, OptionValue, PortalId, PropertyName},
    portal::{
        Section, Trouble,
        snapshot::{Account, Answers, Group, PortalSnapshot, Properties, Property, PropertyOption, User},
        trouble::TroubleKind,
    },
};

/// The group every test uses.
pub(super) const GROUP: &str = "tec_ai_assistant";

/// Noon of a day.
pub(super) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(super) fn hours(from_now: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(from_now)
}

pub(super) fn us() -> ClusterId {
    ClusterId::new("c1").unwrap()
}

pub(super) fn trouble() -> Trouble {
    Trouble::new(TroubleKind::Unreachable, "HubSpot is away")
}

pub(super) fn fields() -> Fields {
    let field = |name: &str, label: &str| Field { name: PropertyName::new(name).unwrap(), label: label.into() };
    Fields {
        mode: Mode::Enforce,
        adoption: Adoption::IfCompatible,
        group: GroupName::new(GROUP).unwrap(),
        group_label: "TEC AI Assistant".into(),
        context: field("tec_context", "Context"),
        schedule: field("tec_schedule", "TEC Schedule"),
        lead_connection_status: field("tec_lead_connection_status", "Lead Connection Status"),
    }
}

pub(super) fn lead_status() -> LeadStatusOptions {
    let mapping = LeadState::ALL.into_iter().map(|state| (state, default_mapping(state).to_owned())).collect();
    LeadStatusOptions { mode: Mode::Enforce, mapping }
}

/// A connection with every default, and one ScheduleSync with two schedules.
pub(super) fn desired() -> PortalDesired {
    PortalDesired {
        cluster: us(),
        connection: ValidatedConnection {
            portal_guard: None,
            endpoint: None,
            auth: Auth::Token(SecretKey { name: "hubspot".into(), key: "token".into() }),
            fields: fields(),
            lead_status: lead_status(),
            leads: None,
            tec: None,
            webhooks: None,
            reserve_percent: 20,
            interval: Duration::from_mins(5),
            hold_until: None,
            suspend: false,
            deletion: ConnectionDeletionPolicy::Retain,
        },
        schedules: ScheduleUnion::of(vec![sync("a", 10, active(&[("1", "Weekdays"), ("2", "Every day")]))]),
        known: BTreeMap::new(),
        plan_only: false,
    }
}

pub(super) fn claims(list: &[(&str, &str)]) -> Vec<Claim> {
    let claim = |(value, label): &(&str, &str)| Claim {
        value: OptionValue::new(*value).unwrap(),
        label: (*label).to_owned(),
        hidden: false,
    };
    list.iter().map(claim).collect()
}

pub(super) fn active(list: &[(&str, &str)]) -> SyncState {
    SyncState::Active(claims(list))
}

pub(super) fn sync_ref(name: &str) -> SyncRef {
    SyncRef { namespace: "ns".into(), name: name.into() }
}

/// `age`: seconds after the epoch; the smaller the older.
pub(super) fn sync(name: &str, age: i64, state: SyncState) -> SyncInput {
    SyncInput {
        sync: sync_ref(name),
        created: Timestamp::from_second(age).unwrap(),
        uid: name.to_owned(),
        prune: Prune::Hide,
        state,
    }
}

pub(super) fn option(value: &str, label: &str, order: i64) -> PropertyOption {
    PropertyOption {
        value: value.into(),
        label: label.into(),
        description: String::new(),
        hidden: false,
        display_order: order,
    }
}

/// A field as a person makes it, of the given types.
pub(super) fn by_hand(label: &str, r#type: &str, field_type: &str) -> Property {
    Property {
        label: label.into(),
        description: "Made by hand.".into(),
        r#type: r#type.into(),
        field_type: field_type.into(),
        group: "contactinformation".into(),
        hidden: false,
        options: Vec::new(),
        read_only_definition: false,
        read_only_options: false,
    }
}

/// HubSpot's own lead status, with its default options (API.md §7.1).
pub(super) fn hubspots_lead_status() -> Property {
    let defaults = [
        ("NEW", "New"),
        ("OPEN", "Open"),
        ("IN_PROGRESS", "In Progress"),
        ("OPEN_DEAL", "Open Deal"),
        ("UNQUALIFIED", "Unqualified"),
        ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
        ("CONNECTED", "Connected"),
        ("BAD_TIMING", "Bad Timing"),
    ];
    let options = (0..).zip(defaults).map(|(order, (value, label))| option(value, label, order)).collect();
    Property {
        group: "sales_properties".into(),
        description: String::new(),
        options,
        ..by_hand("Lead Status", "enumeration", "radio")
    }
}

/// A portal as a value that can be changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Small {
    pub groups: BTreeMap<String, Group>,
    pub properties: Properties,
}

impl Small {
    /// A fresh portal: HubSpot's own things and nothing else.
    pub(super) fn fresh() -> Self {
        let mut properties = Properties::default();
        properties.active.insert("hs_lead_status".into(), hubspots_lead_status());
        let groups = [("contactinformation".to_owned(), Group { label: "Contact information".into() })].into();
        Self { groups, properties }
    }

    /// A portal in which we have done our work.
    pub(super) fn in_sync(desired: &PortalDesired) -> Self {
        let mut portal = Self::fresh();
        let plan = super::portal::plan(desired, &portal.snapshot(), &Answers::default(), now()).unwrap().plan;
        portal.apply(&plan);
        portal
    }

    pub(super) fn property(&mut self, name: &str) -> &mut Property {
        self.properties.active.get_mut(name).unwrap()
    }

    pub(super) fn archive(&mut self, name: &str) {
        let property = self.properties.active.remove(name).unwrap();
        self.properties.archived.insert(name.to_owned(), property);
    }

    /// As the planner sees it.
    pub(super) fn snapshot(&self) -> PortalSnapshot {
        PortalSnapshot {
            account: Section::Fresh(Arc::new(Account {
                portal: PortalId(999_001),
                account_type: "STANDARD".into(),
                ui_domain: "app.hubspot.com".into(),
            })),
            groups: Section::Fresh(Arc::new(self.groups.clone())),
            properties: Section::Fresh(Arc::new(self.properties.clone())),
            ..nothing_read()
        }
    }

    /// What HubSpot makes of the steps.
    pub(super) fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.carry_out(&step.action);
        }
    }

    fn carry_out(&mut self, action: &Action) {
        match action {
            Action::CreateGroup { name, label } => {
                let before = self.groups.insert(name.as_str().to_owned(), Group { label: label.clone() });
                assert_eq!(before, None, "group {name} is made twice");
            }
            Action::RelabelGroup { name, label } => {
                self.groups.get_mut(name.as_str()).unwrap().label.clone_from(label);
            }
            Action::DeleteGroup { name } => {
                let left = self.properties.active.values().filter(|property| property.group == name.as_str()).count();
                assert_eq!(left, 0, "HubSpot refuses to delete a group with active properties");
                self.groups.remove(name.as_str()).unwrap();
            }
            Action::CreateProperty { definition, restores } => self.create(definition, *restores),
            Action::UpdateProperty { name, change } => self.update(name, change),
            Action::ArchiveProperty { name } => self.archive(name),
            Action::CreateUser { .. } | Action::UpdateUser { .. } | Action::DeleteUser { .. } => {
                panic!("a portal's configuration has no users: {action:?}")
            }
        }
    }

    fn create(&mut self, definition: &Definition, restores: bool) {
        let Definition { name, label, description, r#type, field_type, group, hidden, options } = definition.clone();
        assert!(self.groups.contains_key(&group), "{name} is made before its group {group}");
        assert_eq!(self.properties.archived.remove(&name).is_some(), restores, "{name}");
        assert_unique(&options);
        let property = Property {
            label,
            description,
            r#type: r#type.into(),
            field_type: field_type.into(),
            group,
            hidden,
            options,
            read_only_definition: false,
            read_only_options: false,
        };
        assert_eq!(self.properties.active.insert(name.clone(), property), None, "{name} is made twice");
    }

    fn update(&mut self, name: &str, change: &PropertyChange) {
        let PropertyChange { label, description, field_type, group, hidden, options } = change.clone();
        assert!(group.as_ref().is_none_or(|group| self.groups.contains_key(group)), "{name} moves to no group");
        let property = self.property(name);
        if let Some(label) = label {
            property.label = label;
        }
        if let Some(description) = description {
            property.description = description;
        }
        if let Some(field_type) = field_type {
            property.field_type = field_type.into();
        }
        if let Some(group) = group {
            property.group = group;
        }
        if let Some(hidden) = hidden {
            property.hidden = hidden;
        }
        if let Some(options) = options {
            assert_eq!(property.options, options.from, "{name}: planned on another list");
            assert_unique(&options.to);
            property.options = options.to;
        }
    }
}

/// HubSpot refuses a list with a value or a label twice (API.md §7).
fn assert_unique(options: &[PropertyOption]) {
    for (at, option) in options.iter().enumerate() {
        let twice = options[..at].iter().any(|other| other.value == option.value || other.label == option.label);
        assert!(!twice, "value or label twice: {options:#?}");
    }
}

/// What status would remember after all of `desired` was made by us.
pub(super) fn all_created() -> BTreeMap<String, FieldOrigin> {
    let names = ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"];
    let keys = names.into_iter().map(ToOwned::to_owned).chain([group_key(GROUP)]);
    keys.map(|name| (name, FieldOrigin::Created)).collect()
}

/// Nothing is known of the portal.
pub(super) fn nothing_read() -> PortalSnapshot {
    PortalSnapshot {
        account: Section::NotRead,
        groups: Section::NotRead,
        properties: Section::NotRead,
        users: Section::NotRead,
        owners: Section::NotRead,
        roles: Section::NotRead,
        teams: Section::NotRead,
        acceptance: Section::NotRead,
    }
}

/// A user without names, role and team.
pub(super) fn user(id: &str) -> User {
    User {
        id: crate::domain::UserId(id.into()),
        first_name: None,
        last_name: None,
        roles: Vec::new(),
        team: None,
        secondary_teams: Vec::new(),
        super_admin: false,
    }
}
