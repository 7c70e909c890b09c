//! What leaves a portal, and what never does.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    domain::{ClusterId, UserId},
    plan::{
        render,
        testing::{GROUP, Small, all_created, by_hand, desired, nothing_read, trouble, user as somebody},
    },
    portal::{
        Section,
        snapshot::{Group, User},
    },
};

fn email() -> Email {
    Email::new("ada@example.com").unwrap()
}

fn users(list: Vec<User>) -> PortalSnapshot {
    let users: BTreeMap<Email, User> = list.into_iter().map(|user| (email(), user)).collect();
    PortalSnapshot { users: Section::Fresh(Arc::new(users)), ..nothing_read() }
}

fn given<const N: usize>(answers: [(Question, Answer); N]) -> Answers {
    Answers { given: answers.into() }
}

fn token_of(id: &str) -> (Question, Answer) {
    (Question::TokenUser, Answer::TokenUser(UserId(id.into())))
}

fn ask_first(question: Question) -> Removal {
    Removal::Next(Plan { questions: vec![question], ..Plan::default() })
}

#[test]
fn a_user_goes_once_it_is_known_not_to_be_the_tokens_own() {
    let present = users(vec![somebody("100")]);
    assert_eq!(user(&email(), &present, &Answers::default()), Ok(ask_first(Question::TokenUser)));
    let Ok(Removal::Next(plan)) = user(&email(), &present, &given([token_of("1")])) else { panic!("no steps") };
    assert_eq!(plan.steps[0].action, Action::DeleteUser { email: email(), user: UserId("100".into()) });
    assert_eq!((plan.steps.len(), plan.questions.len()), (1, 0));
}

#[test]
fn a_super_admin_and_the_tokens_own_user_stay() {
    let admin = users(vec![User { super_admin: true, ..somebody("100") }]);
    let own = users(vec![somebody("100")]);
    for (observed, id, text) in
        [(&admin, "1", "super admin"), (&admin, "100", "super admin"), (&own, "100", "access token")]
    {
        match user(&email(), observed, &given([token_of(id)])) {
            Ok(Removal::Blocked(refusal)) => {
                assert_eq!(refusal.reason, Reason::DeletionBlocked);
                assert!(refusal.message.contains(text), "{refusal:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn gone_is_proven_by_404_not_by_a_list() {
    let question = Question::User(email());
    let empty = users(vec![]);
    assert_eq!(user(&email(), &empty, &Answers::default()), Ok(ask_first(question.clone())));
    assert_eq!(user(&email(), &empty, &given([(question.clone(), Answer::User(None))])), Ok(Removal::Done));
    let lagging = given([(question.clone(), Answer::User(Some(somebody("100")))), token_of("1")]);
    assert!(matches!(user(&email(), &empty, &lagging), Ok(Removal::Next(plan)) if plan.steps.len() == 1));
    let failed = given([(question, Answer::Trouble(trouble()))]);
    assert_eq!(user(&email(), &empty, &failed), Err(trouble()));
}

#[test]
fn no_user_is_removed_on_what_could_not_be_read() {
    for section in [Section::Unread(trouble()), Section::Stale(Arc::new(BTreeMap::new()), trouble())] {
        let observed = PortalSnapshot { users: section, ..nothing_read() };
        assert_eq!(user(&email(), &observed, &given([token_of("1")])), Err(trouble()));
    }
    let unknown_token = given([(Question::TokenUser, Answer::Trouble(trouble()))]);
    assert_eq!(user(&email(), &users(vec![somebody("100")]), &unknown_token), Err(trouble()));
}

fn removing(deletion: ConnectionDeletionPolicy) -> PortalDesired {
    let mut desired = PortalDesired { known: all_created(), ..desired() };
    desired.connection.deletion = deletion;
    desired
}

/// Every field of ours holds this many values.
fn held(counts: [u64; 4]) -> Answers {
    let names = ["tec_context", "tec_schedule", "tec_lead_connection_status", "tec_assistant_state"];
    let question = |name: &str| Question::ContactsHoldingProperty { property: name.into() };
    Answers { given: names.iter().zip(counts).map(|(name, n)| (question(name), Answer::Count(n))).collect() }
}

fn lines(removal: Result<Removal, Trouble>) -> Vec<String> {
    match removal {
        Ok(Removal::Next(plan)) => plan.steps.iter().map(|step| render::action(&step.action)).collect(),
        other => panic!("{other:?}"),
    }
}

const ALL: [&str; 5] = [
    "archive property tec_context",
    "archive property tec_schedule",
    "archive property tec_lead_connection_status",
    "archive property tec_assistant_state",
    "delete property group tec_ai_assistant",
];

#[test]
fn fields_without_values_go_then_their_group() {
    let desired = removing(ConnectionDeletionPolicy::Delete);
    let mut small = Small::in_sync(&desired);
    let Ok(Removal::Next(asking)) = portal(&desired, &small.snapshot(), &Answers::default()) else { panic!() };
    assert_eq!((asking.steps.len(), asking.questions.len()), (0, 4));
    let removal = portal(&desired, &small.snapshot(), &held([0; 4]));
    assert_eq!(lines(removal.clone()), ALL);
    let Ok(Removal::Next(plan)) = removal else { panic!() };
    small.apply(&plan);
    assert_eq!(portal(&desired, &small.snapshot(), &Answers::default()), Ok(Removal::Done));
    let options = &small.properties.active["hs_lead_status"].options;
    assert!(options.iter().any(|option| option.value == "QUALIFIED"), "HubSpot's own field is left as it is");
}

#[test]
fn fields_with_values_block_and_say_how_many() {
    let desired = removing(ConnectionDeletionPolicy::Delete);
    let small = Small::in_sync(&desired);
    let Ok(Removal::Blocked(refusal)) = portal(&desired, &small.snapshot(), &held([3, 0, 12, 0])) else { panic!() };
    assert_eq!(refusal.reason, Reason::DeletionBlocked);
    assert!(
        refusal.message.contains("tec_context (3 contacts), tec_lead_connection_status (12 contacts)"),
        "{refusal:?}"
    );
}

#[test]
fn forcing_does_not_even_ask() {
    let desired = removing(ConnectionDeletionPolicy::ForceDelete);
    let small = Small::in_sync(&desired);
    assert_eq!(lines(portal(&desired, &small.snapshot(), &Answers::default())), ALL);
}

#[test]
fn what_someone_else_made_is_never_removed() {
    let mut desired = removing(ConnectionDeletionPolicy::ForceDelete);
    let mut small = Small::in_sync(&desired);
    // Adopted, another cluster's, and ours with the mark taken away.
    *small.property("tec_context") = by_hand("Context", "string", "textarea");
    desired.known.insert("tec_context".into(), FieldOrigin::Adopted);
    small.property("tec_schedule").description = "[managed by tec-crm other]".into();
    small.property("tec_assistant_state").description = String::new();
    let left = ["archive property tec_lead_connection_status", "archive property tec_assistant_state"];
    assert_eq!(lines(portal(&desired, &small.snapshot(), &Answers::default())), left, "the group is not empty");

    let stranger = PortalDesired { cluster: ClusterId::new("c2").unwrap(), known: BTreeMap::new(), ..desired };
    assert_eq!(portal(&stranger, &small.snapshot(), &Answers::default()), Ok(Removal::Done));
}

#[test]
fn a_group_goes_only_if_empty_and_ours() {
    let desired = removing(ConnectionDeletionPolicy::ForceDelete);
    let empty = || {
        let mut small = Small::fresh();
        small.groups.insert(GROUP.into(), Group { label: "TEC AI Assistant".into() });
        small
    };
    let only_group = ["delete property group tec_ai_assistant"];
    assert_eq!(lines(portal(&desired, &empty().snapshot(), &Answers::default())), only_group);

    let mut used = empty();
    let theirs = Property { group: GROUP.into(), ..by_hand("Mine", "string", "text") };
    used.properties.active.insert("mine".into(), theirs);
    assert_eq!(portal(&desired, &used.snapshot(), &Answers::default()), Ok(Removal::Done));

    for origin in [Some(FieldOrigin::Adopted), None] {
        let mut adopted = desired.clone();
        adopted.known = origin.map(|origin| (group_key(GROUP), origin)).into_iter().collect();
        assert_eq!(portal(&adopted, &empty().snapshot(), &Answers::default()), Ok(Removal::Done));
    }
}

#[test]
fn nothing_is_removed_on_what_could_not_be_read() {
    let desired = removing(ConnectionDeletionPolicy::ForceDelete);
    let whole = || Small::in_sync(&desired).snapshot();
    let groups = PortalSnapshot { groups: Section::Unread(trouble()), ..whole() };
    let properties = PortalSnapshot { properties: Section::Unread(trouble()), ..whole() };
    for observed in [groups, properties] {
        assert_eq!(portal(&desired, &observed, &Answers::default()), Err(trouble()));
    }
    let counting = removing(ConnectionDeletionPolicy::Delete);
    let mut answers = held([0; 4]);
    let question = Question::ContactsHoldingProperty { property: "tec_schedule".into() };
    answers.given.insert(question, Answer::Trouble(trouble()));
    assert_eq!(portal(&counting, &whole(), &answers), Err(trouble()));
}
