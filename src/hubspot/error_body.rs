//! Reads error bodies. Every field is optional, any body may be HTML, empty, cut off, or hold the real error as JSON
//! text inside `message` (API.md §7, §12).

use serde_json::{Map, Value};

use super::{clean, item_error, token::AccessToken};

const MAX_CODES: usize = 16;
const MAX_SCOPES: usize = 64;
/// How deep errors are followed into errors.
const MAX_DEPTH: usize = 4;

/// What an error body says, fit to be shown.
#[derive(Debug, Default)]
pub(super) struct ErrorBody {
    pub message: Option<String>,
    pub category: Option<String>,
    pub sub_category: Option<String>,
    pub codes: Vec<String>,
    pub scopes: Vec<String>,
    pub policy_name: Option<String>,
    pub correct_hublet: Option<String>,
    pub correlation_id: Option<String>,
}

/// What the texts in a body may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// HubSpot's own words.
    Plain,
    /// Values of contacts from the request: only codes and property names are taken.
    MayHoldValues,
}

/// Reads a body of any kind.
pub(super) fn parse(body: &[u8], texts: Texts, token: &AccessToken) -> ErrorBody {
    let mut reader = Reader { token, texts, found: ErrorBody::default() };
    if let Ok(Value::Object(object)) = serde_json::from_slice(body) {
        reader.object(&object, 0);
        if texts == Texts::MayHoldValues {
            let told = item_error::read(&object, token);
            reader.found.message = told.summary();
            told.codes().for_each(|code| reader.code(code.to_owned()));
        }
    }
    let mut found = reader.found;
    found.scopes.sort();
    found.scopes.dedup();
    found
}

struct Reader<'a> {
    token: &'a AccessToken,
    texts: Texts,
    found: ErrorBody,
}

impl Reader<'_> {
    /// The error itself, or one nested as text in its message.
    fn object(&mut self, object: &Map<String, Value>, depth: usize) {
        let word = |key: &str| self.word(object.get(key));
        let (category, sub_category) = (word("category"), word("subCategory"));
        let (correlation_id, policy_name, hublet) = (word("correlationId"), word("policyName"), word("correctHublet"));
        let found = &mut self.found;
        found.category = found.category.take().or(category);
        found.sub_category = found.sub_category.take().or(sub_category);
        found.correlation_id = found.correlation_id.take().or(correlation_id);
        found.policy_name = found.policy_name.take().or(policy_name);
        found.correct_hublet = found.correct_hublet.take().or(hublet);
        // The flat shape of the token endpoint (API.md §3) has its code in `status` and `error`.
        if let Some(status) = self.word(object.get("status")).filter(|status| status != "error") {
            self.code(status);
        }
        self.codes_of(object, depth);
        if let Some(text) = object.get("message").and_then(Value::as_str) {
            self.message(text, depth);
        }
    }

    /// Codes and scopes of an object and of the errors listed in it.
    fn codes_of(&mut self, object: &Map<String, Value>, depth: usize) {
        if depth >= MAX_DEPTH {
            return;
        }
        for key in ["code", "error"] {
            if let Some(code) = self.word(object.get(key)) {
                self.code(code);
            }
        }
        if let Some(context) = object.get("context") {
            self.scopes(context);
        }
        for item in object.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let Some(item) = item.as_object() else { continue };
            if let Some(code) = self.word(item.get("subCategory")) {
                self.code(code);
            }
            self.codes_of(item, depth + 1);
            if let Some(text) = item.get("message").and_then(Value::as_str) {
                self.embedded(text, depth + 1);
            }
        }
    }

    /// Keeps the text up to the JSON that may be in it; a message that is all JSON is the message of that JSON.
    fn message(&mut self, text: &str, depth: usize) {
        let plain = self.embedded(text, depth);
        let plain = clean::message(plain.trim_end_matches([' ', ':']), self.token);
        if self.found.message.is_none() && !plain.is_empty() {
            self.found.message = Some(plain);
        }
    }

    /// Reads the JSON at the end of `text`, returns what is before it. What is inside may be contact data
    /// (`propertyValue`), so only names of errors are taken.
    fn embedded<'t>(&mut self, text: &'t str, depth: usize) -> &'t str {
        // A value could be such JSON, and is no part of the error.
        if self.texts == Texts::MayHoldValues {
            return "";
        }
        let is_start = |at: usize| {
            let rest = &text[at..];
            rest.starts_with('{') || rest.starts_with("[{") || rest.starts_with("[\"")
        };
        let Some(start) = text.char_indices().map(|(at, _)| at).find(|at| is_start(*at)) else { return text };
        if depth < MAX_DEPTH {
            let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
            match values.next() {
                Some(Ok(Value::Object(object))) => self.object(&object, depth + 1),
                Some(Ok(Value::Array(items))) => {
                    items.iter().filter_map(Value::as_object).for_each(|item| self.codes_of(item, depth + 1));
                }
                _ => {}
            }
        }
        &text[..start]
    }

    fn scopes(&mut self, context: &Value) {
        for key in ["requiredGranularScopes", "requiredScopes"] {
            let names: Vec<_> = match context.get(key) {
                Some(Value::Array(names)) => names.iter().filter_map(|name| self.word(Some(name))).collect(),
                other => self.word(other).into_iter().collect(),
            };
            let room = MAX_SCOPES.saturating_sub(self.found.scopes.len());
            self.found.scopes.extend(names.into_iter().take(room));
        }
    }

    fn code(&mut self, code: String) {
        if self.found.codes.len() < MAX_CODES && !self.found.codes.contains(&code) {
            self.found.codes.push(code);
        }
    }

    /// A one-word text; `subCategory` may also be an object that holds it.
    fn word(&self, value: Option<&Value>) -> Option<String> {
        match value? {
            Value::String(text) => clean::word(text, self.token),
            Value::Object(object) => object.values().find_map(|value| clean::word(value.as_str()?, self.token)),
            _ => None,
        }
    }
}
