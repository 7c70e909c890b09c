//! The operator under every setting of every switch (API.md §14): the story ends well, or a condition says what a person has to do.

mod story;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tec_crm::sim::hubspot::{
    AnswersAs, ArchivedName, AssignedDateOnCreate, AssignedDateOnUnassign, CrmRecordPolicy, DailyUsage, DuplicateGroup,
    DuplicateOptions, DuplicateUser, EnumerationWithoutOptions, HistoryOrder, InvitationShown, InviteEmail, MergedRead,
    MissingInBatch, MissingScopes, NoAssociations, Noise, OptionErrors, OwnerArchival, OwnerPolicy, PartialWrites,
    PastEnd, PendingOwner, PutOmitted, ReadLag, RefreshRotation, RemovedOption, RetriedEvents, RetryAfter, Roles,
    SearchRefusal, SearchTies, SimConfig, Switches, TypeChange, Uninstalled, UnknownId, UnknownRoute, WebhookSettings,
    WrongRegion,
};

/// A setting, and what comes of it: nothing that is not as it should be, or what is told instead, beginnings of lines.
struct Case {
    what: String,
    portal: SimConfig,
    told: Told,
}

/// Beginnings of the lines a story tells.
type Told = &'static [&'static str];

/// `name: settings => what each leads to`, for every switch: one left out does not compile.
macro_rules! every_switch {
    ($($name:ident: $settings:expr => $told:expr,)+) => {
        fn cases() -> Vec<Case> {
            let Switches { $($name: _),+ } = Switches::default();
            let usual = Switches::default();
            let mut cases = vec![Case { what: "as usual".to_owned(), portal: story::portal(usual.clone()), told: &[] }];
            $(for (setting, told) in each($settings, $told) {
                let what = format!("{} {setting:?}", stringify!($name));
                if setting == usual.$name {
                    assert!(told.is_empty(), "{what} is as usual");
                    continue;
                }
                let switches = Switches { $name: setting, ..Switches::default() };
                cases.push(Case { what, portal: story::portal(switches), told });
            })+
            cases
        }
    };
}

fn each<T: Clone>(settings: &[T], told: fn(&T) -> Told) -> Vec<(T, Told)> {
    settings.iter().map(|setting| (setting.clone(), told(setting))).collect()
}

/// All is well.
fn well<T>(_: &T) -> Told {
    &[]
}

const SECOND: Duration = Duration::from_secs(1);
const QUARTER: ReadLag = ReadLag { min: Duration::from_millis(250), max: Duration::from_millis(700) };
const MINUTES: ReadLag = ReadLag { min: Duration::from_mins(1), max: Duration::from_mins(3) };

/// Nothing can be put on a timeline: leads go on without, and the conditions say so.
const WITHOUT_NOTES: Told = &[
    "Lena assigned: ada /New, leads New ada, 0 notes, 0 mails",
    "Lena written to: ada /New, leads Hot ada, 0 notes, 0 mails",
    "Lena done: sam /Processed, leads Processed ada done, 0 notes, 0 mails",
    "Kim: ada /New, leads New ada, 0 notes, 0 mails",
    "Tom: bob /New, leads New bob, 0 notes, 0 mails",
    "Tom taken back:  /New, leads New bob stopped TakenBack, 0 notes, 0 mails",
    "Kim done:  /Responded, leads Responded ada done, 0 notes, 0 mails",
    "Eva, whose Sue has left:  /Responded, leads Responded ada done, 0 notes, 0 mails",
    "after edits: assistants/ada Unknown/HubSpotRefused: HubSpot refuses the same of every contact, it is tried again: create_notes: refused",
    "after edits: assistants/bob Unknown/HubSpotRefused: HubSpot refuses the same of every contact",
    "after edits: crmconnections/portal Unknown/HubSpotRefused: HubSpot refuses the same of every contact",
];

/// No contact can be changed: leads begin, people see nothing of it, and the conditions name the property.
const WITHOUT_UPDATES: Told = &[
    "Lena assigned: ada /, leads New ada, 1 notes, 0 mails",
    "Lena written to: ada /, leads Hot ada, 1 notes, 1 mails",
    "Lena done: ada /, leads Processed ada done, 1 notes, 1 mails",
    "Kim: ada /, leads New ada, 1 notes, 0 mails",
    "Tom: bob /, leads New bob, 1 notes, 0 mails",
    "Tom taken back:  /, leads New bob stopped TakenBack, 1 notes, 0 mails",
    "Kim done: ada /, leads Responded ada done, 1 notes, 0 mails",
    "leads: False/HubSpotRefused: HubSpot refuses the same of every contact, it is tried again: update_contacts: refused (status 400): MISSING_REQUIRED_PROPERTY on phone",
    "Mia merged: New ada",
    "Eva, whose Sue has left: ada /, leads Responded ada done, ",
    "after edits: assistants/ada Unknown/HubSpotRefused: HubSpot refuses the same of every contact",
    "after edits: assistants/bob Unknown/HubSpotRefused: HubSpot refuses the same of every contact",
    "after edits: crmconnections/portal Unknown/HubSpotRefused: HubSpot refuses the same of every contact",
];

every_switch! {
    duplicate_user: DuplicateUser::ALL => well,
    owner: OwnerPolicy::ALL => well,
    pending_owner: PendingOwner::ALL => well,
    owner_after_acceptance: &[Duration::ZERO, Duration::from_mins(10)] => well,
    owner_archival: OwnerArchival::ALL => |archival| match archival {
        OwnerArchival::AtOnce => &[],
        // For HubSpot she is somebody who can own contacts.
        OwnerArchival::Later | OwnerArchival::Never => &["Eva, whose Sue has left: sue CONNECTED/Responded"],
    },
    crm_record: CrmRecordPolicy::ALL => well,
    invitation_shown: InvitationShown::ALL => well,
    invite_email: InviteEmail::ALL => well,
    user_put_omitted: PutOmitted::ALL => well,
    roles: Roles::ALL => |roles| match roles {
        Roles::Available => &[],
        Roles::Unavailable => &[
            "Ada is not invited",
            "set-up: assistants/ada False/HubSpotRefused: the roles of the portal cannot be read: list_roles: refused (status 400): Account doesn't have access to roles.",
        ],
    },
    seat_release: &[Duration::ZERO, Duration::from_secs(30), Duration::from_mins(10)] => well,
    user_cap: &[None, Some(4)] => |cap| match cap {
        None => &[],
        Some(_) => &[
            "Ada is not invited",
            "set-up: assistants/ada False/HubSpotRefused: create_user: refused (status 400): No seat is available",
        ],
    },
    duplicate_options: DuplicateOptions::ALL => well,
    option_errors: OptionErrors::ALL => well,
    option_limit: &[5_000, 10] => |limit| match limit {
        5_000 => &[],
        _ => &[
            "set-up: crmconnections/portal False/HubSpotRefused: create_property: refused (status 400): A property can have at most 10 options",
            "set-up: schedulesyncs/schedules False/HubSpotRefused: create_property: refused (status 400): A property can have at most 10 options",
        ],
    },
    enumeration_without_options: EnumerationWithoutOptions::ALL => well,
    removed_option: RemovedOption::ALL => well,
    type_change: TypeChange::ALL => well,
    name_limit: &[100, 20] => |limit| match limit {
        100 => &[],
        _ => &[
            "set-up: crmconnections/portal False/HubSpotRefused: create_property: refused (status 400): Invalid name 'tec_lead_connection_status': use at most 20",
            "set-up: schedulesyncs/schedules False/HubSpotRefused: create_property: refused (status 400): Invalid name 'tec_lead_connection_status'",
        ],
    },
    duplicate_group: DuplicateGroup::ALL => well,
    archived_name: ArchivedName::ALL => |archived| match archived {
        ArchivedName::Restores | ArchivedName::Fresh => &[],
        ArchivedName::Refused => &[
            "set-up: crmconnections/portal False/HubSpotRefused: property tec_context: HubSpot says that it exists and does not show it, so most likely it is archived; restore it",
            "set-up: schedulesyncs/schedules False/HubSpotRefused: property tec_context: HubSpot says that it exists",
        ],
    },
    read_lag: &[ReadLag::default(), QUARTER, MINUTES] => well,
    search_past_end: PastEnd::ALL => well,
    search_ties: SearchTies::ALL => well,
    negation_finds_unset: &[false, true] => well,
    history_order: HistoryOrder::ALL => well,
    history_depth: &[None, Some(20), Some(2), Some(1)] => |depth| match depth {
        // Nothing says who had her before; the note on her says so.
        Some(1) => &["Lena done:  QUALIFIED/Processed, leads Processed ada done, 2 notes"],
        _ => &[],
    },
    resave_adds_history: &[false, true] => well,
    partial_writes: PartialWrites::ALL => well,
    retry_after: RetryAfter::ALL => well,
    search_refusal: SearchRefusal::ALL => well,
    refused_search_counts: &[false, true] => well,
    retried_events: RetriedEvents::ALL => well,
    webhook_settings: WebhookSettings::ALL => well,
    daily_usage: DailyUsage::ALL => well,
    assigned_date_on_create: AssignedDateOnCreate::ALL => well,
    assigned_date_on_unassign: AssignedDateOnUnassign::ALL => well,
    merge_stamps: &[false, true] => well,
    // By OAuth; `flows::oauth::endings` uninstalls.
    refresh_rotation: &[
        RefreshRotation::Same,
        RefreshRotation::Rotates { grace: Duration::ZERO },
        RefreshRotation::Rotates { grace: Duration::from_mins(5) },
    ] => well,
    uninstalled: Uninstalled::ALL => well,
    wrong_region: WrongRegion::ALL => well,
    associations_always_fail: &[false, true] => |fail| if *fail { WITHOUT_NOTES } else { &[] },
    no_associations: NoAssociations::ALL => well,
    association_ids_are_numbers: &[false, true] => well,
    merged_read: MergedRead::ALL => well,
    merge_keeps_primary_id: &[false, true] => well,
    missing_in_batch: MissingInBatch::ALL => well,
    unknown_contact_id: UnknownId::ALL => well,
    unknown_route: UnknownRoute::ALL => well,
    missing_scopes: MissingScopes::ALL => well,
    answers_as: AnswersAs::ALL => well,
    required_property: &[None, Some("phone".to_owned())] => |required| {
        if required.is_some() { WITHOUT_UPDATES } else { &[] }
    },
    noise: Noise::ALL => well,
}

/// What takes more than one switch: an index that lags (§14.7), and owners that come late because they wait for acceptance (§14.2).
fn more_cases() -> Vec<Case> {
    let lagging = [3 * SECOND, 30 * SECOND, 120 * SECOND].map(|search_lag| {
        let portal = SimConfig { search_lag, ..story::portal(Switches::default()) };
        Case { what: format!("search_lag {search_lag:?}"), portal, told: &[] }
    });
    let owner_after_acceptance = 30 * SECOND;
    let switches = Switches { owner: OwnerPolicy::AfterAcceptance, owner_after_acceptance, ..Switches::default() };
    let what = format!("AfterAcceptance, owner_after_acceptance {owner_after_acceptance:?}");
    let waiting = Case { what, portal: story::portal(switches), told: &[] };
    lagging.into_iter().chain([waiting]).collect()
}

/// Switches of which some setting changes nothing of what the operator hears in the story: where it does, or why it never will.
/// Of any other switch that is a mistake, as is a line nobody needs.
const ELSEWHERE: &[(&str, &str)] = &[
    ("pending_owner", "people assign, and HubSpot refuses them"),
    ("invite_email", "nothing asks for it: the status of the invitation says more"),
    ("user_put_omitted", "what a PUT of ours leaves out was empty: plan::user::tests"),
    ("duplicate_options", "the operator sends none that are alike: plan::options::tests, flows::bad_input"),
    ("option_errors", "no list of ours is refused but by `option_limit`"),
    (
        "enumeration_without_options",
        "flows::bad_input::a_schedule_field_refused_while_there_are_no_schedules_is_told_and_made_with_the_first",
    ),
    ("removed_option", "what a contact holds is hidden, never taken away: flows::set_up, plan::options::tests"),
    ("search_past_end", "pages go by id and begin anew: hubspot::tests::contacts"),
    ("search_ties", "`Unstable` is heard; by id is one of the orders of `Stable`"),
    ("negation_finds_unset", "the operator searches with no negation but NOT_HAS_PROPERTY"),
    ("history_depth", "fewer than twenty versions are not cut; 2 and 1 are heard"),
    ("resave_adds_history", "leads::faults::whatever_a_portal_is_like"),
    ("partial_writes", "leads::outages::an_e_mail_that_hubspot_refuses, leads::faults"),
    ("retry_after", "a header: hubspot::tests::errors, quota::storms"),
    ("search_refusal", "others' searches are refused, ours wait: quota::storms by each policy"),
    ("refused_search_counts", "the day is long: quota::day"),
    ("retried_events", "simulation::webhooks"),
    ("webhook_settings", "an app's settings, which nobody changes here: sim::hubspot::tests::webhooks"),
    ("daily_usage", "asked only where headers are silent: quota::day"),
    ("wrong_region", "this portal is where it is called: flows::regions"),
    ("association_ids_are_numbers", "leads::faults::whatever_a_portal_is_like"),
    ("unknown_route", "the operator asks for none"),
    ("missing_scopes", "flows::bad_input::a_missing_scope_is_named_if_hubspot_does"),
];

/// What became of a case.
enum Outcome {
    AsTold,
    /// As told, but HubSpot said nothing else than without it.
    Unheard,
    Surprise(String),
}

fn tell(case: &Case) -> story::Told {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(Box::pin(story::tell(case.portal.clone())))
}

fn outcome(case: &Case, usual: u64) -> Outcome {
    let story::Told { wrong, heard } = tell(case);
    let as_told =
        wrong.len() == case.told.len() && wrong.iter().zip(case.told).all(|(line, told)| line.starts_with(told));
    match as_told {
        true if heard == usual => Outcome::Unheard,
        true => Outcome::AsTold,
        false => Outcome::Surprise(format!("{}: {wrong:#?}\ninstead of {:#?}", case.what, case.told)),
    }
}

/// Every case with what became of it; those that are not alike run side by side.
fn outcomes(cases: &[Case]) -> Vec<(&Case, Outcome)> {
    let usual = tell(&cases[0]);
    assert!(usual.wrong.is_empty(), "as usual: {:#?}", usual.wrong);
    let next = AtomicUsize::new(1);
    let work = || {
        let mine = std::iter::from_fn(|| cases.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|case| (case, outcome(case, usual.heard))).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker that failed has said why")).collect()
    })
}

#[test]
fn under_every_setting_of_every_switch_the_story_ends_well_or_says_what_to_do() {
    let cases: Vec<Case> = cases().into_iter().chain(more_cases()).collect();
    let (mut surprises, mut unheard) = (Vec::new(), Vec::new());
    for (case, outcome) in outcomes(&cases) {
        match outcome {
            Outcome::AsTold => {}
            Outcome::Unheard => unheard.push(case.what.split(' ').next().unwrap_or_default()),
            Outcome::Surprise(surprise) => surprises.push(surprise),
        }
    }
    assert!(surprises.is_empty(), "of {} cases\n{}", cases.len(), surprises.join("\n"));
    let lost: Vec<&&str> =
        unheard.iter().filter(|what| ELSEWHERE.iter().all(|(elsewhere, _)| elsewhere != *what)).collect();
    assert!(lost.is_empty(), "HubSpot said the same as without them; where are they tested? {lost:?}");
    let idle: Vec<&str> = ELSEWHERE.iter().map(|(what, _)| *what).filter(|what| !unheard.contains(what)).collect();
    assert!(idle.is_empty(), "the story comes across them all: {idle:?}");
}
