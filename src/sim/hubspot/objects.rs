//! Object types of engagements and contacts, what their associations are called, and the routes of both
//! (API.md §9). Pure.

use http::Method;

use super::route::{Match, Route};

/// What can hang on a contact's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Note,
    Email,
    Task,
}

/// One end of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectType {
    Contact,
    Engagement(Kind),
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Note, Self::Email, Self::Task];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Email => "email",
            Self::Task => "task",
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Note => "notes",
            Self::Email => "emails",
            Self::Task => "tasks",
        }
    }

    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Note => "0-46",
            Self::Email => "0-49",
            Self::Task => "0-27",
        }
    }

    /// The association type from the engagement to its contact.
    pub(super) fn to_contact(self) -> i64 {
        match self {
            Self::Note => 202,
            Self::Email => 198,
            Self::Task => 204,
        }
    }

    /// The association type from the contact to the engagement.
    pub(super) fn of_contact(self) -> i64 {
        self.to_contact() - 1
    }
}

impl ObjectType {
    /// By plural, singular or type id.
    pub(super) fn of(text: &str) -> Option<Self> {
        if matches!(text, "contacts" | "contact" | "0-1") {
            return Some(Self::Contact);
        }
        let kind = Kind::ALL.into_iter().find(|kind| [kind.plural(), kind.name(), kind.type_id()].contains(&text));
        kind.map(Self::Engagement)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Engagement(kind) => kind.name(),
        }
    }

    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Engagement(kind) => kind.plural(),
        }
    }

    pub(super) fn type_id(self) -> &'static str {
        match self {
            Self::Contact => "0-1",
            Self::Engagement(kind) => kind.type_id(),
        }
    }
}

/// From and to of an association type HubSpot defines; only those between contacts and engagements are known here.
pub(super) fn ends_of(type_id: i64) -> Option<(ObjectType, ObjectType)> {
    Kind::ALL.into_iter().find_map(|kind| {
        let engagement = ObjectType::Engagement(kind);
        if type_id == kind.to_contact() {
            return Some((engagement, ObjectType::Contact));
        }
        (type_id == kind.of_contact()).then_some((ObjectType::Contact, engagement))
    })
}

/// The association type of a pair, in the direction asked for.
pub(super) fn type_between(from: ObjectType, to: ObjectType) -> Option<i64> {
    match (from, to) {
        (ObjectType::Engagement(kind), ObjectType::Contact) => Some(kind.to_contact()),
        (ObjectType::Contact, ObjectType::Engagement(kind)) => Some(kind.of_contact()),
        (ObjectType::Contact, ObjectType::Contact) | (ObjectType::Engagement(_), ObjectType::Engagement(_)) => None,
    }
}

/// A path of an engagement type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngagementPath {
    Objects,
    Object,
    Search,
    BatchCreate,
    BatchRead,
    BatchArchive,
}

macro_rules! templates {
    ($plural:literal) => {
        [
            concat!("/crm/objects/", $plural),
            concat!("/crm/objects/", $plural, "/{id}"),
            concat!("/crm/objects/", $plural, "/search"),
            concat!("/crm/objects/", $plural, "/batch/create"),
            concat!("/crm/objects/", $plural, "/batch/read"),
            concat!("/crm/objects/", $plural, "/batch/archive"),
        ]
    };
}

const ENGAGEMENT_TEMPLATES: [[&str; 6]; 3] = [templates!("notes"), templates!("emails"), templates!("tasks")];

impl EngagementPath {
    pub(super) fn template(self, kind: Kind) -> &'static str {
        let [objects, object, search, create, read, archive] = match kind {
            Kind::Note => ENGAGEMENT_TEMPLATES[0],
            Kind::Email => ENGAGEMENT_TEMPLATES[1],
            Kind::Task => ENGAGEMENT_TEMPLATES[2],
        };
        match self {
            Self::Objects => objects,
            Self::Object => object,
            Self::Search => search,
            Self::BatchCreate => create,
            Self::BatchRead => read,
            Self::BatchArchive => archive,
        }
    }

    /// Of version 2026-03: e-mails open to either scope (API.md §2.2).
    pub(super) fn scopes(self, kind: Kind, method: &Method) -> &'static [&'static str] {
        let reads = match self {
            Self::Search | Self::BatchRead => true,
            Self::BatchCreate | Self::BatchArchive => false,
            Self::Objects | Self::Object => method == Method::GET,
        };
        match (kind, reads) {
            (Kind::Email, true) => &["crm.objects.contacts.read", "sales-email-read"],
            (Kind::Email, false) => &["crm.objects.contacts.write", "sales-email-read"],
            (Kind::Note | Kind::Task, true) => &["crm.objects.contacts.read"],
            (Kind::Note | Kind::Task, false) => &["crm.objects.contacts.write"],
        }
    }
}

/// A path of associations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssociationPath {
    BatchRead,
    BatchCreate,
    BatchArchive,
    BatchDefault,
    BatchLabelsArchive,
    List,
    Pair,
    DefaultPair,
}

impl AssociationPath {
    pub(super) const ALL: [Self; 8] = [
        Self::BatchRead,
        Self::BatchCreate,
        Self::BatchArchive,
        Self::BatchDefault,
        Self::BatchLabelsArchive,
        Self::List,
        Self::Pair,
        Self::DefaultPair,
    ];

    /// The same for all pairs of types; a fault on one pair goes by the beginning of its path.
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::BatchRead => "/crm/associations/{from}/{to}/batch/read",
            Self::BatchCreate => "/crm/associations/{from}/{to}/batch/create",
            Self::BatchArchive => "/crm/associations/{from}/{to}/batch/archive",
            Self::BatchDefault => "/crm/associations/{from}/{to}/batch/associate/default",
            Self::BatchLabelsArchive => "/crm/associations/{from}/{to}/batch/labels/archive",
            Self::List => "/crm/objects/{from}/{id}/associations/{to}",
            Self::Pair => "/crm/objects/{from}/{id}/associations/{to}/{toId}",
            Self::DefaultPair => "/crm/objects/{from}/{id}/associations/default/{to}/{toId}",
        }
    }
}

/// The templates of these routes.
pub(super) fn templates() -> impl Iterator<Item = &'static str> {
    let associations = AssociationPath::ALL.iter().map(|path| path.template());
    ENGAGEMENT_TEMPLATES.iter().flatten().copied().chain(associations)
}

/// The route of `/crm/objects/{type}/…` for engagements, and for associations of all types; `None` for what others know.
pub(super) fn object_route(object_type: &str, rest: &[&str]) -> Option<Match> {
    let from = ObjectType::of(object_type)?;
    match rest {
        [id, "associations", "default", to, to_id] => {
            return Some(association(AssociationPath::DefaultPair, from, to, &format!("{id}/{to_id}")));
        }
        [id, "associations", to, to_id] => {
            return Some(association(AssociationPath::Pair, from, to, &format!("{id}/{to_id}")));
        }
        [id, "associations", to] => return Some(association(AssociationPath::List, from, to, id)),
        _ => {}
    }
    let ObjectType::Engagement(kind) = from else { return None };
    let (path, arg) = match rest {
        [] => (EngagementPath::Objects, ""),
        ["search"] => (EngagementPath::Search, ""),
        ["batch", "create"] => (EngagementPath::BatchCreate, ""),
        ["batch", "read"] => (EngagementPath::BatchRead, ""),
        ["batch", "archive"] => (EngagementPath::BatchArchive, ""),
        [id] => (EngagementPath::Object, *id),
        _ => return None,
    };
    Some(Match { route: Route::Engagement(kind, path), arg: arg.to_owned() })
}

/// The route of `/crm/associations/{from}/{to}/…`.
pub(super) fn association_route(from: &str, to: &str, rest: &[&str]) -> Option<Match> {
    let path = match rest {
        ["batch", "read"] => AssociationPath::BatchRead,
        ["batch", "create"] => AssociationPath::BatchCreate,
        ["batch", "archive"] => AssociationPath::BatchArchive,
        ["batch", "associate", "default"] => AssociationPath::BatchDefault,
        ["batch", "labels", "archive"] => AssociationPath::BatchLabelsArchive,
        _ => return None,
    };
    Some(match ObjectType::of(from) {
        Some(from) => association(path, from, to, ""),
        None => unknown(from),
    })
}

fn association(path: AssociationPath, from: ObjectType, to: &str, arg: &str) -> Match {
    match ObjectType::of(to) {
        Some(to) => Match { route: Route::Association(path, from, to), arg: arg.to_owned() },
        None => unknown(to),
    }
}

fn unknown(object_type: &str) -> Match {
    Match { route: Route::UnknownObjectType, arg: object_type.to_owned() }
}
