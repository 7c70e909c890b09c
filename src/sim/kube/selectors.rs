//! Label and field selectors. Pure.

use serde_json::Value;

use super::{refusal::Refusal, resource::Resource};

/// Which objects a list or watch is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<LabelRule>,
    fields: Vec<FieldRule>,
}

#[derive(Clone, Debug)]
enum LabelRule {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

#[derive(Clone, Debug)]
struct FieldRule {
    path: String,
    value: String,
    equal: bool,
}

impl Selector {
    pub(super) fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Refusal> {
        let parsed_fields = requirements(fields).into_iter().map(|rule| field_rule(resource, rule, labels, fields));
        Ok(Self {
            labels: requirements(labels).into_iter().map(label_rule).collect::<Result<_, _>>()?,
            fields: parsed_fields.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|rule| rule.matches(&object["metadata"]["labels"]))
            && self.fields.iter().all(|rule| rule.matches(object))
    }
}

impl LabelRule {
    fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels[key].as_str().map(str::to_owned);
        match self {
            Self::In(key, allowed) => value(key).is_some_and(|value| allowed.contains(&value)),
            Self::NotIn(key, refused) => value(key).is_none_or(|value| !refused.contains(&value)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

impl FieldRule {
    fn matches(&self, object: &Value) -> bool {
        let found = self.path.split('.').fold(object, |value, part| &value[part]);
        let text = match found {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        (text == self.value) == self.equal
    }
}

/// Splits at the commas that are not inside `in (a,b)`.
fn requirements(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn label_rule(text: &str) -> Result<LabelRule, Refusal> {
    let one = |(key, value): (&str, &str)| (key.trim().to_owned(), vec![value.trim().to_owned()]);
    let many = |(key, values): (&str, &str)| {
        let values = values.trim().trim_start_matches('(').trim_end_matches(')');
        (key.trim().to_owned(), values.split(',').map(|value| value.trim().to_owned()).collect())
    };
    if let Some((key, values)) = text.split_once(" notin ").map(many) {
        return Ok(LabelRule::NotIn(key, values));
    }
    if let Some((key, values)) = text.split_once(" in ").map(many) {
        return Ok(LabelRule::In(key, values));
    }
    if let Some((key, values)) = text.split_once("!=").map(one) {
        return Ok(LabelRule::NotIn(key, values));
    }
    if let Some((key, values)) = text.split_once("==").or_else(|| text.split_once('=')).map(one) {
        return Ok(LabelRule::In(key, values));
    }
    if text.contains(char::is_whitespace) {
        return Err(Refusal::bad_request(format!("unable to parse requirement: {text}")));
    }
    Ok(text.strip_prefix('!').map_or_else(|| LabelRule::Exists(text.into()), |key| LabelRule::Absent(key.into())))
}

fn field_rule(resource: &Resource, rule: &str, labels: &str, fields: &str) -> Result<FieldRule, Refusal> {
    let (path, value, equal) = if let Some((path, value)) = rule.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = rule.split_once("==").or_else(|| rule.split_once('=')) {
        (path, value, true)
    } else {
        return Err(Refusal::bad_request(format!("invalid selector: '{rule}'; can't understand '{rule}'")));
    };
    let known = path == "metadata.name"
        || (path == "metadata.namespace" && resource.namespaced)
        || resource.selectable_fields.iter().any(|field| field == path);
    if !known {
        return Err(Refusal::bad_request(format!(
            "Unable to find \"{}, Resource={}\" that match label selector \"{labels}\", field selector \"{fields}\": \
             field label not supported: {path}",
            resource.api_version(),
            resource.plural
        )));
    }
    Ok(FieldRule { path: path.into(), value: value.into(), equal })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_choose_as_kubectl_does() {
        let resource = Resource::new("crm.example.com", "v1", "assistants", "Assistant").selectable(&["spec.email"]);
        let object = json!({"metadata": {"name": "anna", "labels": {"team": "sales"}}, "spec": {"email": "a@b.c"}});
        let table = [
            ("team=sales", "", true),
            ("team==ops", "", false),
            ("team!=ops,team", "", true),
            ("team in (ops, sales)", "metadata.name=anna", true),
            ("team notin (ops,sales)", "", false),
            ("!team", "", false),
            ("!other", "metadata.name!=anna", false),
            ("", "spec.email=a@b.c", true),
        ];
        for (labels, fields, expected) in table {
            let selector = Selector::parse(&resource, labels, fields).unwrap();
            assert_eq!(selector.matches(&object), expected, "{labels} {fields}");
        }
        let refusal = Selector::parse(&resource, "", "spec.role=x").unwrap_err();
        assert_eq!(refusal.code, 400);
        assert!(refusal.message.ends_with("field label not supported: spec.role"), "{refusal}");
    }
}
