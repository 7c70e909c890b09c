//! What is known of TEC, as it comes and goes.

use futures::future::BoxFuture;

use super::*;
use crate::{
    runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError},
    tec::{Connection, Operation, TecToken},
};

const INTERVAL: Duration = Duration::from_mins(5);

fn email(name: &str) -> Email {
    Email::new(&format!("{name}@example.com")).unwrap()
}

fn error(kind: ErrorKind) -> Failure {
    Failure::of(&Error { operation: Operation::ListAssistants, kind }, "key \"token\" of Secret tec")
}

fn down() -> Failure {
    error(ErrorKind::Unavailable { message: "status 503".to_owned() })
}

fn limited(seconds: u64) -> Failure {
    error(ErrorKind::RateLimited { retry_after: Duration::from_secs(seconds) })
}

type Assistants = BTreeMap<Email, Onboarding>;

fn good() -> Assistants {
    BTreeMap::from([(email("ada"), Onboarding::Finished), (email("bob"), Onboarding::UnderWay)])
}

/// Takes in an attempt at that time; both lists fare alike.
fn take(state: &mut TecState, at: Instant, assistants: Result<Assistants, Failure>) -> Arc<TecDirectory> {
    let schedules = assistants.as_ref().map(|_| Vec::new()).map_err(Clone::clone);
    state.take(Reading { began: at, ended: at, assistants, schedules }, INTERVAL, &Chance::seeded(1))
}

#[test]
fn an_assistant_is_there_not_yet_or_unknown() {
    let mut state = TecState::default();
    let now = Instant::now();
    let unread = take(&mut state, now, Err(down()));
    assert!(unread.assistants.last_known().is_none());
    let trouble = Refusal::new(Reason::TecUnreachable, "TEC is not available: status 503");
    assert_eq!(unread.find(&email("ada")), InTec::Unread(trouble.clone()));
    let fresh = take(&mut state, now, Ok(good()));
    assert_eq!((fresh.trouble(), fresh.find(&email("ada"))), (None, InTec::Created));
    for name in ["bob", "eve"] {
        assert!(matches!(fresh.find(&email(name)), InTec::NotYet(why) if why.reason == Reason::NotCreatedInTec));
    }
    let kept = take(&mut state, now, Err(down()));
    assert_eq!(kept.assistants.last_known().map(BTreeMap::len), Some(2), "kept, and not acted on");
    assert_eq!(kept.find(&email("ada")), InTec::Unread(trouble.clone()));
    assert_eq!(kept.trouble(), Some(&trouble));
    assert!(!format!("{kept:?}").contains("ada"));
}

#[test]
fn the_same_words_are_no_news_unless_somebody_waits_for_them() {
    let mut state = TecState::default();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    for result in [Ok(good()), Err(down())] {
        let first = take(&mut state, at(0), result.clone());
        assert!(Arc::ptr_eq(&first, &take(&mut state, at(10), result.clone())));
        state.demand(at(20));
        let asked = take(&mut state, at(20), result.clone());
        assert!(!Arc::ptr_eq(&first, &asked) && asked.as_of == at(20));
        assert!(Arc::ptr_eq(&asked, &take(&mut state, at(30), result)));
        state = TecState::default();
    }
    let why = Refusal::new(Reason::ReferenceNotFound, "no Secret");
    let cut = state.cut_off(&why, at(40));
    assert!(Arc::ptr_eq(&cut, &state.cut_off(&why, at(50))) && state.due().is_none());
}

#[test]
fn pauses_grow_a_refused_token_waits_an_interval_and_a_demand_waits_for_nobody() {
    let now = Instant::now();
    let pause = |state: &TecState| state.due().unwrap() - now;
    let mut state = TecState::default();
    assert!(state.is_wanted(now));
    take(&mut state, now, Err(down()));
    assert!(pause(&state) <= Duration::from_secs(1));
    for _ in 0..8 {
        take(&mut state, now, Err(down()));
    }
    assert!(pause(&state) > Duration::from_secs(20) && pause(&state) <= INTERVAL);
    for result in [Ok(good()), Err(error(ErrorKind::Unauthorized))] {
        take(&mut state, now, result);
        assert!(pause(&state) >= INTERVAL.mul_f64(0.9) && pause(&state) <= INTERVAL.mul_f64(1.1));
        assert!(!state.is_wanted(now));
        state.demand(now + Duration::from_secs(1));
        assert!(state.is_wanted(now + Duration::from_secs(1)));
        take(&mut state, now + Duration::from_secs(1), Ok(good()));
        assert!(!state.is_wanted(now + Duration::from_secs(1)));
        state = TecState::default();
    }
}

#[test]
fn tec_is_given_the_quiet_it_asks_for() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut state = TecState::default();
    take(&mut state, at(0), Ok(good()));
    let spared = take(&mut state, at(300), Err(limited(60)));
    assert!(spared.trouble().is_none(), "read a short while ago: it stands");
    state.demand(at(301));
    state.refresh_by(at(310));
    assert!(!state.is_wanted(at(359)) && state.is_wanted(at(360)));
    assert!(take(&mut state, at(700), Err(limited(60))).trouble().is_some(), "but not for ever");
    let mut state = TecState::default();
    take(&mut state, at(0), Ok(good()));
    assert!(take(&mut state, at(300), Err(limited(3000))).trouble().is_some(), "nor for longer than an interval");
}

struct Nobody;

impl Transport for Nobody {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        Box::pin(async { Err(TransportError::NotSent("nobody".to_owned())) })
    }
}

#[test]
fn another_token_may_see_another_tec() {
    let mut state = TecState::default();
    let mut made = 0;
    // Each time: is anything known of TEC from before?
    let known = ["one", "one", "two", "one"].map(|text| {
        let token = TecToken::new(text).unwrap();
        let base = Url::parse("https://tec.example.com").unwrap();
        state.client((token.fingerprint(), base.clone()), || {
            made += 1;
            Tec::new(Connection { transport: Arc::new(Nobody), base, token })
        });
        let known = state.known().is_some();
        take(&mut state, Instant::now(), Ok(good()));
        known
    });
    assert_eq!((known, made), ([false, true, false, false], 3));
}
