//! Requests and answers held against `OpenAPI` documents. Finds what is not as written; what to do about it is others' business.
//!
//! Answers are read more strictly than a document asks clients to: a field it does not name is wrong, because only our
//! own simulators are looked at.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::openapi::{Broken, Document, Schema};

/// All a service has written down of its API.
pub struct Contract {
    pub documents: Vec<Document>,
    operations: Vec<Operation>,
    /// The path of the documents that a path sent means.
    spelling: fn(&str) -> Cow<'_, str>,
}

/// A path with a method.
struct Operation {
    /// As in the document, such as `GET /crm/owners/2026-03/{ownerId}`.
    name: String,
    method: String,
    path: Vec<String>,
    /// In the path or the query.
    parameters: Vec<Field>,
    body: Option<Body>,
    /// By status, or `default`.
    answers: BTreeMap<String, Answer>,
    /// Asks for a token.
    secured: bool,
}

struct Answer {
    headers: Vec<Field>,
    body: Option<Body>,
}

struct Body {
    media_type: String,
    schema: Schema,
}

/// A parameter or a header.
struct Field {
    name: String,
    place: String,
    required: bool,
    kind: String,
    schema: Schema,
}

/// Which of the two said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    /// With its status.
    Answer(u16),
}

/// Something that is not as written.
pub struct Violation {
    pub side: Side,
    /// The operation as the document calls it; what was asked for, if it knows none.
    pub operation: String,
    pub broken: Broken,
}

/// Never shows a value: it may be a token or a person's.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, operation, broken: Broken { pointer, rule, expected, value: _ } } = self;
        match side {
            Side::Request => write!(f, "request {operation}")?,
            Side::Answer(status) => write!(f, "answer {operation} {status}")?,
        }
        write!(f, " at {pointer:?}: {rule}: {expected}")
    }
}

impl Contract {
    /// `closed` if a request may have no other fields than a document names; answers never may.
    pub fn new(documents: Vec<Document>, closed: bool, spelling: fn(&str) -> Cow<'_, str>) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        for document in &documents {
            for (path, methods) in document.value()["paths"].as_object().expect("paths") {
                for (method, operation) in methods.as_object().expect("methods") {
                    let operation = Operation::new(document, method, path, operation, closed);
                    // HubSpot's files repeat some paths of one another.
                    if operations.iter().all(|known| known.name != operation.name) {
                        operations.push(operation);
                    }
                }
            }
        }
        Self { documents, operations, spelling }
    }

    /// The names of all operations.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(|operation| operation.name.as_str())
    }

    /// The name of the operation a request is for.
    pub fn name<B>(&self, request: &Request<B>) -> Option<&str> {
        self.find(request).map(|(operation, _)| operation.name.as_str())
    }

    /// That a request's path is not to the letter as in the documents, but only means one that is.
    pub fn other_spelling(&self, request: &Request<Bytes>) -> Option<Violation> {
        let path = request.uri().path();
        let operation = format!("{} {path}", request.method());
        let broken = wrong("", "path", "its spelling as in the contract");
        ((self.spelling)(path) != path).then_some(Violation { side: Side::Request, operation, broken })
    }

    /// What is wrong with a request.
    pub fn request(&self, request: &Request<Bytes>) -> Vec<Violation> {
        let Some((operation, in_path)) = self.find(request) else {
            let operation = format!("{} {}", request.method(), request.uri().path());
            let broken = wrong("", "operation", "one that is in the contract");
            return vec![Violation { side: Side::Request, operation, broken }];
        };
        let mut found = operation.query(request.uri().query().unwrap_or_default());
        for (name, value) in &in_path {
            let field = operation.parameters.iter().find(|field| field.place == "path" && field.name == *name);
            found.extend(
                field.map_or_else(|| vec![wrong(name, "parameter", "no such one")], |field| field.check(&[value])),
            );
        }
        let token = text(request.headers(), header::AUTHORIZATION.as_str()).strip_prefix("Bearer ");
        if operation.secured && token.is_none_or(str::is_empty) {
            found.push(wrong("Authorization", "header", "a Bearer token"));
        }
        if !operation.secured && request.headers().contains_key(header::AUTHORIZATION) {
            found.push(wrong("Authorization", "header", "none: it is not asked for"));
        }
        found.extend(content(request.headers(), request.body(), operation.body.as_ref()));
        operation.violations(Side::Request, found)
    }

    /// What is wrong with an answer. A 5xx that is not in the contract is a proxy's, and its own business.
    pub fn answer<B>(&self, request: &Request<B>, answer: &Response<Bytes>) -> Vec<Violation> {
        let status = answer.status();
        let Some((operation, _)) = self.find(request) else { return Vec::new() };
        let refusal = if status.as_u16() >= 400 { operation.answers.get("default") } else { None };
        let Some(expected) = operation.answers.get(status.as_str()).or(refusal) else {
            let found = if status.is_server_error() {
                Vec::new()
            } else {
                vec![wrong("", "status", "one that is in the contract")]
            };
            return operation.violations(Side::Answer(status.as_u16()), found);
        };
        let mut found = content(answer.headers(), answer.body(), expected.body.as_ref());
        for field in &expected.headers {
            match answer.headers().get(&field.name) {
                Some(_) => found.extend(field.check(&[text(answer.headers(), &field.name)])),
                None if field.required => found.push(wrong(&field.name, "header", "it is required")),
                None => {}
            }
        }
        operation.violations(Side::Answer(status.as_u16()), found)
    }

    /// The operation with the fewest variable parts that fits, and what stands in their place.
    fn find<B>(&self, request: &Request<B>) -> Option<(&Operation, Vec<(&str, String)>)> {
        let path = (self.spelling)(request.uri().path());
        let segments: Vec<&str> = path.split('/').collect();
        let fits = |operation: &&Operation| {
            let pairs = operation.path.iter().zip(&segments);
            operation.method == request.method().as_str()
                && operation.path.len() == segments.len()
                && pairs.into_iter().all(|(known, sent)| variable(known).is_some() || known == sent)
        };
        let found = self.operations.iter().filter(fits).min_by_key(|operation| operation.variables())?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = found.path.iter().zip(&segments);
        Some((found, pairs.filter_map(|(known, sent)| Some((variable(known)?, decoded(sent)))).collect()))
    }
}

impl Operation {
    fn new(document: &Document, method: &str, path: &str, operation: &Value, closed: bool) -> Self {
        let method = method.to_uppercase();
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|field| document.resolved(field));
        let parameters = parameters.map(|field| {
            let place = field["in"].as_str().expect("a place");
            Field::new(document, field["name"].as_str().expect("a name"), place, field)
        });
        let answers = operation["responses"].as_object().expect("responses").iter().map(|(status, answer)| {
            let answer = document.resolved(answer);
            let headers = answer["headers"].as_object().into_iter().flatten();
            let headers = headers.map(|(name, field)| Field::new(document, name, "header", document.resolved(field)));
            (status.clone(), Answer { headers: headers.collect(), body: Body::of(document, answer, true) })
        });
        let security = operation.get("security").or_else(|| document.value().get("security"));
        Self {
            name: format!("{method} {path}"),
            path: path.split('/').map(str::to_owned).collect(),
            parameters: parameters.collect(),
            body: operation.get("requestBody").and_then(|body| Body::of(document, document.resolved(body), closed)),
            answers: answers.collect(),
            secured: security.and_then(Value::as_array).is_some_and(|ways| !ways.is_empty()),
            method,
        }
    }

    fn variables(&self) -> usize {
        self.path.iter().filter(|segment| variable(segment).is_some()).count()
    }

    fn query(&self, query: &str) -> Vec<Broken> {
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let known: Vec<&Field> = self.parameters.iter().filter(|field| field.place == "query").collect();
        let unknown = query.iter().filter(|(name, _)| known.iter().all(|field| field.name != *name));
        let mut found: Vec<Broken> = unknown.map(|(name, _)| wrong(name, "parameter", "no such one")).collect();
        for field in known {
            let given: Vec<&String> =
                query.iter().filter(|(name, _)| *name == field.name).map(|(_, value)| value).collect();
            if (given.len() > 1 && field.kind != "array") || (given.is_empty() && field.required) {
                found.push(wrong(&field.name, "parameter", "it given once"));
            } else if !given.is_empty() {
                found.extend(field.check(&given));
            }
        }
        found
    }

    fn violations(&self, side: Side, found: Vec<Broken>) -> Vec<Violation> {
        found.into_iter().map(|broken| Violation { side, operation: self.name.clone(), broken }).collect()
    }
}

impl Field {
    fn new(document: &Document, name: &str, place: &str, field: &Value) -> Self {
        let schema = &field["schema"];
        Self {
            name: name.to_owned(),
            place: place.to_owned(),
            required: field["required"] == true,
            kind: document.resolved(schema)["type"].as_str().unwrap_or_default().to_owned(),
            schema: document.schema(schema, false),
        }
    }

    /// What is wrong with what was given for it, at least one text.
    fn check(&self, given: &[impl AsRef<str>]) -> Vec<Broken> {
        let first = given[0].as_ref();
        // A text that is no number stays one, and is refused for it.
        let value = match self.kind.as_str() {
            "integer" => first.parse::<i64>().ok().map(Value::from),
            "number" => first.parse::<f64>().ok().map(Value::from),
            "boolean" => first.parse::<bool>().ok().map(Value::from),
            "array" => Some(given.iter().map(|text| json!(text.as_ref())).collect()),
            _ => None,
        };
        let broken = self.schema.broken(&value.unwrap_or_else(|| json!(first)));
        broken.into_iter().map(|broken| Broken { pointer: self.name.clone(), ..broken }).collect()
    }
}

impl Body {
    fn of(document: &Document, body: &Value, closed: bool) -> Option<Self> {
        let (media_type, content) = body["content"].as_object()?.iter().next()?;
        // `*/*` is how HubSpot's files say JSON for errors.
        let media_type = if media_type == "*/*" { "application/json" } else { media_type };
        Some(Self { media_type: media_type.to_owned(), schema: document.schema(&content["schema"], closed) })
    }
}

/// The schema of a body in the document.
pub fn schema(body: &Value) -> &Value {
    &body["content"]["application/json"]["schema"]
}

fn content(headers: &HeaderMap, body: &Bytes, expected: Option<&Body>) -> Vec<Broken> {
    let Some(Body { media_type, schema }) = expected else {
        return if body.is_empty() { Vec::new() } else { vec![wrong("", "body", "none")] };
    };
    if text(headers, header::CONTENT_TYPE.as_str()).split(';').next() != Some(media_type.as_str()) {
        return vec![wrong("Content-Type", "header", media_type)];
    }
    if media_type == "application/x-www-form-urlencoded" {
        let pairs: Vec<_> =
            url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), json!(value))).collect();
        let again =
            pairs.iter().enumerate().filter(|(at, (name, _))| pairs[..*at].iter().any(|(known, _)| known == name));
        let mut found: Vec<Broken> = again.map(|(_, (name, _))| wrong(name, "form", "it given once")).collect();
        found.extend(schema.broken(&Value::Object(pairs.into_iter().collect())));
        return found;
    }
    serde_json::from_slice(body).map_or_else(|_| vec![wrong("", "body", "JSON")], |value| schema.broken(&value))
}

fn wrong(pointer: &str, rule: &str, expected: &str) -> Broken {
    let (pointer, rule, expected) = (pointer.to_owned(), rule.to_owned(), expected.to_owned());
    Broken { pointer, rule, expected, value: Value::Null }
}

/// The name in `{name}`.
fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
