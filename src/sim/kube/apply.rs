//! Who owns which field, and server-side apply. Pure.
//!
//! Ownership is kept per leaf. Lists named `conditions` are maps keyed by `type`, `metadata.ownerReferences` by
//! `uid`, `metadata.finalizers` is a set; every other list is one leaf. Ownership is never shown as `managedFields`.
//! A manager that turns another's map into a scalar, or back, is not a conflict here: real schemas do not allow it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use super::{refusal::Refusal, resource::Resource};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Field(String),
    Item { key: &'static str, value: String },
    Element(String),
}

type Path = Vec<Step>;

/// How an owner came by its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// A field manager, as `managedFields` tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) subresource: String,
}

/// Who owns what in one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ownership(BTreeMap<Owner, BTreeSet<Path>>);

/// A field that another manager owns with another value.
pub(super) struct Clash {
    owner: Owner,
    path: Path,
}

impl Ownership {
    /// After a write that is no apply: what changed belongs to its author, what went belongs to nobody.
    pub(super) fn record_update(&mut self, old: &Value, new: &Value, author: &Owner) {
        let (before, after) = (leaves(old), leaves(new));
        let changed: BTreeSet<Path> = after
            .iter()
            .filter(|(path, value)| before.get(*path) != Some(value))
            .map(|(path, _)| path.clone())
            .collect();
        for paths in self.0.values_mut() {
            paths.retain(|path| after.contains_key(path) && !changed.contains(path));
        }
        self.0.entry(author.clone()).or_default().extend(changed);
        self.0.retain(|_, paths| !paths.is_empty());
    }

    /// Applies `body` to `live` for `owner`: sets what it names, removes what it named last time and no longer does.
    pub(super) fn apply(
        &mut self,
        live: &mut Value,
        owner: &Owner,
        body: &Value,
        force: bool,
    ) -> Result<(), Vec<Clash>> {
        let wanted = leaves(body);
        let clashes = self.clashes(live, owner, &wanted);
        if !clashes.is_empty() && !force {
            return Err(clashes);
        }
        for clash in clashes {
            if let Some(paths) = self.0.get_mut(&clash.owner) {
                paths.remove(&clash.path);
            }
        }
        let now: BTreeSet<Path> = wanted.keys().cloned().collect();
        let before = self.0.insert(owner.clone(), now.clone()).unwrap_or_default();
        for path in before.difference(&now) {
            if !self.0.values().any(|paths| paths.contains(path)) {
                remove(live, path);
            }
        }
        for (path, value) in &wanted {
            set(live, path, value);
        }
        self.0.retain(|_, paths| !paths.is_empty());
        Ok(())
    }

    fn clashes(&self, live: &Value, owner: &Owner, wanted: &BTreeMap<Path, Value>) -> Vec<Clash> {
        let present = leaves(live);
        let others = self.0.iter().filter(|(other, _)| *other != owner);
        let disputed = others.flat_map(|(other, paths)| {
            let disputed =
                paths.iter().filter(|path| wanted.get(*path).is_some_and(|value| present.get(*path) != Some(value)));
            disputed.map(|path| Clash { owner: other.clone(), path: path.clone() })
        });
        disputed.collect()
    }
}

/// The 409 of an apply without `force`.
pub(super) fn refuse(resource: &Resource, clashes: &[Clash]) -> Refusal {
    let with = |clash: &Clash| {
        let subresource = match clash.owner.subresource.as_str() {
            "" => String::new(),
            name => format!(" with subresource \"{name}\""),
        };
        format!("with \"{}\"{subresource} using {}", clash.owner.manager, resource.api_version())
    };
    let mut message = match clashes {
        [one] => format!("Apply failed with 1 conflict: conflict {}: {}", with(one), written(&one.path)),
        many => format!("Apply failed with {} conflicts:", many.len()),
    };
    if clashes.len() > 1 {
        let mut last = String::new();
        for clash in clashes {
            let heading = with(clash);
            if heading != last {
                let _ = write!(message, " conflicts {heading}:");
                last = heading;
            }
            let _ = write!(message, "\n- {}", written(&clash.path));
        }
    }
    let causes = clashes.iter().map(|clash| {
        let message = format!("conflict {}", with(clash));
        json!({"reason": "FieldManagerConflict", "message": message, "field": written(&clash.path)})
    });
    Refusal::new(409, "Conflict", message).caused_by(causes.collect())
}

fn written(path: &[Step]) -> String {
    path.iter().fold(String::new(), |mut text, step| {
        let _ = match step {
            Step::Field(name) => write!(text, ".{name}"),
            Step::Item { key, value } => write!(text, "[{key}=\"{value}\"]"),
            Step::Element(value) => write!(text, "[\"{value}\"]"),
        };
        text
    })
}

/// Every leaf that can have an owner: not the identity, not what the server itself stamps.
fn leaves(object: &Value) -> BTreeMap<Path, Value> {
    let mut found = BTreeMap::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
                    if let Some(value) = value.get(field) {
                        collect(vec![Step::Field("metadata".into()), Step::Field(field.into())], value, &mut found);
                    }
                }
            }
            _ => collect(vec![Step::Field(name.clone())], value, &mut found),
        }
    }
    found
}

fn collect(path: Path, value: &Value, found: &mut BTreeMap<Path, Value>) {
    let below = |step: Step| path.iter().cloned().chain([step]).collect::<Path>();
    match (value, list_kind(&path, value)) {
        (Value::Object(members), _) if !members.is_empty() => {
            for (name, member) in members {
                collect(below(Step::Field(name.clone())), member, found);
            }
        }
        (Value::Array(items), ListKind::Keyed(key)) => {
            for item in items {
                collect(below(Step::Item { key, value: text(&item[key]) }), item, found);
            }
        }
        (Value::Array(items), ListKind::Set) => {
            for item in items {
                found.insert(below(Step::Element(text(item))), item.clone());
            }
        }
        (Value::Null, _) => {}
        _ => {
            found.insert(path, value.clone());
        }
    }
}

enum ListKind {
    Keyed(&'static str),
    Set,
    Atomic,
}

fn list_kind(path: &[Step], value: &Value) -> ListKind {
    let keyed = |key: &str| value.as_array().is_some_and(|items| items.iter().all(|item| item[key].is_string()));
    match path {
        [.., Step::Field(name)] if name == "conditions" && keyed("type") => ListKind::Keyed("type"),
        [Step::Field(first), Step::Field(name)] if first == "metadata" => match name.as_str() {
            "ownerReferences" if keyed("uid") => ListKind::Keyed("uid"),
            "finalizers" => ListKind::Set,
            _ => ListKind::Atomic,
        },
        _ => ListKind::Atomic,
    }
}

fn set(live: &mut Value, path: &[Step], value: &Value) {
    let Some((step, rest)) = path.split_first() else {
        // `{}` says "there is an object", not "it is empty".
        let keeps = live.is_object() && value.as_object().is_some_and(serde_json::Map::is_empty);
        if !keeps {
            *live = value.clone();
        }
        return;
    };
    let empty = if matches!(step, Step::Field(_)) { json!({}) } else { json!([]) };
    if live.is_object() != empty.is_object() || live.is_array() != empty.is_array() {
        *live = empty;
    }
    match (step, live) {
        (Step::Field(name), Value::Object(members)) => {
            set(members.entry(name.clone()).or_insert(Value::Null), rest, value);
        }
        (Step::Item { key, value: id }, Value::Array(items)) => {
            let at = items.iter().position(|item| item[key] == *id).unwrap_or(items.len());
            if at == items.len() {
                items.push(json!({*key: id}));
            }
            set(&mut items[at], rest, value);
        }
        (Step::Element(_), Value::Array(items)) if !items.contains(value) => items.push(value.clone()),
        _ => {}
    }
}

/// Removes a leaf, and the containers it leaves empty.
fn remove(live: &mut Value, path: &[Step]) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step, live) {
        (Step::Field(name), Value::Object(members)) => {
            if let Some(member) = members.get_mut(name) {
                remove(member, rest);
                if is_empty(member) || (rest.is_empty() && !member.is_object()) {
                    members.remove(name);
                }
            }
        }
        (Step::Item { key, value: id }, Value::Array(items)) => {
            if let Some(at) = items.iter().position(|item| item[key] == *id) {
                remove(&mut items[at], rest);
                if is_empty(&items[at]) {
                    items.remove(at);
                }
            }
        }
        (Step::Element(id), Value::Array(items)) => items.retain(|item| item != id),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(manager: &str) -> Owner {
        Owner { manager: manager.into(), operation: Operation::Apply, subresource: "status".into() }
    }

    /// Some status: a scalar, a map, an atomic list and conditions, each there or not.
    fn drawn(chance: &mut fastrand::Rng) -> Value {
        let mut status = json!({});
        let word = |chance: &mut fastrand::Rng| json!(["a", "b"][chance.usize(0..2)]);
        for field in ["code", "owner"] {
            if chance.bool() {
                status[field] = word(chance);
            }
        }
        if chance.bool() {
            status["list"] = json!([chance.u8(0..2)]);
        }
        for field in ["x", "y"] {
            if chance.bool() {
                status["map"][field] = word(chance);
            }
        }
        let kinds = ["Ready", "Stalled", "Drifted"].into_iter().filter(|_| chance.bool()).collect::<Vec<_>>();
        let conditions: Vec<Value> = kinds.iter().map(|kind| json!({"type": kind, "status": word(chance)})).collect();
        if !conditions.is_empty() {
            status["conditions"] = json!(conditions);
        }
        json!({"status": status})
    }

    #[test]
    fn an_object_made_by_applies_holds_what_its_managers_own_and_no_more() {
        for seed in 0..2_000 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let (mut live, mut ownership) = (json!({}), Ownership::default());
            for _ in 0..6 {
                let (manager, body) = (["one", "two", "three"][chance.usize(0..3)], drawn(&mut chance));
                let before = (live.clone(), ownership.clone());
                let force = chance.bool();
                if ownership.apply(&mut live, &owner(manager), &body, force).is_err() {
                    assert!(!force);
                    assert_eq!((live.clone(), ownership.clone()), before, "seed {seed}");
                    continue;
                }
                let present = leaves(&live);
                for (path, value) in leaves(&body) {
                    let found = present.get(&path);
                    assert!(found == Some(&value) || value == json!({}), "seed {seed}: {}", written(&path));
                }
                let owned: BTreeSet<Path> = ownership.0.values().flatten().cloned().collect();
                let real = |path: &&Path| path.as_slice() != [Step::Field("status".into())];
                let owned: Vec<&Path> = owned.iter().filter(real).collect();
                let present: Vec<&Path> = present.keys().filter(real).collect();
                assert_eq!(present, owned, "seed {seed}");
            }
        }
    }
}
