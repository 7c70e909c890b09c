//! What holds for every contact and every team, however they came to be.

use proptest::prelude::*;

use super::*;

fn any_owner() -> impl Strategy<Value = String> {
    prop::sample::select(vec![A, B, WAITING, LEAVING, UNKNOWN, P, Q, GONE, FALLBACK, NOBODY]).prop_map(str::to_owned)
}

fn any_mark() -> impl Strategy<Value = MarkSeen> {
    let phase = prop::sample::select(vec![Phase::Working, Phase::Working, Phase::Done, Phase::Refused]);
    let mark = (any_owner(), any_owner(), 0_i64..8, phase, any::<bool>(), any::<bool>()).prop_map(
        |(assistant, previous, second, phase, here, lead)| {
            let mark = working(&assistant, second, &previous);
            MarkSeen::Mark(Mark {
                contact: ContactId(if here { ID } else { OTHER_ID }.to_owned()),
                lead: mark.lead.clone().filter(|_| lead),
                phase,
                ..mark
            })
        },
    );
    prop_oneof![1 => Just(MarkSeen::None), 1 => Just(MarkSeen::Unreadable), 1 => Just(MarkSeen::Newer), 9 => mark]
}

prop_compose! {
    fn any_contact()(
        present in any_owner(),
        owners in prop::collection::vec(any_owner(), 0..6),
        behind in prop::bool::weighted(0.1),
        dated in any::<bool>(),
        has_email in any::<bool>(),
        shown in any::<bool>(),
        mark in any_mark(),
    ) -> Contact {
        let history: Vec<(&str, i64)> = owners.iter().map(String::as_str).zip((0..8).rev()).collect();
        let contact = owned(&history);
        Contact {
            owner: if behind { some_owner(&present) } else { contact.owner.clone() },
            owner_assigned_at: contact.owner_assigned_at.filter(|_| dated),
            has_email,
            connection_status: status("Warm").filter(|_| shown),
            mark,
            ..contact
        }
    }
}

fn any_team() -> impl Strategy<Value = Team> {
    (prop::option::of(any_owner()), prop::collection::btree_set(any_owner(), 0..4)).prop_map(|(fallback, left)| Team {
        fallback: fallback.as_deref().and_then(some_owner),
        active: team().active.into_iter().filter(|owner| !left.contains(owner.as_str())).collect(),
        ..team()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decisions_keep_the_rules(contact in any_contact(), team in any_team()) {
        let Decision { stop, then } = decide(&contact, &team);
        let standing = contact.owner.as_ref().and_then(|owner| team.assistants.get(owner));
        let in_work = contact.mark.mark().filter(|mark| mark.phase == Phase::Working);

        // Only what runs is stopped, and what goes on is not.
        if let Some(stop) = &stop {
            prop_assert_eq!(in_work.and_then(|mark| mark.lead.as_ref()), Some(&stop.lead));
            prop_assert_ne!(&then, &Then::InWork);
            prop_assert_ne!(&then, &Then::Nothing);
        }
        let goes_to = match &then {
            Then::Nothing => {
                prop_assert!(standing.is_none() && in_work.is_none());
                None
            }
            Then::InWork => {
                let assistant = in_work.map(|mark| &mark.assistant);
                prop_assert!(standing.is_none_or(|standing| *standing == Standing::Working));
                prop_assert!(assistant.is_some() && assistant == contact.owner.as_ref());
                None
            }
            Then::Accept(_) => {
                prop_assert_eq!(standing, Some(&Standing::Working));
                None
            }
            Then::Wait if contact.mark == MarkSeen::Newer => {
                prop_assert!(standing.is_some());
                None
            }
            Then::Wait => {
                prop_assert_ne!(standing, Some(&Standing::Working));
                prop_assert_ne!(standing, Some(&Standing::Leaving));
                None
            }
            Then::Refuse(_, _, to) => {
                prop_assert_eq!(standing, Some(&Standing::Working));
                Some(to)
            }
            Then::GiveBack(mark, to) => {
                prop_assert_eq!(standing, Some(&Standing::Leaving));
                prop_assert_ne!(mark.phase, Phase::Working);
                Some(to)
            }
            Then::Close(mark) => {
                prop_assert!(standing.is_none() && in_work.is_some());
                prop_assert_eq!(&mark.contact, &contact.id);
                prop_assert_eq!(mark.phase, Phase::Done);
                None
            }
        };
        // Nothing goes back to an assistant, or to somebody who left.
        if let Some(owner) = goes_to.and_then(HandBack::owner) {
            prop_assert!(team.active.contains(owner) && !team.assistants.contains_key(owner));
        }
        if let Then::Accept(assigned) | Then::Refuse(assigned, ..) = &then {
            prop_assert_eq!(Some(&assigned.assistant), contact.owner.as_ref());
            prop_assert_eq!(assigned.at, contact.assignment().at);
        }
    }
}
