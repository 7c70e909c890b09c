//! The mark that says which cluster made a thing in HubSpot.
//!
//! Property descriptions end with `[managed by tec-crm <cluster-id>]`; option descriptions carry the same mark behind
//! the name of their ScheduleSync.

use crate::{desired::SyncRef, domain::ClusterId};

const OPEN: &str = "[managed by tec-crm ";
const CLOSE: &str = "]";
const SYNC: &str = "ScheduleSync ";

/// Whose a thing in HubSpot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This cluster made it.
    Us,
    /// Another cluster made it.
    OtherCluster(String),
    /// No mark: a person made it, or took the mark away.
    Person,
}

/// The text with our mark behind it.
pub fn marked(text: &str, cluster: &ClusterId) -> String {
    if text.is_empty() { format!("{OPEN}{cluster}{CLOSE}") } else { format!("{text} {OPEN}{cluster}{CLOSE}") }
}

/// Reads the mark of a description.
pub fn owner(description: &str, cluster: &ClusterId) -> Owner {
    let Some((_, rest)) = description.rsplit_once(OPEN) else { return Owner::Person };
    match rest.split_once(CLOSE) {
        Some((id, _)) if id == cluster.as_str() => Owner::Us,
        Some((id, _)) => Owner::OtherCluster(id.to_owned()),
        None => Owner::Person,
    }
}

/// The description of an option that a ScheduleSync feeds.
pub fn option_description(sync: &SyncRef, cluster: &ClusterId) -> String {
    marked(&format!("{SYNC}{sync}"), cluster)
}

/// Which ScheduleSync an option's description names.
pub fn option_source(description: &str) -> Option<SyncRef> {
    let (source, _) = description.strip_prefix(SYNC)?.split_once(' ')?;
    let (namespace, name) = source.split_once('/')?;
    Some(SyncRef { namespace: namespace.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back() {
        let (ours, theirs) = (ClusterId::new("12ab34cd").unwrap(), ClusterId::new("other").unwrap());
        assert_eq!(owner(&marked("Text.", &ours), &ours), Owner::Us);
        assert_eq!(owner(&marked("Text.", &theirs), &ours), Owner::OtherCluster("other".into()));
        for unmarked in ["", "Text", "[managed by tec-crm 12ab34cd", "[managed by tec-crm"] {
            assert_eq!(owner(unmarked, &ours), Owner::Person, "{unmarked:?}");
        }
    }

    #[test]
    fn options_name_their_schedule_sync() {
        let cluster = ClusterId::new("c1").unwrap();
        let sync = SyncRef { namespace: "sales".into(), name: "main".into() };
        let description = option_description(&sync, &cluster);
        assert_eq!(option_source(&description), Some(sync));
        assert_eq!(owner(&description, &cluster), Owner::Us);
        assert_eq!(option_source("Made by hand"), None);
    }
}
