//! The request a delivery is, with HubSpot's signatures of version 3 and 1 (API.md §10.2). Pure.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue, Method, Request};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::WebhookTarget;
use crate::runtime::transport::HttpRequest;

/// A delivery of `body`, signed at `at`.
pub(super) fn request(target: &WebhookTarget, body: Bytes, at: Timestamp) -> HttpRequest {
    let timestamp = at.as_millisecond().to_string();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "HubSpot Connect 2.0 (simulated)".to_owned()),
        ("x-hubspot-request-timestamp", timestamp.clone()),
        ("x-hubspot-signature", v1(&target.secret, &body)),
        ("x-hubspot-signature-v3", v3(target, &body, &timestamp)),
        ("x-hubspot-signature-version", "v1".to_owned()),
    ];
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.deliver_to.clone();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    request
}

fn v3(target: &WebhookTarget, body: &[u8], timestamp: &str) -> String {
    let mut source = format!("POST{}", decoded(&target.url)).into_bytes();
    source.extend_from_slice(body);
    source.extend_from_slice(timestamp.as_bytes());
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(target.secret.as_bytes()) else { return String::new() };
    STANDARD.encode(mac.chain_update(source).finalize().into_bytes())
}

fn v1(secret: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(secret).chain_update(body).finalize();
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _never_fails = write!(hex, "{byte:02x}");
        hex
    })
}

/// Twelve characters are signed as themselves even where the URL has them encoded; others stay encoded.
fn decoded(url: &str) -> String {
    let mut parts = url.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).unwrap_or_default();
        let plain = match code {
            "3A" => ':',
            "2F" => '/',
            "3F" => '?',
            "40" => '@',
            "21" => '!',
            "24" => '$',
            "27" => '\'',
            "28" => '(',
            "29" => ')',
            "2A" => '*',
            "2C" => ',',
            "3B" => ';',
            _ => {
                out.push('%');
                out.push_str(part);
                continue;
            }
        };
        out.push(plain);
        out.push_str(part.get(2..).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::{super::WebhookTarget, decoded, request};

    #[test]
    fn signatures_are_those_of_the_documentation() {
        let quoted = "{'example_field':'example_value'}";
        let y = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
        let owner = r#"[{"eventId":1,"subscriptionId":11,"portalId":999001,"appId":777,"occurredAt":1760000000000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":201,"propertyName":"hubspot_owner_id","propertyValue":"555","changeSource":"CRM_UI","sourceId":"userId:42"}]"#;
        let creation = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
        let (example, hooks) =
            ("https://www.example.com/webhook_uri", "https://hooks.example.com/hubspot?tenant=a%2Fb");
        let (v1, v3) = ("x-hubspot-signature", "x-hubspot-signature-v3");
        let table = [
            (y, example, quoted, 1_693_657_560_000, v3, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
            (y, example, quoted, 1_700_000_300_000, v3, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
            ("test-client-secret", hooks, owner, 1_760_000_001_000, v3, "FiYgv612JZqenhoK/PjBTgD9uxWN2eXoLaEuO+M0d0g="),
            (
                "test-client-secret",
                hooks,
                owner,
                1_760_000_001_000,
                v1,
                "a3eabe588ea3b285289415255dd43c9e9acfe5ddb959e84bc6c5088c59480d1e",
            ),
            (y, example, creation, 0, v1, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
        ];
        for (secret, url, body, at, header, expected) in table {
            let target = WebhookTarget::new(url, "http://127.0.0.1:1/x", secret).unwrap();
            let request =
                request(&target, Bytes::from_static(body.as_bytes()), Timestamp::from_millisecond(at).unwrap());
            assert_eq!(request.headers()[header], expected, "{url} at {at}");
            assert_eq!(request.headers()["x-hubspot-request-timestamp"], at.to_string().as_str());
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/x"));
        }
    }

    #[test]
    fn what_is_decoded_is_decoded_once() {
        for (url, expected) in [("/a?b=%2F%253A%20%3B", "/a?b=/%253A%20;"), ("%", "%"), ("%4", "%4"), ("%ä", "%ä")] {
            assert_eq!(decoded(url), expected);
        }
    }
}
