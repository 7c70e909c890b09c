//! The mark survives HubSpot, and whatever stands in its place harms nobody.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn mark() -> Mark {
    Mark {
        contact: ContactId("201".to_owned()),
        lead: Some(LeadId("lead-1".to_owned())),
        assistant: OwnerId("71".to_owned()),
        previous: Some(OwnerId("11".to_owned())),
        assigned_at: Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
        phase: Phase::Working,
        seq: 7,
    }
}

fn written() -> Value {
    json!({
        "v": 1, "contact": "201", "lead": "lead-1", "assistant": "71", "previous": "11",
        "assignedAt": 1_790_000_000_123_i64, "phase": "Working", "seq": 7
    })
}

/// The mark with some fields otherwise; null removes.
fn with(change: Value) -> MarkSeen {
    let mut value = written();
    json_patch::merge(&mut value, &change);
    MarkSeen::read(Some(&value.to_string()))
}

#[test]
fn it_is_written_as_ever() {
    let value: Value = serde_json::from_str(&mark().to_value().unwrap()).unwrap();
    assert_eq!(value, written(), "marks of earlier versions are on contacts: change VERSION if this has to change");
    let least = Mark { lead: None, previous: None, phase: Phase::Refused, seq: 0, ..mark() };
    let value: Value = serde_json::from_str(&least.to_value().unwrap()).unwrap();
    let expected = json!({
        "v": 1, "contact": "201", "assistant": "71", "assignedAt": 1_790_000_000_123_i64, "phase": "Refused", "seq": 0
    });
    assert_eq!(value, expected);
}

#[test]
fn it_is_read_with_tolerance() {
    let seen = MarkSeen::Mark(mark());
    assert_eq!(with(json!({})), seen);
    assert_eq!(with(json!({"later": {"fields": [1, 2]}, "name": null})), seen, "fields nobody knows");
    assert_eq!(MarkSeen::read(Some(&format!(" \n{}\t", written()))), seen, "blanks around");
    let without = |mark| MarkSeen::Mark(mark);
    assert_eq!(with(json!({"lead": null, "previous": null})), without(Mark { lead: None, previous: None, ..mark() }));
    assert_eq!(seen.mark(), Some(&mark()));
}

#[test]
fn an_empty_field_is_no_mark() {
    for value in [None, Some(""), Some("  \n")] {
        assert_eq!(MarkSeen::read(value), MarkSeen::None);
    }
    assert_eq!(MarkSeen::None.mark(), None);
}

#[test]
fn anything_else_is_unreadable() {
    let changes = [
        json!({"v": 0}),
        json!({"v": -1}),
        json!({"v": 1.5}),
        json!({"v": "2"}),
        json!({"v": null}),
        json!({"contact": null}),
        json!({"contact": 201}),
        json!({"assistant": null}),
        json!({"assignedAt": null}),
        json!({"assignedAt": "2026-11-22T10:00:00Z"}),
        json!({"assignedAt": i64::MAX}),
        json!({"phase": "Resting"}),
        json!({"phase": null}),
        json!({"seq": -1}),
        json!({"seq": null}),
        json!({"later": "x".repeat(MAX_BYTES)}),
    ];
    for change in changes {
        assert_eq!(with(change.clone()), MarkSeen::Unreadable, "{change}");
    }
    for text in ["{", "null", "[]", "1", "\"Working\"", "Warm", "{}", "{\"v\":1}", "\u{feff}{}"] {
        assert_eq!(MarkSeen::read(Some(text)), MarkSeen::Unreadable, "{text}");
    }
    assert_eq!(MarkSeen::Unreadable.mark(), None);
}

#[test]
fn a_newer_version_is_left_its_marks() {
    for change in [json!({"v": 2}), json!({"v": 256}), json!({"v": 2, "phase": "Resting", "contact": [1]})] {
        assert_eq!(with(change.clone()), MarkSeen::Newer, "{change}");
    }
    assert_eq!(MarkSeen::read(Some("{\"v\":2}")), MarkSeen::Newer);
    assert_eq!(MarkSeen::Newer.mark(), None);
}

#[test]
fn ids_longer_than_any_are_not_written() {
    let long = |length: usize| Mark { lead: Some(LeadId("x".repeat(length))), ..mark() };
    let room = MAX_BYTES - long(0).to_value().unwrap().len();
    assert_eq!(long(room).to_value().map(|value| value.len()), Some(MAX_BYTES));
    assert_eq!(long(room + 1).to_value(), None);
    // Escapes count as they are written.
    assert_eq!(Mark { lead: Some(LeadId("\"".repeat(room))), ..mark() }.to_value(), None);
}

/// A millisecond HubSpot may name.
fn any_time() -> impl Strategy<Value = Timestamp> {
    (0_i64..=4_102_444_800_000).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap())
}

prop_compose! {
    fn any_mark(id: &'static str, lead: &'static str)(
        contact in id, lead in prop::option::of(lead), assistant in id, previous in prop::option::of(id),
        assigned_at in any_time(),
        phase in prop::sample::select(vec![Phase::Working, Phase::Done, Phase::Refused]),
        seq in any::<u64>(),
    ) -> Mark {
        Mark {
            contact: ContactId(contact),
            lead: lead.map(LeadId),
            assistant: OwnerId(assistant),
            previous: previous.map(OwnerId),
            assigned_at,
            phase,
            seq,
        }
    }
}

proptest! {
    /// HubSpot's ids are numbers of 64 bits; TEC's are words.
    #[test]
    fn what_is_written_is_read_again(mark in any_mark("[0-9]{1,20}", "[A-Za-z0-9._:-]{1,128}")) {
        let value = mark.to_value();
        prop_assert!(value.as_ref().is_some_and(|value| value.len() <= MAX_BYTES));
        prop_assert_eq!(MarkSeen::read(value.as_deref()), MarkSeen::Mark(mark));
    }

    #[test]
    fn ids_of_any_kind_are_read_again_or_not_written(mark in any_mark("\\PC{0,40}", "\\PC{0,120}")) {
        if let Some(value) = mark.to_value() {
            prop_assert!(value.len() <= MAX_BYTES);
            prop_assert_eq!(MarkSeen::read(Some(&value)), MarkSeen::Mark(mark));
        }
    }

    #[test]
    fn whatever_stands_there_harms_nobody(text in any::<String>()) {
        prop_assert!(MarkSeen::read(Some(&text)).mark().is_none());
    }

    /// A value somebody shortened, or pasted into.
    #[test]
    fn a_damaged_mark_harms_nobody(cut in 0_usize..200, paste in "\\PC{0,8}") {
        let whole = mark().to_value().unwrap();
        let cut = cut.min(whole.len());
        let _ = MarkSeen::read(Some(&whole[..cut]));
        let _ = MarkSeen::read(Some(&format!("{}{paste}{}", &whole[..cut], &whole[cut..])));
    }
}
