//! A client around a scripted transport. For the tests of this room only.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{Connection, LeadContact, NewLead, Tec, TecToken};
pub(super) use crate::runtime::testing::{Reply, Script, reply};
use crate::{
    domain::{ContactId, Email},
    runtime::transport::Transport,
};

pub(super) const TOKEN: &str = "CANARY_TOKEN_5F0E";

/// A client on a script.
pub(super) struct Bench {
    pub tec: Tec,
    pub script: Arc<Script>,
}

pub(super) fn bench(replies: impl IntoIterator<Item = Reply>) -> Bench {
    bench_at("https://tec.example.com", replies)
}

pub(super) fn bench_at(base: &str, replies: impl IntoIterator<Item = Reply>) -> Bench {
    let script = Script::new(replies, Duration::ZERO);
    let transport = Arc::clone(&script) as Arc<dyn Transport>;
    let (base, token) = (Url::parse(base).unwrap(), TecToken::new(TOKEN).unwrap());
    Bench { tec: Tec::new(Connection { transport, base, token }), script }
}

/// A lead of contact 201, with a key.
pub(super) fn lead(key: &str) -> NewLead {
    NewLead {
        idempotency_key: key.to_owned(),
        assistant_email: Email::new("canary.assistant@example.com").unwrap(),
        contact: LeadContact {
            crm_id: ContactId("201".to_owned()),
            email: "canary.person@example.com".to_owned(),
            first_name: Some("canary".to_owned()),
            last_name: None,
            company: None,
            phone: None,
        },
        context: Some("canary context".to_owned()),
        schedule: None,
    }
}
