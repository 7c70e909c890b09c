//! From a path to a route: dated and v3 spellings meet in one table, with the scopes each route asks for (API.md §1, §2.2).
//! Pure.

use http::Method;

use super::objects::{self, AssociationPath, EngagementPath, Kind, ObjectType};

/// A known path, whatever version it was spelt in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    AccountDetails,
    DailyUsage,
    TokenInfo,
    OAuthToken,
    OAuthIntrospect,
    OAuthRevoke,
    Users,
    Roles,
    Teams,
    User,
    Owners,
    Owner,
    CrmUsers,
    CrmUser,
    ContactSearch,
    Contacts,
    Contact,
    ContactBatchRead,
    ContactBatchCreate,
    ContactBatchUpdate,
    ContactBatchUpsert,
    ContactBatchArchive,
    ContactMerge,
    Properties,
    PropertyBatchCreate,
    PropertyBatchRead,
    PropertyBatchArchive,
    Groups,
    Group,
    Property,
    UserProperties,
    UserProperty,
    CustomPropertyLimits,
    Engagement(Kind, EngagementPath),
    Association(AssociationPath, ObjectType, ObjectType),
    UnknownObjectType,
}

/// A route with the variable parts of its path.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub route: Route,
    /// The id or name in the path; empty where there is none.
    pub arg: String,
}

impl Route {
    /// All routes but those of engagements and associations, for tables over them.
    pub(super) const ALL: [Self; 34] = [
        Self::AccountDetails,
        Self::DailyUsage,
        Self::TokenInfo,
        Self::OAuthToken,
        Self::OAuthIntrospect,
        Self::OAuthRevoke,
        Self::Users,
        Self::Roles,
        Self::Teams,
        Self::User,
        Self::Owners,
        Self::Owner,
        Self::CrmUsers,
        Self::CrmUser,
        Self::ContactSearch,
        Self::Contacts,
        Self::Contact,
        Self::ContactBatchRead,
        Self::ContactBatchCreate,
        Self::ContactBatchUpdate,
        Self::ContactBatchUpsert,
        Self::ContactBatchArchive,
        Self::ContactMerge,
        Self::Properties,
        Self::PropertyBatchCreate,
        Self::PropertyBatchRead,
        Self::PropertyBatchArchive,
        Self::Groups,
        Self::Group,
        Self::Property,
        Self::UserProperties,
        Self::UserProperty,
        Self::CustomPropertyLimits,
        Self::UnknownObjectType,
    ];

    /// The normalised template: no version, `contacts` for all its aliases. Faults and counts go by it.
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::AccountDetails => "/account-info/details",
            Self::DailyUsage => "/account-info/api-usage/daily/private-apps",
            Self::TokenInfo => "/oauth/private-apps/get/access-token-info",
            Self::OAuthToken => "/oauth/token",
            Self::OAuthIntrospect => "/oauth/token/introspect",
            Self::OAuthRevoke => "/oauth/token/revoke",
            Self::Users => "/settings/users",
            Self::Roles => "/settings/users/roles",
            Self::Teams => "/settings/users/teams",
            Self::User => "/settings/users/{id}",
            Self::Owners => "/crm/owners",
            Self::Owner => "/crm/owners/{id}",
            Self::CrmUsers => "/crm/objects/users",
            Self::CrmUser => "/crm/objects/users/{id}",
            Self::ContactSearch => "/crm/objects/contacts/search",
            Self::Contacts => "/crm/objects/contacts",
            Self::Contact => "/crm/objects/contacts/{id}",
            Self::ContactBatchRead => "/crm/objects/contacts/batch/read",
            Self::ContactBatchCreate => "/crm/objects/contacts/batch/create",
            Self::ContactBatchUpdate => "/crm/objects/contacts/batch/update",
            Self::ContactBatchUpsert => "/crm/objects/contacts/batch/upsert",
            Self::ContactBatchArchive => "/crm/objects/contacts/batch/archive",
            Self::ContactMerge => "/crm/objects/contacts/merge",
            Self::Properties => "/crm/properties/contacts",
            Self::PropertyBatchCreate => "/crm/properties/contacts/batch/create",
            Self::PropertyBatchRead => "/crm/properties/contacts/batch/read",
            Self::PropertyBatchArchive => "/crm/properties/contacts/batch/archive",
            Self::Groups => "/crm/properties/contacts/groups",
            Self::Group => "/crm/properties/contacts/groups/{name}",
            Self::Property => "/crm/properties/contacts/{name}",
            Self::UserProperties => "/crm/properties/users",
            Self::UserProperty => "/crm/properties/users/{name}",
            Self::CustomPropertyLimits => "/crm/limits/custom-properties",
            Self::Engagement(kind, path) => path.template(kind),
            Self::Association(path, _, _) => path.template(),
            Self::UnknownObjectType => "/crm/{unknown object type}",
        }
    }

    /// The templates of all routes.
    pub(super) fn templates() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|route| route.template()).chain(objects::templates())
    }

    /// Scopes of which any one is enough; none means every token may call.
    pub(super) fn scopes(self, method: &Method) -> &'static [&'static str] {
        let reads = method == Method::GET;
        match self {
            Self::AccountDetails | Self::DailyUsage => &["oauth"],
            Self::TokenInfo
            | Self::OAuthToken
            | Self::OAuthIntrospect
            | Self::OAuthRevoke
            | Self::UnknownObjectType => &[],
            Self::Users | Self::User if !reads => &["settings.users.write", "crm.objects.users.write"],
            Self::Users | Self::User | Self::Roles => &["settings.users.read", "crm.objects.users.read"],
            Self::Teams => &["settings.users.teams.read"],
            Self::Owners | Self::Owner => &["crm.objects.owners.read", "automation"],
            Self::CrmUsers | Self::CrmUser | Self::UserProperties | Self::UserProperty => &["crm.objects.users.read"],
            Self::ContactSearch | Self::ContactBatchRead => &["crm.objects.contacts.read"],
            Self::Contacts | Self::Contact if reads => &["crm.objects.contacts.read"],
            Self::Contacts
            | Self::Contact
            | Self::ContactBatchCreate
            | Self::ContactBatchUpdate
            | Self::ContactBatchUpsert
            | Self::ContactBatchArchive
            | Self::ContactMerge => &["crm.objects.contacts.write"],
            Self::Engagement(kind, path) => path.scopes(kind, method),
            Self::Association(..) => &["crm.objects.contacts.read", "crm.objects.contacts.write"],
            Self::CustomPropertyLimits => {
                &["crm.objects.contacts.read", "crm.objects.users.read", "crm.objects.owners.read"]
            }
            Self::PropertyBatchRead => &["crm.schemas.contacts.read", "crm.objects.contacts.read"],
            Self::Properties | Self::Property | Self::Groups | Self::Group if reads => {
                &["crm.schemas.contacts.read", "crm.objects.contacts.read"]
            }
            Self::Properties
            | Self::Property
            | Self::Groups
            | Self::Group
            | Self::PropertyBatchCreate
            | Self::PropertyBatchArchive => &["crm.schemas.contacts.write"],
        }
    }

    /// The token endpoint: no Bearer token, no limits, one host for all regions (API.md §1, §3).
    pub(super) fn is_token_endpoint(self) -> bool {
        matches!(self, Self::OAuthToken | Self::OAuthIntrospect | Self::OAuthRevoke)
    }

    /// Search has a limit of its own and shows no rate headers (API.md §8.3).
    pub(super) fn is_search(self) -> bool {
        matches!(self, Self::ContactSearch | Self::Engagement(_, EngagementPath::Search))
    }
}

/// Finds the route of a path given as decoded segments; `None` is HubSpot's 404.
pub(super) fn find(segments: &[String]) -> Option<Match> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (area, rest) = without_version(&segments)?;
    let (route, arg) = match (area, rest) {
        ("account-info", ["details"]) => (Route::AccountDetails, ""),
        ("account-info", ["api-usage", "daily", "private-apps"]) => (Route::DailyUsage, ""),
        ("oauth", ["private-apps", "get", "access-token-info"]) => (Route::TokenInfo, ""),
        ("token", []) => (Route::OAuthToken, ""),
        ("token", ["introspect"]) => (Route::OAuthIntrospect, ""),
        ("token", ["revoke"]) => (Route::OAuthRevoke, ""),
        ("users", []) => (Route::Users, ""),
        ("users", ["roles"]) => (Route::Roles, ""),
        ("users", ["teams"]) => (Route::Teams, ""),
        ("users", [id]) => (Route::User, *id),
        ("owners", []) => (Route::Owners, ""),
        ("owners", [id]) => (Route::Owner, *id),
        ("limits", ["custom-properties"]) => (Route::CustomPropertyLimits, ""),
        ("properties", [object_type, rest @ ..]) => return property_route(object_type, rest),
        ("objects", [object_type, rest @ ..]) => return object_route(object_type, rest),
        ("associations", [from, to, rest @ ..]) => return objects::association_route(from, to, rest),
        _ => return None,
    };
    Some(Match { route, arg: arg.to_owned() })
}

/// Whether a path asks for version 2026-09, whose answers differ here and there (API.md §1).
pub(super) fn is_2026_09(path: &str) -> bool {
    path.split('/').any(|segment| segment == "2026-09")
}

/// `/{area}/{version}/…`, `/{area}/v3/…` and, for associations, `/{area}/v4/…` in one form. An unknown version is an unknown route.
fn without_version<'a>(segments: &'a [&'a str]) -> Option<(&'a str, &'a [&'a str])> {
    match segments {
        [area @ "account-info", "v3" | "2026-03" | "2026-09", rest @ ..]
        | ["settings", "v3", area @ "users", rest @ ..]
        | ["settings", area @ "users", "2026-03" | "2026-09", rest @ ..]
        | ["crm", "v3", area, rest @ ..]
        | ["crm", area, "2026-03" | "2026-09", rest @ ..]
        | ["oauth", "v3" | "2026-03" | "2026-09", area @ "token", rest @ ..]
        | ["crm", "v4", area @ "associations", rest @ ..]
        | [area @ "oauth", "v2", rest @ ..] => Some((*area, rest)),
        // Of version 1 this is the same by another name, until 16 Feb 2027.
        ["oauth", "v1", area @ "token"] => Some((*area, &[])),
        // Version 4 is associations alone.
        ["crm", "v4", area @ "objects", rest @ ..] if rest.get(2) == Some(&"associations") => Some((*area, rest)),
        _ => None,
    }
}

fn property_route(object_type: &str, rest: &[&str]) -> Option<Match> {
    let (route, arg) = match (object_type, rest) {
        (_, [] | [_]) if is_user(object_type) => {
            let route = if rest.is_empty() { Route::UserProperties } else { Route::UserProperty };
            (route, rest.first().copied().unwrap_or_default())
        }
        _ if !is_contact(object_type) => (Route::UnknownObjectType, object_type),
        (_, []) => (Route::Properties, ""),
        (_, ["batch", "create"]) => (Route::PropertyBatchCreate, ""),
        (_, ["batch", "read"]) => (Route::PropertyBatchRead, ""),
        (_, ["batch", "archive"]) => (Route::PropertyBatchArchive, ""),
        (_, ["groups"]) => (Route::Groups, ""),
        (_, ["groups", name]) => (Route::Group, *name),
        (_, [name]) => (Route::Property, *name),
        _ => return None,
    };
    Some(Match { route, arg: arg.to_owned() })
}

fn object_route(object_type: &str, rest: &[&str]) -> Option<Match> {
    if let Some(found) = objects::object_route(object_type, rest) {
        return Some(found);
    }
    let (route, arg) = match rest {
        [] if is_user(object_type) => (Route::CrmUsers, ""),
        [id] if is_user(object_type) => (Route::CrmUser, *id),
        _ if is_contact(object_type) => return contact_route(rest),
        _ if is_user(object_type) => return None,
        _ => (Route::UnknownObjectType, object_type),
    };
    Some(Match { route, arg: arg.to_owned() })
}

fn contact_route(rest: &[&str]) -> Option<Match> {
    let (route, arg) = match rest {
        [] => (Route::Contacts, ""),
        ["search"] => (Route::ContactSearch, ""),
        ["merge"] => (Route::ContactMerge, ""),
        ["batch", "read"] => (Route::ContactBatchRead, ""),
        ["batch", "create"] => (Route::ContactBatchCreate, ""),
        ["batch", "update"] => (Route::ContactBatchUpdate, ""),
        ["batch", "upsert"] => (Route::ContactBatchUpsert, ""),
        ["batch", "archive"] => (Route::ContactBatchArchive, ""),
        [id] => (Route::Contact, *id),
        _ => return None,
    };
    Some(Match { route, arg: arg.to_owned() })
}

fn is_contact(object_type: &str) -> bool {
    matches!(object_type, "contacts" | "contact" | "0-1")
}

fn is_user(object_type: &str) -> bool {
    matches!(object_type, "users" | "user" | "0-115")
}
