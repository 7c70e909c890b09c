//! What a contact shows after its events, however they come in: R5, R7.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::domain::{ContactId, OwnerId};

const LEAD: &str = "lead-1";
const OTHER: &str = "lead-2";

fn mark(phase: Phase, seq: u64) -> Mark {
    Mark {
        contact: ContactId("201".to_owned()),
        lead: Some(LeadId(LEAD.to_owned())),
        assistant: OwnerId("71".to_owned()),
        previous: None,
        assigned_at: Timestamp::UNIX_EPOCH,
        phase,
        seq,
    }
}

fn news(lead: &str, seq: u64, state: &str) -> News {
    News {
        lead: LeadId(lead.to_owned()),
        seq,
        state: Some(state.to_owned()).filter(|state| !state.is_empty()),
        done: false,
    }
}

fn says(seq: u64, state: &str) -> News {
    news(LEAD, seq, state)
}

fn done(news: News) -> News {
    News { done: true, ..news }
}

fn shows(state: &str, seq: u64) -> Followed {
    Followed { state: Some(state.to_owned()), seq: Some(seq), ..Followed::default() }
}

fn orphans(leads: &[&str]) -> Followed {
    Followed { orphans: leads.iter().map(|lead| LeadId((*lead).to_owned())).collect(), ..Followed::default() }
}

#[test]
fn the_newest_state_is_shown() {
    let unknown =
        |state: &str, seq| Followed { unknown: vec![state.to_owned()], seq: Some(seq), ..Followed::default() };
    let table = [
        ("nothing happened", 3, vec![], Followed::default()),
        ("one", 0, vec![says(1, "Cold")], shows("Cold", 1)),
        ("in order", 0, vec![says(1, "Cold"), says(2, "Warm")], shows("Warm", 2)),
        ("in the wrong order", 0, vec![says(2, "Warm"), says(1, "Cold")], shows("Warm", 2)),
        ("with gaps", 3, vec![says(40, "Hot"), says(9, "Cold")], shows("Hot", 40)),
        ("twice", 0, vec![says(1, "Cold"), says(1, "Cold")], shows("Cold", 1)),
        ("shown already", 2, vec![says(1, "Cold"), says(2, "Warm")], Followed::default()),
        ("some shown already", 2, vec![says(3, "Hot"), says(1, "Cold"), says(2, "Warm")], shows("Hot", 3)),
        ("says no state", 2, vec![says(3, "")], Followed { seq: Some(3), ..Followed::default() }),
        ("an e-mail after it", 0, vec![says(1, "Cold"), says(2, "")], shows("Cold", 2)),
        ("unknown", 0, vec![says(1, "Lukewarm")], unknown("Lukewarm", 1)),
        (
            "unknown, after one we know",
            0,
            vec![says(2, "Lukewarm"), says(1, "Cold")],
            Followed { state: Some("Cold".to_owned()), ..unknown("Lukewarm", 2) },
        ),
        (
            "unknown, before one we know",
            0,
            vec![says(1, "Lukewarm"), says(2, "Cold")],
            Followed { state: Some("Cold".to_owned()), ..unknown("Lukewarm", 2) },
        ),
        ("unknown, seen already", 1, vec![says(1, "Lukewarm")], Followed::default()),
        ("in no place", 0, vec![says(0, "Cold")], Followed::default()),
    ];
    for (what, seq, news, expected) in table {
        assert_eq!(follow(Some(&mark(Phase::Working, seq)), &news), expected, "{what}");
    }
}

#[test]
fn a_finished_lead_goes_back() {
    let working = mark(Phase::Working, 2);
    let back = |followed| Followed { done: true, ..followed };
    let table = [
        ("with its last state", vec![done(says(3, "Processed"))], back(shows("Processed", 3))),
        ("with an e-mail", vec![done(says(3, ""))], back(Followed { seq: Some(3), ..Followed::default() })),
        ("something after it", vec![says(4, "Responded"), done(says(3, "Hot"))], back(shows("Responded", 4))),
        (
            "with a state nobody knows",
            vec![done(says(3, "Gone"))],
            back(Followed { unknown: vec!["Gone".to_owned()], seq: Some(3), ..Followed::default() }),
        ),
        ("known before", vec![done(says(2, "Processed"))], Followed::default()),
    ];
    for (what, news, expected) in table {
        assert_eq!(follow(Some(&working), &news), expected, "{what}");
    }
}

#[test]
fn what_is_not_in_work_shows_nothing_more() {
    let news = [says(9, "Hot"), done(says(10, "Processed"))];
    for phase in [Phase::Done, Phase::Refused] {
        assert_eq!(follow(Some(&mark(phase, 2)), &news), Followed::default(), "{phase:?}");
    }
}

#[test]
fn leads_nobody_waits_for_are_orphans() {
    let working = mark(Phase::Working, 0);
    let nameless = Mark { lead: None, ..mark(Phase::Refused, 0) };
    let table = [
        ("no mark", None, vec![says(1, "Cold")], orphans(&[LEAD])),
        ("a mark without a lead", Some(&nameless), vec![says(1, "Cold")], orphans(&[LEAD])),
        ("each once", None, vec![news(OTHER, 1, ""), says(2, ""), says(1, "Cold")], orphans(&[LEAD, OTHER])),
        ("done by itself", None, vec![done(says(1, "Processed"))], orphans(&[])),
        ("done by itself, in the end", None, vec![done(says(2, "Processed")), says(1, "Cold")], orphans(&[])),
        ("done, and something came after it", None, vec![says(3, ""), done(says(2, "Processed"))], orphans(&[])),
        ("an old one comes back", Some(&working), vec![news(OTHER, 9, "Hot")], orphans(&[OTHER])),
        (
            "beside the right one",
            Some(&working),
            vec![news(OTHER, 9, "Hot"), says(1, "Cold")],
            Followed { orphans: orphans(&[OTHER]).orphans, ..shows("Cold", 1) },
        ),
    ];
    for (what, mark, news, expected) in table {
        assert_eq!(follow(mark, &news), expected, "{what}");
    }
}

fn any_news() -> impl Strategy<Value = Vec<News>> {
    let state = prop::sample::select(vec!["", "Cold", "Warm", "Hot", "Processed", "Lukewarm", "Frozen"]);
    let lead = prop::sample::select(vec![LEAD, LEAD, LEAD, OTHER, "lead-3"]);
    let event = (lead, 1_u64..12, state, prop::bool::weighted(0.1));
    prop::collection::vec(event, 0..10).prop_map(|events| {
        let event = |(lead, seq, state, done): (&str, u64, &str, bool)| News { done, ..news(lead, seq, state) };
        // One event has one place, and one content.
        let all: BTreeMap<(LeadId, u64), News> =
            events.into_iter().map(event).map(|news| ((news.lead.clone(), news.seq), news)).collect();
        all.into_values().collect()
    })
}

fn any_mark() -> impl Strategy<Value = Option<Mark>> {
    let phase = prop::sample::select(vec![Phase::Working, Phase::Working, Phase::Working, Phase::Done, Phase::Refused]);
    prop::option::weighted(0.9, (phase, 0_u64..12).prop_map(|(phase, seq)| mark(phase, seq)))
}

prop_compose! {
    /// The same events in another order, some of them more than once.
    fn delivered_twice()(news in any_news())(
        shuffled in {
            let twice: Vec<News> = news.iter().chain(&news).cloned().collect();
            let length = twice.len();
            (Just(twice).prop_shuffle(), 0..=length)
        },
        news in Just(news),
    ) -> (Vec<News>, Vec<News>) {
        let (all, extra) = shuffled;
        // All of them once, and so many more.
        let mut delivered: Vec<News> = Vec::new();
        let mut repeats = 0;
        for event in all {
            if !delivered.contains(&event) {
                delivered.push(event);
            } else if repeats < extra {
                repeats += 1;
                delivered.push(event);
            }
        }
        (news, delivered)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn order_and_repeats_mean_nothing((news, delivered) in delivered_twice(), mark in any_mark()) {
        prop_assert_eq!(follow(mark.as_ref(), &delivered), follow(mark.as_ref(), &news));
    }

    /// However the feed is cut into visits, the contact shows the same in the end.
    #[test]
    fn in_parts_or_at_once_the_contact_shows_the_same(
        news in any_news(), cuts in prop::collection::btree_set(0_usize..10, 0..4), seq in 0_u64..6,
    ) {
        // First deliveries of a lead's events are in order.
        let mut mark = mark(Phase::Working, seq);
        let at_once = follow(Some(&mark), &news);
        let (mut state, mut last, mut done) = (None, None, false);
        let mut rest: &[News] = &news;
        for cut in cuts.into_iter().chain([10]).scan(0, |from, to| Some(to - std::mem::replace(from, to))) {
            let (part, later) = rest.split_at(cut.min(rest.len()));
            rest = later;
            let followed = follow(Some(&mark), part);
            state = followed.state.or(state);
            done |= followed.done;
            last = followed.seq.or(last);
            mark.seq = followed.seq.unwrap_or(mark.seq);
        }
        prop_assert_eq!((state, last, done), (at_once.state, at_once.seq, at_once.done));
    }
}
