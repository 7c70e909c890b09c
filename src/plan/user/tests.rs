//! The user of an assistant, as tables.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    api::shared::DeletionPolicy,
    desired::assistant::DefaultContext,
    domain::Email,
    plan::{
        Hold,
        testing::{hours, nothing_read, now, trouble, user},
    },
    portal::{
        Section,
        snapshot::{Owner, Role, Team},
    },
};

fn email() -> Email {
    Email::new("ada@example.com").unwrap()
}

fn desired() -> UserDesired {
    UserDesired {
        assistant: ValidatedAssistant {
            email: email(),
            first_name: Some("Ada".into()),
            last_name: Some("Assistant".into()),
            provisioning: Provisioning::Invite,
            send_invitation: true,
            role: None,
            team: None,
            context: DefaultContext::None,
            schedule: None,
            acknowledged: Vec::new(),
            on_delete: crate::api::assistant::LeadsOnDelete::HandBack,
            hold_until: None,
            suspend: false,
            deletion: DeletionPolicy::Retain,
        },
        memory: UserMemory::default(),
        wish: "1/".into(),
        permission: Permission::Write,
    }
}

/// The user was seen, and made by us two days ago.
fn made_by_us() -> UserMemory {
    UserMemory { user: Some(UserId("100".into())), sent_at: Some(hours(-48)), ..UserMemory::default() }
}

/// A portal with these users; whoever has one also has an active owner, if `active`.
fn portal(users: Vec<User>, active: bool) -> PortalSnapshot {
    let users: BTreeMap<Email, User> = users.into_iter().map(|user| (email(), user)).collect();
    let owners: BTreeMap<Email, Owner> = users
        .keys()
        .filter(|_| active)
        .map(|email| (email.clone(), Owner { id: OwnerId("41629779".into()) }))
        .collect();
    let role = |id: &str, name: &str| Role { id: RoleId(id.into()), name: name.into() };
    let team = |id: &str, name: &str| Team { id: TeamId(id.into()), name: name.into() };
    PortalSnapshot {
        users: Section::Fresh(Arc::new(users)),
        owners: Section::Fresh(Arc::new(owners)),
        roles: Section::Fresh(Arc::new(vec![role("7", "Sales rep"), role("8", "Admin")])),
        teams: Section::Fresh(Arc::new(vec![team("368389", "Inbound"), team("368390", "Outbound")])),
        ..nothing_read()
    }
}

fn asked(answer: Answer) -> Answers {
    Answers { given: [(Question::User(email()), answer)].into() }
}

fn nobody() -> Answers {
    asked(Answer::User(None))
}

fn plan_of(desired: &UserDesired, observed: &PortalSnapshot, answers: &Answers) -> UserPlan {
    plan(desired, observed, answers, now())
}

fn invites(planned: &UserPlan) -> bool {
    match planned.plan.steps.as_slice() {
        [] => false,
        [Step { action: Action::CreateUser { .. }, because: _ }] => true,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_without_the_user_is_not_proof() {
    let planned = plan_of(&desired(), &portal(vec![], false), &Answers::default());
    assert_eq!(planned.plan.questions, [Question::User(email())]);
    assert_eq!((planned.plan.steps.len(), planned.report.user), (0, UserFinding::Asking));
}

#[test]
fn an_absent_user_is_invited_once_with_everything() {
    let mut desired = desired();
    desired.assistant.role = Some("Sales rep".into());
    desired.assistant.team = Some("Inbound".into());
    for send_invitation in [true, false] {
        desired.assistant.send_invitation = send_invitation;
        let planned = plan_of(&desired, &portal(vec![], false), &nobody());
        let [step] = planned.plan.steps.as_slice() else { panic!("{planned:?}") };
        let expected = Action::CreateUser {
            email: email(),
            first_name: Some("Ada".into()),
            last_name: Some("Assistant".into()),
            role: Some(RoleId("7".into())),
            team: Some(TeamId("368389".into())),
            send_invitation,
        };
        assert_eq!(step.action, expected);
        assert_eq!(planned.report.user, UserFinding::Absent);
    }
}

#[test]
fn a_user_the_list_does_not_show_yet_is_present() {
    let planned = plan_of(&desired(), &portal(vec![], false), &asked(Answer::User(Some(user("100")))));
    assert_eq!((planned.plan, planned.report.user), (Plan::default(), UserFinding::Present(UserId("100".into()))));
}

#[test]
fn observing_never_invites() {
    let mut desired = desired();
    desired.assistant.provisioning = Provisioning::Observe;
    for memory in [UserMemory::default(), made_by_us()] {
        desired.memory = memory;
        let planned = plan_of(&desired, &portal(vec![], false), &nobody());
        assert_eq!(planned.plan, Plan::default());
    }
    desired.memory = made_by_us();
    let drifted = plan_of(&desired, &portal(vec![user("100")], true), &Answers::default());
    assert_eq!((drifted.plan, drifted.report.drift.len()), (Plan::default(), 2), "names differ and are only told");
}

#[test]
fn on_hold_the_invitation_is_shown() {
    let held = UserDesired { permission: Permission::Hold(Hold::UntilDeadline), ..desired() };
    let planned = plan_of(&held, &portal(vec![], false), &nobody());
    assert_eq!((planned.plan.steps.len(), planned.plan.withheld.len()), (0, 1));
}

#[test]
fn what_hubspot_could_not_say_is_not_guessed() {
    let stale: BTreeMap<Email, User> = BTreeMap::new();
    for users in [Section::NotRead, Section::Unread(trouble()), Section::Stale(Arc::new(stale), trouble())] {
        let observed = PortalSnapshot { users, ..portal(vec![], false) };
        let planned = plan_of(&desired(), &observed, &nobody());
        assert_eq!(planned.plan, Plan::default());
        assert!(matches!(planned.report.user, UserFinding::Unknown(_)), "{:?}", planned.report);
    }
    let planned = plan_of(&desired(), &portal(vec![], false), &asked(Answer::Trouble(trouble())));
    assert_eq!((planned.plan, planned.report.user), (Plan::default(), UserFinding::Unknown(trouble())));

    let owners = PortalSnapshot { owners: Section::Unread(trouble()), ..portal(vec![user("100")], true) };
    let planned = plan_of(&UserDesired { memory: made_by_us(), ..desired() }, &owners, &Answers::default());
    assert_eq!((planned.plan, planned.report.owner), (Plan::default(), Err(trouble())));
}

#[test]
fn an_unknown_role_or_team_lists_the_ones_there_are() {
    type Ask = fn(&mut ValidatedAssistant);
    let table: [(Ask, &str); 2] = [
        (|a| a.role = Some("Boss".into()), "role \"Boss\" does not exist in the portal; there are: Admin, Sales rep"),
        (
            |a| a.team = Some("Sales".into()),
            "team \"Sales\" does not exist in the portal; there are: Inbound, Outbound",
        ),
    ];
    for (ask, text) in table {
        let mut desired = desired();
        ask(&mut desired.assistant);
        for (observed, answers) in
            [(portal(vec![], false), nobody()), (portal(vec![user("100")], true), Answers::default())]
        {
            let planned = plan_of(&desired, &observed, &answers);
            assert_eq!(planned.plan, Plan::default());
            assert_eq!(planned.report.refusal, Some(Refusal::new(Reason::InvalidSpec, text)));
        }
        let unread = PortalSnapshot {
            roles: Section::Unread(trouble()),
            teams: Section::Unread(trouble()),
            ..portal(vec![], false)
        };
        let planned = plan_of(&desired, &unread, &nobody());
        assert_eq!(planned.plan, Plan::default());
        assert_eq!(planned.report.refusal.unwrap().reason, Reason::Unreachable);
    }
}

#[test]
fn a_removed_user_is_invited_again_once_a_day_or_when_somebody_asks() {
    let removed = |hours_ago: i64| Some(hours(-hours_ago));
    let gave_up = Some("1/".to_owned());
    let table = [
        ("removed once", None, None, "1/", true),
        ("removed again within a day", removed(23), None, "1/", false),
        ("removed again a day later", removed(24), None, "1/", true),
        ("given up, the same wish", removed(23), gave_up.clone(), "1/", false),
        ("given up, the same wish, a week later", removed(200), gave_up.clone(), "1/", false),
        ("given up, then the spec changed", removed(1), gave_up.clone(), "2/", true),
        ("given up, then asked for with requestedAt", removed(1), gave_up, "1/now", true),
    ];
    for (case, removed_at, given_up_for, wish, again) in table {
        let memory = UserMemory { removed_at, given_up_for, ..made_by_us() };
        let desired = UserDesired { memory, wish: wish.into(), ..desired() };
        let planned = plan_of(&desired, &portal(vec![], false), &nobody());
        assert_eq!(invites(&planned), again, "{case}");
        assert_eq!(planned.report.user, UserFinding::Removed { given_up: !again }, "{case}");
    }
}

#[test]
fn names_are_repaired_for_users_we_made_and_only_once_they_are_active() {
    let wrong = || User { first_name: Some("Eva".into()), last_name: Some("Assistant".into()), ..user("100") };
    let why = Difference {
        subject: "user ada@example.com".into(),
        field: "first name".into(),
        found: "Eva".into(),
        expected: "Ada".into(),
    };
    let ours = UserDesired { memory: made_by_us(), ..desired() };
    let repaired = plan_of(&ours, &portal(vec![wrong()], true), &Answers::default());
    let to = UserValues {
        first_name: Some("Ada".into()),
        last_name: Some("Assistant".into()),
        role: None,
        team: None,
        secondary_teams: Vec::new(),
    };
    let action = Action::UpdateUser { email: email(), user: UserId("100".into()), to };
    assert_eq!(repaired.plan.steps, [Step { action, because: vec![why.clone()] }]);

    let waiting = plan_of(&ours, &portal(vec![wrong()], false), &Answers::default());
    assert_eq!((waiting.plan, waiting.report.drift), (Plan::default(), vec![why]));

    let seen_only = UserMemory { user: Some(UserId("100".into())), ..UserMemory::default() };
    let adopted = UserDesired { memory: seen_only, ..desired() };
    let untouched = plan_of(&adopted, &portal(vec![wrong()], true), &Answers::default());
    assert_eq!((untouched.plan, untouched.report.drift), (Plan::default(), vec![]));
}

#[test]
fn names_that_are_not_given_are_not_repaired() {
    let mut ours = UserDesired { memory: made_by_us(), ..desired() };
    ours.assistant.first_name = None;
    ours.assistant.last_name = None;
    let named = User { first_name: Some("Eva".into()), last_name: Some("E".into()), ..user("100") };
    assert_eq!(plan_of(&ours, &portal(vec![named], true), &Answers::default()).plan, Plan::default());
}

#[test]
fn role_and_team_that_are_asked_for_are_repaired_for_adopted_users_too() {
    let mut adopted = desired();
    adopted.assistant.role = Some("Sales rep".into());
    adopted.assistant.team = Some("Inbound".into());
    let held = User {
        first_name: Some("Eva".into()),
        roles: vec![RoleId("8".into())],
        team: Some(TeamId("368390".into())),
        secondary_teams: vec![TeamId("9".into())],
        ..user("100")
    };
    let planned = plan_of(&adopted, &portal(vec![held.clone()], true), &Answers::default());
    let [Step { action: Action::UpdateUser { to, .. }, because }] = planned.plan.steps.as_slice() else {
        panic!("{planned:?}")
    };
    let expected = UserValues {
        first_name: Some("Eva".into()),
        last_name: None,
        role: Some(RoleId("7".into())),
        team: Some(TeamId("368389".into())),
        secondary_teams: vec![TeamId("9".into())],
    };
    assert_eq!(*to, expected, "what is not asked for is sent as it was");
    let told: Vec<(&str, &str, &str)> =
        because.iter().map(|why| (why.field.as_str(), why.found.as_str(), why.expected.as_str())).collect();
    assert_eq!(told, [("role", "Admin", "Sales rep"), ("team", "Outbound", "Inbound")]);

    let second_role = User { roles: vec![RoleId("8".into()), RoleId("7".into())], team: expected.team, ..held };
    let planned = plan_of(&adopted, &portal(vec![second_role], true), &Answers::default());
    assert_eq!(planned.plan, Plan::default(), "one of several roles is enough");
}
