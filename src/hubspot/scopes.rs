//! The scopes we ask for and what each is for: the table of the README (API.md §2.2).

/// A scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// HubSpot's name for it.
    pub name: &'static str,
    /// Whether everybody needs it.
    pub need: Need,
    /// What it is for.
    pub purpose: &'static str,
    /// Another one that does for it.
    pub or: Option<&'static str>,
}

/// Whether everybody needs a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Every connection.
    Always,
    /// A connection whose assistants ask for something special.
    Sometimes,
}

/// HubSpot's own, which every token has: the account details.
pub const OAUTH: &str = "oauth";

/// All of them, besides [`OAUTH`].
pub const SCOPES: [Scope; 10] = [
    always("crm.schemas.contacts.read", "reading the contact fields and the choices of Lead Status"),
    always("crm.schemas.contacts.write", "keeping the contact fields and the choices of Lead Status"),
    always("crm.objects.users.read", "finding an assistant's user, and seeing whether it accepted"),
    Scope {
        or: Some("settings.users.write"),
        ..always("crm.objects.users.write", "inviting an assistant's user, and removing it where that is asked for")
    },
    always("crm.objects.owners.read", "knowing when contacts can be assigned to an assistant"),
    always("crm.objects.contacts.read", "leads: finding and reading assigned contacts"),
    always("crm.objects.contacts.write", "leads: writing status, owner, notes and tasks"),
    always("sales-email-read", "leads: e-mails on the timeline"),
    sometimes("settings.users.teams.read", "only if an Assistant names a team"),
    sometimes("billing-write", "only if an Assistant names a role that includes a paid seat"),
];

const fn always(name: &'static str, purpose: &'static str) -> Scope {
    Scope { name, need: Need::Always, purpose, or: None }
}

const fn sometimes(name: &'static str, purpose: &'static str) -> Scope {
    Scope { name, need: Need::Sometimes, purpose, or: None }
}

/// Those of this need, in order.
pub fn needed(need: Need) -> impl Iterator<Item = &'static Scope> {
    SCOPES.iter().filter(move |scope| scope.need == need)
}

/// Those of this need that are not among the granted ones, nor is one that does for it.
pub fn missing(granted: &[String], need: Need) -> Vec<&'static Scope> {
    let has = |name: &str| granted.iter().any(|granted| granted == name);
    needed(need).filter(|scope| !has(scope.name) && !scope.or.is_some_and(has)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Need, missing, needed};

    fn names(granted: &[&str], need: Need) -> Vec<&'static str> {
        let granted: Vec<String> = granted.iter().map(ToString::to_string).collect();
        missing(&granted, need).into_iter().map(|scope| scope.name).collect()
    }

    #[test]
    fn what_is_not_granted_is_missing_unless_another_does_for_it() {
        let all: Vec<&str> = needed(Need::Always).map(|scope| scope.name).collect();
        assert_eq!(names(&all, Need::Always), [""; 0]);
        assert_eq!(names(&all[1..], Need::Always), [all[0]]);
        assert_eq!(names(&[], Need::Always), all);
        assert_eq!(names(&all, Need::Sometimes), ["settings.users.teams.read", "billing-write"]);
        let without: Vec<&str> = all.iter().copied().filter(|name| *name != "crm.objects.users.write").collect();
        assert_eq!(names(&without, Need::Always), ["crm.objects.users.write"]);
        assert_eq!(names(&[without, vec!["settings.users.write"]].concat(), Need::Always), [""; 0]);
    }
}
