//! A transport that holds every request and every answer against an `OpenAPI` document. It changes nothing on the way; what
//! is not as written is collected, for the test to look at.
//!
//! Answers are read more strictly than the document asks clients to: a field it does not name is a violation, because
//! only our own simulators are behind this transport.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, header};
use jsonschema::Validator;
use serde_json::{Value, json};
use tec_crm::runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// A document made ready to check with.
pub struct Contract {
    pub document: Value,
    /// By path and method, both as in the document.
    operations: BTreeMap<(String, String), Operation>,
}

struct Operation {
    parameters: Vec<Field>,
    body: Option<Validator>,
    /// By status.
    answers: BTreeMap<String, Answer>,
}

struct Answer {
    headers: Vec<Field>,
    body: Validator,
}

/// A parameter or a header.
struct Field {
    name: String,
    required: bool,
    numeric: bool,
    validator: Validator,
}

impl Contract {
    /// TEC's.
    pub fn tec() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| Self::new(include_str!("../../src/tec/openapi.yaml")))
    }

    fn new(yaml: &str) -> Self {
        let document: Value = serde_saphyr::from_str(yaml).expect("YAML");
        let mut contract = Self { document, operations: BTreeMap::new() };
        let paths = contract.document["paths"].as_object().expect("paths").clone();
        for (path, methods) in &paths {
            for (method, operation) in methods.as_object().expect("methods") {
                let operation = contract.operation(operation);
                contract.operations.insert((path.clone(), method.clone()), operation);
            }
        }
        contract
    }

    fn operation(&self, operation: &Value) -> Operation {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let parameters = parameters.iter().map(|parameter| self.resolved(parameter));
        let parameters = parameters.map(|field| self.field(field["name"].as_str().expect("a name"), field));
        let body = operation.get("requestBody").map(|body| self.validator(schema(self.resolved(body)), false));
        let answers = operation["responses"].as_object().expect("responses").iter().map(|(status, answer)| {
            let answer = self.resolved(answer);
            let headers = answer["headers"].as_object().cloned().unwrap_or_default();
            let headers = headers.iter().map(|(name, field)| self.field(name, self.resolved(field))).collect();
            (status.clone(), Answer { headers, body: self.validator(schema(answer), true) })
        });
        Operation { parameters: parameters.collect(), body, answers: answers.collect() }
    }

    fn field(&self, name: &str, field: &Value) -> Field {
        let numeric = field["schema"]["type"] == "integer";
        let required = field["required"] == true;
        Field { name: name.to_owned(), required, numeric, validator: self.validator(&field["schema"], false) }
    }

    /// What a `$ref` of this document means.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            None => value,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference into this document");
                self.document.pointer(pointer).unwrap_or_else(|| panic!("{reference} is missing"))
            }
        }
    }

    /// A validator for a schema of this document; `closed` for one that allows no other fields than the schema names.
    pub fn validator(&self, schema: &Value, closed: bool) -> Validator {
        // References are resolved from the root, so the components go where they are in the document.
        let mut root = json!({"allOf": [schema], "components": {"schemas": self.document["components"]["schemas"]}});
        if closed {
            close(&mut root);
        }
        jsonschema::draft202012::options().should_validate_formats(true).build(&root).expect("a JSON schema")
    }

    /// What is wrong with a request.
    pub fn request(&self, request: &HttpRequest) -> Vec<String> {
        let Some((name, operation)) = self.find(request) else {
            return vec![format!("{} {}: not in the contract", request.method(), request.uri().path())];
        };
        let mut wrong = Vec::new();
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        let known = |name: &String| operation.parameters.iter().any(|parameter| parameter.name == *name);
        wrong.extend(
            query.iter().filter(|(name, _)| !known(name)).map(|(name, _)| format!("{name}: unknown parameter")),
        );
        for parameter in &operation.parameters {
            let given: Vec<&String> =
                query.iter().filter(|(name, _)| *name == parameter.name).map(|(_, value)| value).collect();
            if given.len() > 1 || (given.is_empty() && parameter.required) {
                wrong.push(format!("{}: given {} times", parameter.name, given.len()));
            }
            wrong.extend(given.iter().flat_map(|value| parameter.check(value)));
        }
        let authorization = text(request.headers(), header::AUTHORIZATION.as_str());
        if !authorization.starts_with("Bearer ") {
            wrong.push("Authorization: no Bearer token".to_owned());
        }
        match &operation.body {
            Some(body) => wrong.extend(content(request.headers(), request.body(), body)),
            None if request.body().is_empty() => {}
            None => wrong.push("there is a body".to_owned()),
        }
        wrong.into_iter().map(|wrong| format!("request {name}: {wrong}")).collect()
    }

    /// What is wrong with an answer. A 5xx that is not in the contract is a proxy's, and its own business.
    pub fn answer(&self, request: &HttpRequest, answer: &HttpResponse) -> Vec<String> {
        let status = answer.status();
        let Some((name, operation)) = self.find(request) else { return Vec::new() };
        let Some(expected) = operation.answers.get(status.as_str()) else {
            let wrong = format!("answer {name}: status {status} is not in the contract");
            return if status.is_server_error() { Vec::new() } else { vec![wrong] };
        };
        let mut wrong = content(answer.headers(), answer.body(), &expected.body);
        for field in &expected.headers {
            match answer.headers().get(&field.name) {
                Some(_) => wrong.extend(field.check(text(answer.headers(), &field.name))),
                None if field.required => wrong.push(format!("{}: missing", field.name)),
                None => {}
            }
        }
        wrong.into_iter().map(|wrong| format!("answer {name} {status}: {wrong}")).collect()
    }

    fn find(&self, request: &HttpRequest) -> Option<(String, &Operation)> {
        let (path, method) = (request.uri().path(), request.method().as_str());
        let key = (path.to_owned(), method.to_lowercase());
        self.operations.get(&key).map(|operation| (format!("{method} {path}"), operation))
    }
}

impl Field {
    fn check(&self, value: &str) -> Vec<String> {
        let number = value.parse::<u64>().ok().filter(|_| self.numeric);
        let value = number.map_or_else(|| json!(value), |number| json!(number));
        errors(&self.validator, &value).into_iter().map(|error| format!("{}: {error}", self.name)).collect()
    }
}

/// The schema of a body.
pub fn schema(body: &Value) -> &Value {
    &body["content"]["application/json"]["schema"]
}

/// What a validator says against a value.
pub fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("at {:?}: {error}", error.instance_path().as_str())).collect()
}

fn content(headers: &HeaderMap, body: &Bytes, validator: &Validator) -> Vec<String> {
    let media_type = text(headers, header::CONTENT_TYPE.as_str());
    if media_type.split(';').next() != Some("application/json") {
        return vec![format!("content type {media_type:?}")];
    }
    match serde_json::from_slice(body) {
        Ok(value) => errors(validator, &value),
        Err(error) => vec![format!("not JSON: {error}")],
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Forbids what no part of a schema names, wherever a schema describes an object.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("type") == Some(&json!("object")) && !fields.contains_key("additionalProperties") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The transport.
#[derive(Clone)]
pub struct Checked {
    contract: &'static Contract,
    inner: Arc<dyn Transport>,
    found: Arc<Found>,
}

#[derive(Default)]
struct Found {
    exchanges: AtomicUsize,
    violations: Mutex<Vec<String>>,
}

impl Checked {
    /// TEC's contract around a transport to TEC.
    pub fn tec(inner: Arc<dyn Transport>) -> Self {
        Self { contract: Contract::tec(), inner, found: Arc::default() }
    }

    /// Itself, as what clients want; clones share what is found.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    /// Everything that was not as written, in order.
    pub fn violations(&self) -> Vec<String> {
        self.found.violations.lock().unwrap().clone()
    }

    /// Fails the test if anything was not as written, or nothing was exchanged at all.
    pub fn assert_kept(&self) {
        let violations = self.violations();
        assert!(violations.is_empty(), "the contract is broken:\n{}", violations.join("\n"));
        assert!(self.found.exchanges.load(Ordering::Relaxed) > 0, "nothing was exchanged");
    }
}

impl Transport for Checked {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let Self { contract, inner, found } = self.clone();
        Box::pin(async move {
            found.violations.lock().unwrap().extend(contract.request(&request));
            let answer = inner.send(request.clone()).await?;
            found.violations.lock().unwrap().extend(contract.answer(&request, &answer));
            found.exchanges.fetch_add(1, Ordering::Relaxed);
            Ok(answer)
        })
    }
}
