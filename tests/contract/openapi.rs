//! `OpenAPI` documents as a JSON Schema validator reads them. 3.1 documents are JSON Schema already; 3.0 ones are brought into
//! that form when they are read. A keyword nobody here knows fails the test: it may be a rule that would not be checked.

use std::sync::OnceLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::{Map, Value, json};

/// A document ready to check with.
pub struct Document(Value);

/// One rule a value broke.
#[derive(Clone)]
pub struct Broken {
    /// JSON pointer to the value; to where it would be, if it is missing.
    pub pointer: String,
    /// The schema's keyword; [`UNKNOWN`] and [`MISSING`] for what should not or should be there.
    pub rule: String,
    /// What is expected, without the value.
    pub expected: String,
    /// The value; if it is missing, what lacks it. Never shown.
    pub value: Value,
}

/// A field the schema does not name.
pub const UNKNOWN: &str = "unknown";
/// A field the schema requires.
pub const MISSING: &str = "missing";

impl Document {
    /// Of a document of version 3.0 or 3.1.
    pub fn new(mut document: Value) -> Self {
        if document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0.")) {
            let all = document.clone();
            modernise(&mut document, &all);
        }
        Self(document)
    }

    pub fn value(&self) -> &Value {
        &self.0
    }

    /// What a `$ref` of this document means.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        resolved(&self.0, value)
    }

    /// A schema of this document; `closed` for one that allows no other fields than it names.
    pub fn schema(&self, schema: &Value, closed: bool) -> Schema {
        // References are resolved from the root, so the components go where they are in the document.
        let mut root = json!({"allOf": [schema], "components": {"schemas": self.0["components"]["schemas"]}});
        if closed {
            close(&mut root);
        }
        Schema { root, validator: OnceLock::new() }
    }
}

/// A schema of a document. Made ready when it is first used: there are many, and few are.
pub struct Schema {
    root: Value,
    validator: OnceLock<Validator>,
}

impl Schema {
    /// What is wrong with a value.
    pub fn broken(&self, value: &Value) -> Vec<Broken> {
        let validator = self.validator.get_or_init(|| {
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            options.build(&self.root).expect("a JSON schema")
        });
        validator.iter_errors(value).flat_map(|error| told(&error)).collect()
    }
}

fn told(error: &ValidationError<'_>) -> Vec<Broken> {
    let at = error.instance_path().as_str();
    let below = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let one = |name: &String| Broken {
                pointer: below(name),
                rule: UNKNOWN.to_owned(),
                expected: "no such field".to_owned(),
                value: error.instance()[name].clone(),
            };
            unexpected.iter().map(one).collect()
        }
        ValidationErrorKind::Required { property } => vec![Broken {
            pointer: below(property.as_str().unwrap_or_default()),
            rule: MISSING.to_owned(),
            expected: "a field that is required".to_owned(),
            value: error.instance().clone().into_owned(),
        }],
        kind => vec![Broken {
            pointer: at.to_owned(),
            rule: kind.keyword().to_owned(),
            expected: error.masked().to_string(),
            value: error.instance().clone().into_owned(),
        }],
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference into this document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} is missing"))
        }
    }
}

/// Forbids what no part of a schema names, wherever a schema describes an object. One that names nothing at all
/// (`properties: {}`) describes any object.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            let anything = fields.get("properties") == Some(&json!({}));
            if fields.get("type") == Some(&json!("object")) && !fields.contains_key("additionalProperties") && !anything
            {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Brings every schema of a 3.0 document into the form of 3.1.
fn modernise(value: &mut Value, document: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("schema", schema) => *schema = modern(schema, document),
                    ("schemas", Value::Object(schemas)) => {
                        schemas.values_mut().for_each(|schema| *schema = modern(schema, document));
                    }
                    (_, value) => modernise(value, document),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| modernise(item, document)),
        _ => {}
    }
}

/// A 3.0 schema as JSON Schema says the same.
fn modern(schema: &Value, document: &Value) -> Value {
    let Some(fields) = schema.as_object() else { return schema.clone() };
    if let Some(reference) = fields.get("$ref") {
        // What stands beside a reference means nothing in 3.0.
        return json!({ "$ref": reference });
    }
    let mut made = Map::new();
    for (keyword, value) in fields {
        let inner = |schema: &Value| modern(schema, document);
        let value = match keyword.as_str() {
            "nullable" | "example" | "default" | "description" | "title" | "deprecated" | "discriminator" => continue,
            _ if keyword.starts_with("x-") => continue,
            "properties" => {
                let fields = value.as_object().expect("properties").iter();
                fields.map(|(name, schema)| (name.clone(), inner(schema))).collect()
            }
            "items" | "not" | "additionalProperties" => inner(value),
            "oneOf" | "anyOf" => value.as_array().expect("schemas").iter().map(inner).collect(),
            "allOf" => {
                merge(&mut made, value, document);
                continue;
            }
            "type" | "format" | "enum" | "required" | "pattern" | "minimum" | "maximum" | "minLength" | "maxLength"
            | "minItems" | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" | "multipleOf" => {
                value.clone()
            }
            "exclusiveMinimum" | "exclusiveMaximum" => {
                let bound = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                assert!(fields.contains_key(bound), "{keyword} without {bound}");
                if value == true {
                    made.insert(keyword.clone(), fields[bound].clone());
                }
                continue;
            }
            _ => panic!("{keyword:?} in a schema is not understood"),
        };
        put(&mut made, keyword, value);
    }
    bound_integers(&mut made);
    if fields.get("nullable") == Some(&json!(true)) {
        return json!({"anyOf": [made, {"type": "null"}]});
    }
    made.into()
}

/// The parts of `allOf` in one schema, so that it can be closed as a whole.
fn merge(made: &mut Map<String, Value>, parts: &Value, document: &Value) {
    for part in parts.as_array().expect("schemas") {
        let part = modern(resolved(document, part), document);
        for (keyword, value) in part.as_object().expect("a schema") {
            put(made, keyword, value.clone());
        }
    }
}

/// Adds what a schema says to what another part of it has said.
fn put(made: &mut Map<String, Value>, keyword: &str, value: Value) {
    match (made.get_mut(keyword), value) {
        (None, value) => {
            made.insert(keyword.to_owned(), value);
        }
        (Some(Value::Object(known)), Value::Object(more)) => known.extend(more),
        (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => known.extend(more),
        (Some(known), value) => assert_eq!(*known, value, "two parts of a schema disagree on {keyword}"),
    }
}

fn bound_integers(schema: &mut Map<String, Value>) {
    let (least, most) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (i64::MIN, i64::MAX),
        _ => return,
    };
    schema.entry("minimum").or_insert(json!(least));
    schema.entry("maximum").or_insert(json!(most));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every rule of 3.0.1 that HubSpot's files use, and those they may use next.
    #[test]
    fn schemas_of_3_0_mean_what_they_meant() {
        let document = Document::new(json!({
            "openapi": "3.0.1",
            "components": {"schemas": {
                "Base": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
                "Whole": {"allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "format": "int32", "example": null}}},
                ]},
                "Either": {"properties": {}, "oneOf": [{"$ref": "#/components/schemas/Base"}, {"$ref": "#/components/schemas/Whole"}]},
                "Next": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Next", "nullable": true}}},
            }},
        }));
        let whole = json!({"$ref": "#/components/schemas/Whole"});
        let either = json!({"$ref": "#/components/schemas/Either"});
        let next = json!({"$ref": "#/components/schemas/Next"});
        let maybe = modern(&json!({"type": "string", "enum": ["A"], "nullable": true}), &Value::Null);
        let over = modern(&json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true}), &Value::Null);
        let map = modern(
            &json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}),
            &Value::Null,
        );
        let any = json!({"type": "object", "properties": {}});
        let date = json!({"type": "string", "format": "date-time"});
        let long = modern(&json!({"type": "integer", "format": "int64"}), &Value::Null);
        let table = [
            (&whole, json!({"id": "1", "n": 1}), ""),
            (&whole, json!({"n": 1}), "/id missing"),
            (&whole, json!({"id": "1"}), "/n missing"),
            (&whole, json!({"id": "1", "n": 1, "a/b": 2}), "/a~1b unknown"),
            (&whole, json!({"id": "1", "n": 2_147_483_648_i64}), "/n maximum"),
            (&whole, json!({"id": "1", "n": "1"}), "/n type"),
            (&either, json!({"id": "1"}), ""),
            (&either, json!({"id": "1", "n": 1}), ""),
            (&either, json!({"n": 1}), " oneOf"),
            (&next, json!({"next": {"next": {}}}), ""),
            (&next, json!({"next": null}), "/next type"),
            (&next, json!({"next": {"last": {}}}), "/next/last unknown"),
            (&maybe, json!(null), ""),
            (&maybe, json!("A"), ""),
            (&maybe, json!("B"), " anyOf"),
            (&over, json!(2), ""),
            (&over, json!(1), " exclusiveMinimum"),
            (&map, json!({"x": ["y"]}), ""),
            (&map, json!({"x": [1]}), "/x/0 type"),
            (&any, json!({"x": [1]}), ""),
            (&any, json!([]), " type"),
            (&date, json!("2026-11-22T10:00:00.000Z"), ""),
            (&date, json!("yesterday"), " format"),
            (&long, json!(i64::MAX), ""),
            (&long, json!(u64::MAX), " maximum"),
        ];
        for (schema, value, expected) in table {
            let broken = document.schema(schema, true).broken(&value);
            let found: Vec<String> = broken.iter().map(|one| format!("{} {}", one.pointer, one.rule)).collect();
            assert_eq!(found.join(", "), expected, "{schema} {value}");
        }
        let open = document.schema(&whole, false);
        assert!(open.broken(&json!({"id": "1", "n": 1, "more": 2})).is_empty(), "not closed, not strict");
    }

    #[test]
    fn values_are_not_shown() {
        let document = Document::new(json!({}));
        let broken = document.schema(&json!({"type": "integer", "enum": [1]}), true).broken(&json!("pat-na1-canary"));
        assert!(!broken.is_empty());
        assert!(broken.iter().all(|one| !one.expected.contains("canary")), "{}", broken[0].expected);
    }

    #[test]
    #[should_panic(expected = "\"readOnly\" in a schema is not understood")]
    fn a_rule_nobody_knows_is_not_passed_over() {
        modern(&json!({"type": "string", "readOnly": true}), &Value::Null);
    }
}
