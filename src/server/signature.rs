//! HubSpot's request signature, version 3 (API.md §10.2): who says they are HubSpot, is.
//!
//! Pure: bytes, a secret and a date in, a verdict out. The body is taken as it came over the wire; nothing is parsed before
//! the verdict. v1 and v2, which bind neither the time nor (v1) the URL, are not accepted.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use crate::{
    domain::Fingerprint,
    runtime::secret::{InvalidSecret, Secret},
};

/// Header with the signature, base64.
pub const SIGNATURE_HEADER: &str = "x-hubspot-signature-v3";
/// Header with the date of the attempt, in milliseconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-hubspot-request-timestamp";
/// How far a delivery's date may be from ours, either way.
pub const WINDOW_MS: u64 = 300_000;

/// Length of an HMAC-SHA256.
const TAG_BYTES: usize = 32;
/// More digits than a date has for the next 30,000 years.
const MAX_DIGITS: usize = 15;

/// What HubSpot encodes in the URL but signs decoded. Everything else is signed as it stands.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The client secret of the app whose webhooks are received.
#[derive(Clone, Debug)]
pub struct SigningSecret(Secret);

impl SigningSecret {
    /// Takes the secret.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidSecret> {
        Secret::new(text).map(Self)
    }

    /// Tells one secret from another without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&[self.0.expose().as_bytes()])
    }
}

/// Why a request is not taken for HubSpot's before any secret is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// No signature or no date, or more than one.
    #[error("signature headers are missing or repeated")]
    Missing,
    /// A header is not what HubSpot writes.
    #[error("signature headers are malformed")]
    Malformed,
    /// Signed more than five minutes ago.
    #[error("the delivery is stale")]
    Stale,
    /// Signed more than five minutes ahead of our clock.
    #[error("the delivery is from the future")]
    Future,
}

/// The signature a request claims, in shape and in time, not yet verified.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    tag: [u8; TAG_BYTES],
    /// As it was sent: the text is signed, not the number.
    timestamp: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads the headers. The age is judged at `now`, five minutes included.
    pub fn read(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, Unsigned> {
        let signature = only(headers, SIGNATURE_HEADER)?;
        let timestamp = only(headers, TIMESTAMP_HEADER)?;
        let tag = STANDARD.decode(signature).ok().and_then(|tag| tag.try_into().ok()).ok_or(Unsigned::Malformed)?;
        let digits = (1..=MAX_DIGITS).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let signed_ms: i64 = timestamp.parse().ok().filter(|_| digits).ok_or(Unsigned::Malformed)?;
        let now_ms = now.as_millisecond();
        if now_ms.abs_diff(signed_ms) > WINDOW_MS {
            return Err(if signed_ms < now_ms { Unsigned::Stale } else { Unsigned::Future });
        }
        Ok(Self { tag, timestamp })
    }

    /// Whether the holder of `secret` signed this method, URL (the whole public one, as HubSpot calls it), body and date.
    /// Takes the same time wherever a wrong signature differs.
    pub fn verify(&self, secret: &SigningSecret, method: &str, uri: &str, body: &[u8]) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.0.expose().as_bytes()) else { return false };
        mac.update(method.to_ascii_uppercase().as_bytes());
        mac.update(signed_form(uri).as_bytes());
        mac.update(body);
        mac.update(self.timestamp.as_bytes());
        mac.verify_slice(&self.tag).is_ok()
    }
}

/// The one value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Unsigned> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Unsigned::Malformed),
        _ => Err(Unsigned::Missing),
    }
}

/// The URL as HubSpot signs it. One pass: what comes out of a decoding is not decoded again (`%253A` is left alone).
pub fn signed_form(uri: &str) -> Cow<'_, str> {
    if !uri.contains('%') {
        return Cow::Borrowed(uri);
    }
    let mut out = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        let (before, code) = rest.split_at(at);
        let known = DECODED.iter().find_map(|(from, to)| Some((*to, code.strip_prefix(from)?)));
        let (decoded, after) = known.unwrap_or(("%", code.strip_prefix('%').unwrap_or_default()));
        out.push_str(before);
        out.push_str(decoded);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use jiff::Timestamp;

    use super::{Claim, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER, Unsigned, signed_form};

    const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    const URL: &str = "https://www.example.com/webhook_uri";
    const BODY: &str = "{'example_field':'example_value'}";
    const SIGNED_AT: &str = "1693657560000";
    const SIGNATURE: &str = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";

    /// A delivery in parts, so that each can be tampered with.
    #[derive(Clone, Copy)]
    struct Delivery<'a> {
        secret: &'a str,
        method: &'a str,
        url: &'a str,
        body: &'a [u8],
        timestamp: &'a str,
        signature: &'a str,
    }

    const GENUINE: Delivery<'_> = Delivery {
        secret: SECRET,
        method: "POST",
        url: URL,
        body: BODY.as_bytes(),
        timestamp: SIGNED_AT,
        signature: SIGNATURE,
    };

    fn headers(signature: &str, timestamp: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, HeaderValue::from_str(signature).unwrap());
        headers.insert(TIMESTAMP_HEADER, HeaderValue::from_str(timestamp).unwrap());
        headers
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    impl Delivery<'_> {
        fn judged_at(self, now_ms: i64) -> Result<bool, Unsigned> {
            let headers = headers(self.signature, self.timestamp);
            let secret = SigningSecret::new(self.secret).unwrap();
            Claim::read(&headers, at(now_ms)).map(|claim| claim.verify(&secret, self.method, self.url, self.body))
        }

        fn judged(self) -> Result<bool, Unsigned> {
            self.judged_at(self.timestamp.parse().unwrap())
        }
    }

    #[test]
    fn the_vectors_of_the_documentation_hold() {
        let encoded = Delivery {
            secret: "test-client-secret",
            url: "https://hooks.example.com/hubspot?tenant=a%2Fb",
            body: br#"[{"eventId":1,"subscriptionId":11,"portalId":999001,"appId":777,"occurredAt":1760000000000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":201,"propertyName":"hubspot_owner_id","propertyValue":"555","changeSource":"CRM_UI","sourceId":"userId:42"}]"#,
            timestamp: "1760000001000",
            signature: "FiYgv612JZqenhoK/PjBTgD9uxWN2eXoLaEuO+M0d0g=",
            ..GENUINE
        };
        let later = Delivery {
            timestamp: "1700000300000",
            signature: "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
            ..GENUINE
        };
        let signed_as = Delivery { url: "https://hooks.example.com/hubspot?tenant=a/b", ..encoded };
        for (number, delivery) in [GENUINE, later, encoded, signed_as].into_iter().enumerate() {
            assert_eq!(delivery.judged(), Ok(true), "vector {number}");
        }
        assert_eq!(Delivery { method: "post", ..GENUINE }.judged(), Ok(true), "the method is signed in upper case");
    }

    #[test]
    fn no_part_can_be_tampered_with() {
        let table = [
            ("secret", Delivery { secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyz", ..GENUINE }),
            ("method", Delivery { method: "PUT", ..GENUINE }),
            ("scheme", Delivery { url: "http://www.example.com/webhook_uri", ..GENUINE }),
            ("host", Delivery { url: "https://www.example.org/webhook_uri", ..GENUINE }),
            ("path", Delivery { url: "https://www.example.com/webhook_uri/", ..GENUINE }),
            ("query", Delivery { url: "https://www.example.com/webhook_uri?", ..GENUINE }),
            ("body", Delivery { body: b"{'example_field':'example_valuf'}", ..GENUINE }),
            ("longer body", Delivery { body: b"{'example_field':'example_value'}\n", ..GENUINE }),
            ("no body", Delivery { body: b"", ..GENUINE }),
            ("time", Delivery { timestamp: "1693657560001", ..GENUINE }),
            ("signature", Delivery { signature: "L36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=", ..GENUINE }),
            ("of another", Delivery { signature: "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", ..GENUINE }),
        ];
        for (part, delivery) in table {
            assert_eq!(delivery.judged(), Ok(false), "{part}");
        }
    }

    #[test]
    fn five_minutes_either_way_are_the_limit() {
        let signed: i64 = SIGNED_AT.parse().unwrap();
        let table = [
            (0, Ok(true)),
            (300_000, Ok(true)),
            (300_001, Err(Unsigned::Stale)),
            (-300_000, Ok(true)),
            (-300_001, Err(Unsigned::Future)),
            (90_000_000_000, Err(Unsigned::Stale)),
        ];
        for (later, expected) in table {
            assert_eq!(GENUINE.judged_at(signed + later), expected, "{later} ms later");
        }
    }

    #[test]
    fn headers_must_be_there_once() {
        let whole = headers(SIGNATURE, SIGNED_AT);
        let now = at(SIGNED_AT.parse().unwrap());
        for name in [SIGNATURE_HEADER, TIMESTAMP_HEADER] {
            let mut missing = whole.clone();
            missing.remove(name);
            assert_eq!(Claim::read(&missing, now).unwrap_err(), Unsigned::Missing, "{name}");
            let mut twice = whole.clone();
            twice.append(name, whole[name].clone());
            assert_eq!(Claim::read(&twice, now).unwrap_err(), Unsigned::Missing, "{name}");
            let mut odd = whole.clone();
            odd.insert(name, HeaderValue::from_bytes(b"\xff").unwrap());
            assert_eq!(Claim::read(&odd, now).unwrap_err(), Unsigned::Malformed, "{name}");
        }
        assert!(Claim::read(&whole, now).is_ok());
    }

    #[test]
    fn malformed_headers_are_refused() {
        let signatures = [
            "",
            "=",
            "not base64 at all",
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y",      // padding
            "K36dawei4A-QBNolUOqo7s91KQDWQ5MXZ_QufNYuk_Y=",     // the URL's alphabet
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Z=",     // bits beyond the end
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYukw==",     // 31 bytes
            "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/YA",     // 33 bytes
            "2b7e9d6b07a2e00f9004da2550eaa8eecf752900d6439317", // hex
        ];
        for signature in signatures {
            assert_eq!(Delivery { signature, ..GENUINE }.judged(), Err(Unsigned::Malformed), "{signature:?}");
        }
        let now = SIGNED_AT.parse().unwrap();
        for timestamp in
            ["", "+1693657560000", "-1", "1693657560000.0", "1693657560000ms", "0x18", "٣", "99999999999999999999"]
        {
            let mut headers = headers(SIGNATURE, SIGNED_AT);
            headers.insert(TIMESTAMP_HEADER, HeaderValue::from_bytes(timestamp.as_bytes()).unwrap());
            assert_eq!(Claim::read(&headers, at(now)).unwrap_err(), Unsigned::Malformed, "{timestamp:?}");
        }
        assert_eq!(Delivery { timestamp: "1693657560", ..GENUINE }.judged_at(now), Err(Unsigned::Stale), "seconds");
    }

    #[test]
    fn a_body_that_is_no_text_is_verified_as_it_came() {
        // printf 'POSThttps://www.example.com/webhook_uri\xff\x00\xfe1693657560000' | openssl dgst -sha256 -hmac … -binary | base64
        let bytes =
            Delivery { body: b"\xff\x00\xfe", signature: "ViYKZ5iw2L5DCC5Bbdb8oR2wJ/UhuIWBsAPqx9Co/xQ=", ..GENUINE };
        assert_eq!(bytes.judged(), Ok(true));
        assert_eq!(Delivery { body: "\u{fffd}\0\u{fffd}".as_bytes(), ..bytes }.judged(), Ok(false));
    }

    #[test]
    fn urls_are_decoded_by_the_table_and_no_further() {
        let table = [
            ("https://a.example/x?y=1", "https://a.example/x?y=1"),
            ("https://a.example/%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", "https://a.example/:/?@!$'()*,;"),
            ("/x?a=%20%25%26%3D%23%2B%5B%22%C3%A4", "/x?a=%20%25%26%3D%23%2B%5B%22%C3%A4"),
            ("/x?a=%253A%252F", "/x?a=%253A%252F"),
            ("/x?a=%%3A%", "/x?a=%:%"),
            ("/ä%2Fö%", "/ä/ö%"),
            ("", ""),
        ];
        for (uri, expected) in table {
            assert_eq!(signed_form(uri), expected, "{uri}");
        }
    }
}
