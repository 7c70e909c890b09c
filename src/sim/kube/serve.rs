//! HTTP in, HTTP out: reads a request, asks for trouble, lets the store act, and writes the answer.
//!
//! Touches tokio's clock for delays. Holds the lock only while the store acts, never across an await.

use std::{collections::BTreeMap, io, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{
    KubeSim, State,
    faults::{Strike, Verb},
    refusal::Refusal,
    resource::{NAMESPACES, Resource},
    selectors::Selector,
    store::{Edit, Outcome, Target, Write},
    watch::{self, Filter, Shape, Start, Terms},
};

/// A request as far as it matters here.
struct Call {
    verb: Verb,
    target: Target,
    query: BTreeMap<String, String>,
    content_type: String,
    shape: Shape,
    body: Bytes,
}

pub(super) async fn serve(sim: KubeSim, request: Request<kube::client::Body>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path().to_owned();
    if parts.method == Method::GET
        && let Some(answer) = sim.locked(|state| discovery(&state.store.resources, &path))
    {
        sim.locked(|state| state.requests.push(format!("GET {path}")));
        return Ok(json_response(200, &answer));
    }
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let target = sim.locked(|state| route(&state.store.resources, &path));
    let verb = verb(&parts.method, target.as_ref().is_some_and(|target| target.name.is_some()), &query);
    sim.locked(|state| {
        let method = verb.map_or_else(|| parts.method.to_string(), |verb| verb.to_string());
        state.requests.push(format!("{method} {path}"));
        state.writes += usize::from(verb.is_some_and(Verb::writes));
    });
    let Some(target) = target else { return Ok(refused(&Refusal::unknown_path())) };
    let Some(verb) = verb else { return Ok(refused(&Refusal::not_allowed())) };
    let strike = sim.strike(verb, &target.resource.plural);
    match &strike {
        Some(Strike::Refuse { code, reason }) => return Ok(refused(&Refusal::new(*code, reason, struck(reason)))),
        Some(Strike::Delay(delay)) => tokio::time::sleep(*delay).await,
        Some(Strike::CutWatches) => sim.cut_watches(),
        Some(Strike::Compact) => sim.compact(),
        Some(Strike::LoseReply) | None => {}
    }
    let shape = shape(&parts.headers);
    let content_type = text_header(&parts.headers, header::CONTENT_TYPE);
    let answer = answer(&sim, &Call { verb, target, query, content_type, shape, body });
    if strike == Some(Strike::LoseReply) {
        return Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer"));
    }
    Ok(answer.unwrap_or_else(|refusal| refused(&refusal)))
}

fn answer(sim: &KubeSim, call: &Call) -> Result<Response<Body>, Refusal> {
    if call.query.contains_key("dryRun") {
        return Err(Refusal::bad_request("dryRun is not simulated"));
    }
    let shape = call.shape;
    let object = |value: &Value| json_response(200, &shape.of(value));
    match call.verb {
        Verb::Get => sim.locked(|state| Ok(object(&*state.store.existing(&call.target)?))),
        Verb::List => {
            let filter = filter(call)?;
            Ok(sim.locked(|state| json_response(200, &list(state, &filter))))
        }
        Verb::Watch => open_watch(sim, call),
        Verb::Create | Verb::Update | Verb::Patch | Verb::Delete | Verb::DeleteCollection => {
            let manager = call.query.get("fieldManager").map_or("", String::as_str);
            let write = write(call, manager)?;
            let manager = if manager.is_empty() { "unknown" } else { manager };
            Ok(match sim.locked(|state| state.store.execute(&call.target, manager, write))? {
                Outcome::Created(created) => json_response(201, &shape.of(&created)),
                Outcome::Object(changed) => object(&changed),
                Outcome::Done(status) => json_response(200, &status),
                Outcome::Items(items) => {
                    let items: Vec<Value> = items.iter().map(|item| shape.of(item)).collect();
                    json_response(200, &collection(&call.target.resource, shape, &items, sim.version()))
                }
            })
        }
    }
}

fn write(call: &Call, manager: &str) -> Result<Write, Refusal> {
    let selector = selector(call)?;
    Ok(match call.verb {
        Verb::Create if call.target.resource.namespaced && call.target.namespace.is_none() => {
            return Err(Refusal::bad_request("an empty namespace may not be set during creation"));
        }
        Verb::Create => Write::Create(parsed(&call.body)?),
        Verb::Update => Write::Change(Edit::Replace(parsed(&call.body)?)),
        Verb::Delete if call.body.is_empty() => Write::Delete(Value::Null),
        Verb::Delete => Write::Delete(parsed(&call.body)?),
        Verb::DeleteCollection => Write::DeleteCollection(selector),
        Verb::Get | Verb::List | Verb::Watch => return Err(Refusal::not_allowed()),
        Verb::Patch => Write::Change(match call.content_type.as_str() {
            "application/merge-patch+json" => Edit::Merge(parsed(&call.body)?),
            "application/json-patch+json" => {
                Edit::Json(serde_json::from_slice(&call.body).map_err(|error| Refusal::bad_request(error.to_string()))?)
            }
            "application/apply-patch+yaml" => {
                if manager.is_empty() {
                    let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
                    return Err(Refusal::new(422, "Invalid", message));
                }
                let force = call.query.get("force").is_some_and(|force| force == "true");
                Edit::Apply { body: applied(&call.body)?, force }
            }
            _ => {
                let message = "the body of the request was in an unknown format - accepted media types include: \
                               application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
                return Err(Refusal::new(415, "UnsupportedMediaType", message));
            }
        }),
    })
}

/// An apply must name its type and leave `managedFields` to the server.
fn applied(body: &[u8]) -> Result<Value, Refusal> {
    let body = parsed(body)?;
    for (field, title) in [("apiVersion", "apiVersion"), ("kind", "Kind")] {
        if !body[field].is_string() {
            return Err(Refusal::bad_request(format!("Object '{title}' is missing in '{body}'")));
        }
    }
    if !body["metadata"]["managedFields"].is_null() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    Ok(body)
}

fn open_watch(sim: &KubeSim, call: &Call) -> Result<Response<Body>, Refusal> {
    let flag = |name: &str| call.query.get(name).is_some_and(|value| value == "true" || value == "1");
    let announced = flag("sendInitialEvents");
    let version = call.query.get("resourceVersion").map_or("", String::as_str);
    let start = if announced || version.is_empty() || version == "0" {
        Start::Now { announced }
    } else {
        let parsed = version.parse().map_err(|_| {
            Refusal::bad_request(format!("Invalid value: \"{version}\": the resource version must be a number"))
        })?;
        Start::After(parsed)
    };
    let seconds =
        call.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).filter(|seconds| *seconds > 0);
    let terms = Terms { timeout: seconds.map(Duration::from_secs), bookmarks: flag("allowWatchBookmarks") };
    let filter = filter(call)?;
    let opened = sim.locked(|state| {
        let present = if matches!(start, Start::Now { .. }) { state.store.listed(&filter) } else { Vec::new() };
        let now = state.store.version();
        state.store.history.open(filter, &start, &present, now)
    });
    Ok(response(200, Body::from_stream(watch::body(sim.clone(), opened, &terms))))
}

fn filter(call: &Call) -> Result<Filter, Refusal> {
    let (resource, namespace) = (call.target.resource.clone(), call.target.namespace.clone());
    Ok(Filter { resource, namespace, selector: selector(call)?, shape: call.shape })
}

fn selector(call: &Call) -> Result<Selector, Refusal> {
    let sent = |name: &str| call.query.get(name).map_or("", String::as_str);
    Selector::parse(&call.target.resource, sent("labelSelector"), sent("fieldSelector"))
}

fn list(state: &State, filter: &Filter) -> Value {
    let items: Vec<Value> = state.store.listed(filter).iter().map(|object| filter.shape.of(object)).collect();
    collection(&filter.resource, filter.shape, &items, state.store.version())
}

fn collection(resource: &Resource, shape: Shape, items: &[Value], version: u64) -> Value {
    let (api_version, kind) = match shape {
        Shape::Whole => (resource.api_version(), format!("{}List", resource.kind)),
        Shape::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
    };
    let metadata = json!({"resourceVersion": version.to_string()});
    json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items})
}

fn verb(method: &Method, named: bool, query: &BTreeMap<String, String>) -> Option<Verb> {
    let watches = query.get("watch").is_some_and(|watch| watch == "true" || watch == "1");
    Some(match (method.as_str(), named) {
        ("GET", _) if watches => Verb::Watch,
        ("GET", true) => Verb::Get,
        ("GET", false) => Verb::List,
        ("POST", false) => Verb::Create,
        ("PUT", true) => Verb::Update,
        ("PATCH", true) => Verb::Patch,
        ("DELETE", true) => Verb::Delete,
        ("DELETE", false) => Verb::DeleteCollection,
        _ => return None,
    })
}

/// What a path points at, if anything is served there.
fn route(resources: &[Resource], path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let served = |plural: &str| {
        resources.iter().find(|known| known.group == group && known.version == version && known.plural == plural)
    };
    let (namespace, rest) = match rest {
        [NAMESPACES, namespace, plural, rest @ ..] if served(plural).is_some_and(|known| known.namespaced) => {
            (Some((*namespace).to_owned()), [&[*plural], rest].concat())
        }
        rest => (None, rest.to_vec()),
    };
    let (plural, name, subresource) = match rest.as_slice() {
        [plural] => (*plural, None, ""),
        [plural, name] => (*plural, Some((*name).to_owned()), ""),
        [plural, name, subresource] => (*plural, Some((*name).to_owned()), *subresource),
        _ => return None,
    };
    let resource = served(plural)?;
    let misplaced = name.is_some() && resource.namespaced != namespace.is_some();
    let exists = subresource.is_empty() || (subresource == "status" && resource.status_subresource);
    (!misplaced && exists).then(|| Target {
        resource: resource.clone(),
        namespace,
        name,
        subresource: subresource.to_owned(),
    })
}

/// `/version`, and the kinds of one group.
fn discovery(resources: &[Resource], path: &str) -> Option<Value> {
    if path == "/version" {
        return Some(json!({
            "major": "1", "minor": "37", "gitVersion": "v1.37.0", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
        }));
    }
    let group_version = path.strip_prefix("/apis/").or_else(|| path.strip_prefix("/api/"))?;
    let members: Vec<Value> = resources
        .iter()
        .filter(|resource| resource.api_version() == group_version)
        .map(|resource| {
            let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
            json!({
                "name": resource.plural, "singularName": resource.kind.to_lowercase(), "kind": resource.kind,
                "namespaced": resource.namespaced, "verbs": verbs,
            })
        })
        .collect();
    (!members.is_empty()).then(
        || json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": members}),
    )
}

fn shape(headers: &HeaderMap) -> Shape {
    let accepted = text_header(headers, header::ACCEPT);
    if accepted.contains("as=PartialObjectMetadata") { Shape::Metadata } else { Shape::Whole }
}

fn text_header(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

fn parsed(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn struck(reason: &str) -> String {
    format!("the simulated server refuses: {reason}")
}

fn refused(refusal: &Refusal) -> Response<Body> {
    json_response(refusal.code, &refusal.status())
}

fn json_response(code: u16, value: &Value) -> Response<Body> {
    response(code, Body::from(value.to_string()))
}

fn response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
