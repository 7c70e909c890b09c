//! `/_sim`: the control routes over HTTP (DESIGN.md §8). Each is one call of an action; errors are `{"error": …}` with a 4xx.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ControlError, DEFAULT_APP_ID, FaultRule, HubSpotSim, TokenConfig,
    answer::{respond, respond_json},
    input::{self, Query},
    webhooks,
};
use crate::sim::{shared::parse, tec};

pub(super) type Reply = Result<Option<Value>, ControlError>;

/// Whether a path is one of ours.
pub(super) fn is_control(path: &str) -> bool {
    path == "/_sim" || path.starts_with("/_sim/")
}

/// Answers a control request: 200 with a body, 204 without.
pub(super) async fn handle(sim: &HubSpotSim, request: &Request<Bytes>) -> Response<Bytes> {
    let reply =
        if webhooks::is_forgery(request) { webhooks::forge(sim, request.body()).await } else { dispatch(sim, request) };
    match reply {
        Ok(Some(body)) => respond_json(200, &body),
        Ok(None) => respond(204, "", Bytes::new()),
        Err(ControlError { status, message }) => respond_json(status, &json!({ "error": message })),
    }
}

fn dispatch(sim: &HubSpotSim, request: &Request<Bytes>) -> Reply {
    let segments = input::segments(request.uri().path());
    let path: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let body = request.body();
    match (request.method().as_str(), path.as_slice()) {
        ("GET", ["requests"]) => Ok(Some(requests(sim, &Query::parse(request.uri().query())))),
        ("GET", ["state"]) => Ok(Some(sim.state())),
        ("GET", ["timeline", contact]) => sim.timeline(contact).map(Some),
        ("GET", ["faults"]) => Ok(Some(faults(sim))),
        ("POST", ["faults"]) => add_faults(sim, body),
        ("DELETE", ["faults"]) => {
            sim.clear_faults();
            Ok(None)
        }
        ("POST", ["clock"]) => advance(sim, body),
        ("POST", ["tokens"]) => tokens(sim, body),
        ("POST", ["oauth", what]) => oauth(sim, what, body),
        ("GET", ["neighbour"]) => Ok(Some(json!(sim.neighbour_counts()))),
        ("POST", ["neighbour"]) => {
            sim.neighbour(&parse(body)?);
            Ok(None)
        }
        ("POST", ["invitations", email, "accept"]) => sim.accept_invitation(email).map(Some),
        ("POST", ["ui", "users"]) => sim.add_user(parse(body)?).map(Some),
        ("DELETE", ["ui", "users", email]) => done(sim.remove_user(email)),
        ("POST", ["ui", "contacts", "merge"]) => merge(sim, body).map(Some),
        ("POST", ["ui", "contacts", id, "restore"]) => done(sim.restore_contact(id)),
        (_, ["ui", "contacts"]) => contacts(sim, request.method().as_str(), body),
        (method, ["webhooks"]) => webhooks::control(sim, method, body),
        (method, ["ui", kind @ ("properties" | "groups"), rest @ ..]) => settings(sim, method, kind, rest, body),
        (method, ["tec", rest @ ..]) => {
            let attached = sim.tec().ok_or_else(|| ControlError::new(404, "no TEC is simulated"))?;
            tec::control(&attached, method, rest, body)
        }
        (method, _) => Err(no_route(method, request.uri().path())),
    }
}

pub(super) fn no_route(method: &str, path: &str) -> ControlError {
    ControlError::new(404, format!("no control route {method} {path}"))
}

fn done(result: Result<(), ControlError>) -> Reply {
    result.map(|()| None)
}

fn requests(sim: &HubSpotSim, query: &Query) -> Value {
    let (with_trace, reset) = (query.get("log") == Some("1"), query.get("reset") == Some("1"));
    let mut state = sim.lock();
    let mut report = state.log.report(with_trace);
    if let Some(tec) = &state.tec {
        report["tec"] = tec.request_report(with_trace);
        if reset {
            tec.reset_requests();
        }
    }
    if reset {
        state.log.reset();
    }
    report
}

/// All rules, TEC's last.
fn faults(sim: &HubSpotSim) -> Value {
    let state = sim.lock();
    let mut rules = state.faults.report();
    rules.extend(state.tec.iter().flat_map(tec::TecSim::fault_report));
    Value::Array(rules)
}

/// One rule or a list of them.
fn add_faults(sim: &HubSpotSim, body: &Bytes) -> Reply {
    let rules: Vec<FaultRule> = match parse::<Value>(body)? {
        rules @ Value::Array(_) => serde_json::from_value(rules),
        rule => serde_json::from_value(rule).map(|rule| vec![rule]),
    }
    .map_err(|error| ControlError::new(400, format!("fault: {error}")))?;
    for rule in rules {
        sim.add_fault(rule)?;
    }
    Ok(None)
}

fn advance(sim: &HubSpotSim, body: &Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Step {
        advance_ms: u64,
    }
    let Step { advance_ms } = parse(body)?;
    sim.advance(Duration::from_millis(advance_ms));
    Ok(Some(json!({ "now": sim.now().to_string() })))
}

fn tokens(sim: &HubSpotSim, body: &Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Change {
        token: String,
        scopes: Option<Vec<String>>,
        app_id: Option<u64>,
        #[serde(default)]
        revoke: bool,
    }
    let Change { token, scopes, app_id, revoke } = parse(body)?;
    if revoke {
        return done(sim.revoke_token(&token));
    }
    let mut config = TokenConfig::with_all_scopes(token);
    config.scopes = scopes.unwrap_or(config.scopes);
    config.app_id = app_id.unwrap_or(DEFAULT_APP_ID);
    sim.set_token(&config);
    Ok(None)
}

/// `apps`: registers one. `codes`: a person agrees. `installs`, `uninstalls`, `revocations`: what else becomes of an app.
fn oauth(sim: &HubSpotSim, what: &str, body: &Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct App {
        client_id: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Revocation {
        refresh_token: String,
    }
    match what {
        "apps" => {
            sim.register_app(parse(body)?);
            Ok(None)
        }
        "codes" => Ok(Some(json!({ "code": sim.authorize(parse(body)?)? }))),
        "installs" => Ok(Some(json!({ "refreshToken": sim.install_app(&parse::<App>(body)?.client_id)? }))),
        "uninstalls" => done(sim.uninstall_app(&parse::<App>(body)?.client_id)),
        "revocations" => done(sim.revoke_refresh_token(&parse::<Revocation>(body)?.refresh_token)),
        _ => Err(no_route("POST", &format!("/_sim/oauth/{what}"))),
    }
}

fn contacts(sim: &HubSpotSim, method: &str, body: &Bytes) -> Reply {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Create {
        #[serde(default = "one")]
        count: usize,
        #[serde(default)]
        properties: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Edit {
        ids: Vec<String>,
        properties: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Remove {
        ids: Vec<String>,
    }
    match method {
        "POST" => {
            let Create { count, properties } = parse(body)?;
            let ids = sim.create_contacts(count, &properties)?;
            Ok(Some(json!({ "ids": ids })))
        }
        "PATCH" => {
            let Edit { ids, properties } = parse(body)?;
            done(sim.update_contacts(&ids, &properties))
        }
        "DELETE" => {
            let Remove { ids } = parse(body)?;
            done(sim.delete_contacts(&ids))
        }
        _ => Err(no_route(method, "/_sim/ui/contacts")),
    }
}

/// The contact that remains.
fn merge(sim: &HubSpotSim, body: &Bytes) -> Result<Value, ControlError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Merge {
        primary: String,
        secondary: String,
    }
    let Merge { primary, secondary } = parse(body)?;
    let id = sim.merge_contacts(&primary, &secondary)?;
    sim.contact(&id).ok_or_else(|| ControlError::new(404, "the merged contact is gone"))
}

fn one() -> usize {
    1
}

/// A person in the settings of properties and groups.
fn settings(sim: &HubSpotSim, method: &str, kind: &str, rest: &[&str], body: &Bytes) -> Reply {
    match (method, kind, rest) {
        ("POST", "properties", []) => sim.create_property(parse(body)?).map(Some),
        ("PATCH", "properties", [name]) => sim.edit_property(name, parse(body)?).map(Some),
        ("DELETE", "properties", [name]) => done(sim.archive_property(name)),
        ("PUT", "properties", [name, "uses"]) => done(sim.set_property_uses(name, parse(body)?)),
        ("POST", "groups", []) => sim.create_group(parse(body)?).map(Some),
        ("PATCH", "groups", [name]) => sim.edit_group(name, parse(body)?).map(Some),
        ("DELETE", "groups", [name]) => done(sim.archive_group(name)),
        _ => Err(no_route(method, &format!("/_sim/ui/{kind}/{}", rest.join("/")))),
    }
}
