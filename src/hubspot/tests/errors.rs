//! Every error body in API.md, and what it must mean.

use std::time::Duration;

use crate::hubspot::{
    Error, ErrorKind,
    error::{RatePolicy, Rejection},
    testing::{Reply, bench, reply},
    wire::properties::NewProperty,
};

/// The error of a read.
async fn read(answer: Reply) -> Error {
    bench([answer]).hubspot.account_details().await.unwrap_err()
}

fn new_property() -> NewProperty {
    serde_json::from_str(
        r#"{"name":"acme_stage","label":"Stage","type":"string","fieldType":"text","groupName":"acme_assistant"}"#,
    )
    .unwrap()
}

/// The error of a create.
async fn create(answer: Reply) -> Error {
    bench([answer]).hubspot.create_property(&new_property()).await.unwrap_err()
}

fn rejection(error: &Error) -> &Rejection {
    match &error.kind {
        ErrorKind::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn credentials() {
    let expired = read(reply(401, r#"{"status":"error","message":"The OAuth token used to make this call expired 75 second(s) ago.","correlationId":"5e2-1","category":"EXPIRED_AUTHENTICATION","context":{"expire time":["2026-06-21T10:37:52.040Z"]}}"#)).await;
    assert_eq!(expired.to_string(), "account_details: the access token was refused: it has expired or was revoked");
    assert_eq!(expired.correlation_id.as_deref(), Some("5e2-1"));
    let invalid = read(reply(401, r#"{"status":"error","message":"Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview","correlationId":"5e2","category":"INVALID_AUTHENTICATION"}"#)).await;
    assert_eq!(invalid.category(), "unauthorized");
    assert!(invalid.to_string().contains("Authentication credentials not found"), "{invalid}");
    assert_eq!(read(reply(401, "<html>no</html>")).await.category(), "unauthorized");
}

#[tokio::test(start_paused = true)]
async fn missing_scopes_are_found_wherever_they_are_named() {
    let named = r#"{"status":"error","message":"This app hasn't been granted all required scopes to make this call.","errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.schemas.contacts.write","a.b"]}}],"category":"MISSING_SCOPES"}"#;
    let older = r#"{"status":"error","message":"…","errors":[{"message":"…","context":{"requiredScopes":["a.b"]}}],"context":{"requiredScopes":["crm.schemas.contacts.write"]},"category":"MISSING_SCOPES"}"#;
    let nested = r#"{"status":"error","message":"{\"category\":\"MISSING_SCOPES\",\"context\":{\"requiredScopes\":[\"a.b\",\"crm.schemas.contacts.write\"]}}"}"#;
    for body in [named, older, nested] {
        let scopes = vec!["a.b".to_owned(), "crm.schemas.contacts.write".to_owned()];
        assert_eq!(read(reply(403, body)).await.kind, ErrorKind::MissingScopes { scopes }, "{body}");
    }
    let unnamed = read(reply(403, r#"{"category":"MISSING_SCOPES"}"#)).await;
    assert_eq!(unnamed.kind, ErrorKind::MissingScopes { scopes: vec![] });
    assert_eq!(unnamed.to_string(), "account_details: scopes are missing: HubSpot does not name them");
    assert_eq!(read(reply(403, "")).await.category(), "forbidden");
}

#[tokio::test(start_paused = true)]
async fn another_region() {
    let body = r#"{"status":"error","message":"Hub 999001 is unknown to this Hublet, but it appears to exist in Hublet eu1","correlationId":"01a0","correctHublet":"eu1"}"#;
    let correct = |region: &str| ErrorKind::WrongRegion { correct: Some(region.to_owned()) };
    assert_eq!(read(reply(488, body)).await.kind, correct("eu1"));
    let by_header = reply(488, "<html>").header("X-HubSpot-Correct-Hublet", "ap1");
    assert_eq!(read(by_header).await.kind, correct("ap1"));
    let forged = reply(488, r#"{"correctHublet":"eu1.evil.example"}"#);
    assert_eq!(read(forged).await.kind, ErrorKind::WrongRegion { correct: None });
}

#[tokio::test(start_paused = true)]
async fn property_refusals() {
    let exists = create(reply(409, r#"{"status":"error","message":"A property named 'acme_stage' already exists.","correlationId":"01a0","category":"OBJECT_ALREADY_EXISTS","subCategory":"Properties.PROPERTY_WITH_NAME_EXISTS"}"#)).await;
    assert_eq!(exists.to_string(), "create_property: exists already: A property named 'acme_stage' already exists.");
    let conflict = create(reply(409, r#"{"status":"error","message":"Contact already exists. Existing ID: 201","correlationId":"5e2","category":"CONFLICT"}"#)).await;
    assert_eq!(conflict.category(), "already_exists");

    let in_use = bench([reply(
        400,
        r#"{"status":"error","message":"Property: acme_stage of object type 0-1 is currently used in 1 places and cannot be deleted","correlationId":"01a0","category":"VALIDATION_ERROR","subCategory":"PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE","errors":[{"message":"…","context":{"parentType":["WORKFLOW"],"parentName":["My workflow"]}}]}"#,
    )]);
    let in_use = in_use.hubspot.delete_property("acme_stage").await.unwrap_err();
    assert!(rejection(&in_use).mentions("CANNOT_DELETE_PROPERTY_IN_USE"));
    assert_eq!(rejection(&in_use).category.as_deref(), Some("VALIDATION_ERROR"));

    let group = r#"{"status":"error","message":"{\"status\":\"error\",\"message\":\"Can't delete or purge a group with active properties\",\"category\":\"VALIDATION_ERROR\",\"subCategory\":\"PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES\"}","correlationId":"01a0"}"#;
    let name = crate::domain::GroupName::new("acme").unwrap();
    let group = bench([reply(400, group)]).hubspot.delete_group(&name).await.unwrap_err();
    assert_eq!(rejection(&group).message, "Can't delete or purge a group with active properties");
    assert_eq!(rejection(&group).sub_category.as_deref(), Some("PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"));
    assert_eq!(group.correlation_id.as_deref(), Some("01a0"));
}

#[tokio::test(start_paused = true)]
async fn values_in_messages_are_dropped_and_codes_kept() {
    let error = read(reply(400, r#"{"status":"error","message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Secret Value was not one of the allowed options\",\"error\":\"INVALID_OPTION\",\"name\":\"nope\",\"propertyValue\":\"Secret Value\",\"portalId\":999001}]","correlationId":"5e2","errors":[{"message":"Secret Value","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["nope"]}}],"category":"VALIDATION_ERROR"}"#)).await;
    assert_eq!(rejection(&error).codes, ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION"]);
    assert_eq!(
        error.to_string(),
        "account_details: refused (status 400): Property values were not valid [PROPERTY_DOESNT_EXIST, INVALID_OPTION]"
    );
    let mail =
        read(reply(400, r#"{"message":"Email ada@example.com is blocked","category":"VALIDATION_ERROR"}"#)).await;
    assert!(!format!("{mail} {mail:?}").contains("ada@"), "{mail}");
}

#[tokio::test(start_paused = true)]
async fn codes_are_found_at_any_depth() {
    let bodies = [
        r#"{"status":"error","message":"nope","errors":[{"message":"x","subCategory":"AppUserErrors.USER_NOT_ON_ANY_HUBS"}]}"#,
        r#"{"status":"error","message":"nope","subCategory":{"name":"USER_NOT_ON_ANY_HUBS"}}"#,
        r#"{"status":"error","message":"failed: {\"errors\":[{\"message\":\"{\\\"subCategory\\\":\\\"USER_NOT_ON_ANY_HUBS\\\"}\"}]} (sorry)"}"#,
        r#"{"status":"error","message":"USER_NOT_ON_ANY_HUBS"}"#,
        r#"{"status":"error","errors":[{"code":"USER_NOT_ON_ANY_HUBS","context":null},7,null]}"#,
    ];
    for body in bodies {
        assert!(rejection(&read(reply(400, body)).await).mentions("USER_NOT_ON_ANY_HUBS"), "{body}");
    }
    let flat = read(reply(400, r#"{"status":"BAD_REFRESH_TOKEN","message":"refresh token is invalid, expired or revoked","error":"invalid_grant","error_description":"…"}"#)).await;
    assert_eq!(rejection(&flat).codes, ["BAD_REFRESH_TOKEN", "invalid_grant"]);
    let associations = read(reply(400, r#"{"status":"error","message":"One or more associations are invalid","context":{"INVALID_OBJECT_IDS":["CONTACT=999 is not valid"],"objectId":["999"],"objectType":["CONTACT"]},"category":"VALIDATION_ERROR"}"#)).await;
    assert_eq!(rejection(&associations).message, "One or more associations are invalid");
    let json = read(reply(400, r#"{"status":"error","message":"Invalid input JSON on line 1, column 1: x"}"#)).await;
    assert_eq!(rejection(&json).status, 400);
}

#[tokio::test(start_paused = true)]
async fn absent() {
    let bodies = [
        r#"{"status":"error","message":"Object not found.  objectId are usually numeric.","correlationId":"5e2","context":{"id":["abc"]},"category":"OBJECT_NOT_FOUND"}"#,
        r#"{"status":"error","message":"resource not found","correlationId":"5e2"}"#,
        "<html><body>404</body></html>",
        "",
    ];
    for body in bodies {
        assert_eq!(read(reply(404, body)).await.kind, ErrorKind::NotFound);
        assert_eq!(
            bench([reply(404, body)]).hubspot.find_property("x", crate::hubspot::Archived::Exclude).await.unwrap(),
            None
        );
        bench([reply(404, body)]).hubspot.delete_property("x").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn limits() {
    let of = |policy: &str| {
        reply(
            429,
            &format!(
                r#"{{"status":"error","message":"You have reached your limit.","errorType":"RATE_LIMIT","correlationId":"c033","policyName":"{policy}","groupName":"publicapi:x"}}"#
            ),
        )
    };
    let limited = |policy, seconds| ErrorKind::RateLimited { policy, retry_after: Duration::from_secs(seconds) };
    assert_eq!(read(of("SECONDLY")).await.kind, limited(RatePolicy::Secondly, 1));
    assert_eq!(read(of("TEN_SECONDLY_ROLLING")).await.kind, limited(RatePolicy::TenSecondlyRolling, 10));
    let daily = read(of("DAILY")).await;
    assert_eq!(daily.kind, ErrorKind::QuotaExhausted { resets_at: "2026-11-23T00:00:00Z".parse().unwrap() });
    for body in ["", "<html>slow down</html>", r#"{"category":"RATE_LIMITS"}"#] {
        assert_eq!(read(reply(429, body)).await.kind, limited(RatePolicy::Unknown, 10));
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_by_meaning() {
    let text = |status| reply(status, "<html>…</html>");
    for status in [500, 502, 503, 504, 520, 524, 408] {
        assert_eq!(read(text(status)).await.category(), "unavailable", "{status}");
        let error = create(text(status)).await;
        assert_eq!((error.category(), error.is_ambiguous()), ("ambiguous", true), "{status}");
    }
    for status in [521, 522, 523, 525, 526] {
        let error = create(text(status)).await;
        assert_eq!((error.category(), error.is_ambiguous()), ("unavailable", false), "{status}");
    }
    for status in [301, 302, 307, 308] {
        assert_eq!(create(text(status)).await.kind, ErrorKind::Redirected { status });
    }
    for (status, seconds) in [(423, 2), (477, 60)] {
        let busy = ErrorKind::Busy { status, retry_after: Duration::from_secs(seconds) };
        assert_eq!(create(text(status)).await.kind, busy);
    }
    let moving = read(text(477).header("Retry-After", "3600")).await;
    assert_eq!(moving.kind, ErrorKind::Busy { status: 477, retry_after: Duration::from_hours(1) });
    let soon = create(text(503).header("Retry-After", "7")).await;
    assert_eq!(soon.kind, ErrorKind::Busy { status: 503, retry_after: Duration::from_secs(7) });
    let absurd = create(text(503).header("Retry-After", "18446744073709551615")).await;
    assert_eq!(absurd.kind, ErrorKind::Busy { status: 503, retry_after: Duration::from_hours(24) });
    assert_eq!(rejection(&create(text(414)).await).status, 414);
}

#[tokio::test(start_paused = true)]
async fn unreadable_answers() {
    let message = |error: Error| match error.kind {
        ErrorKind::Malformed { message } => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message(read(reply(200, "")).await), "it is empty (line 1, column 0)");
    assert_eq!(message(read(reply(200, r#"{"portalId":9"#)).await), "it is cut off (line 1, column 13)");
    assert!(message(read(reply(200, "<html>secret</html>")).await).starts_with("it is not JSON"));
    assert!(message(read(reply(200, r#"{"portalId":"secret"}"#)).await).starts_with("it has not the documented shape"));
    let written = create(reply(201, "oops")).await;
    assert_eq!((written.category(), written.is_ambiguous()), ("malformed", true));
    assert!(!read(reply(200, "oops")).await.is_ambiguous());
    assert_eq!(read(Reply::TooLarge).await.category(), "malformed");
    assert_eq!(create(Reply::TooLarge).await.category(), "ambiguous");
}
