//! Exchanges watched against a contract. Nothing is changed on the way; what is not as written is collected, for the test to
//! look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use tec_crm::runtime::transport::{HttpRequest, HttpResponse, Transport, TransportError};

use super::{
    allowed::Allowed,
    checker::{Contract, Violation},
};

/// One pair of eyes; clones share what is found.
#[derive(Clone)]
pub struct Watch {
    contract: &'static Contract,
    /// What may differ.
    allowed: &'static [Allowed],
    found: Arc<Mutex<Found>>,
}

/// What was seen.
#[derive(Clone, Default)]
pub struct Found {
    /// In order.
    pub violations: Vec<String>,
    /// How often each operation had each status; 0 where no answer was to be judged.
    pub exchanges: BTreeMap<(String, u16), u64>,
    /// Which of the allowed differences there were.
    pub used: BTreeSet<usize>,
}

impl Watch {
    pub fn new(contract: &'static Contract, allowed: &'static [Allowed]) -> Self {
        Self { contract, allowed, found: Arc::default() }
    }

    /// Looks at a request, and at its answer if there is one to be judged.
    pub fn exchange(&self, request: &Request<Bytes>, answer: Option<&Response<Bytes>>) {
        self.judge(self.contract.request(request));
        match answer {
            Some(answer) => self.answer(request, answer),
            None => self.count(request, 0),
        }
    }

    /// Looks at how a request's path is written.
    pub fn spelling(&self, request: &Request<Bytes>) {
        self.judge(self.contract.other_spelling(request).into_iter().collect());
    }

    /// Looks at an answer alone.
    pub fn answer(&self, request: &Request<Bytes>, answer: &Response<Bytes>) {
        self.judge(self.contract.answer(request, answer));
        self.count(request, answer.status().as_u16());
    }

    fn judge(&self, violations: Vec<Violation>) {
        let mut found = self.found.lock().unwrap();
        for violation in violations {
            match self.allowed.iter().position(|allowed| allowed.covers(&violation)) {
                Some(line) => drop(found.used.insert(line)),
                None => found.violations.push(violation.to_string()),
            }
        }
    }

    fn count(&self, request: &Request<Bytes>, status: u16) {
        if let Some(operation) = self.contract.name(request) {
            *self.found.lock().unwrap().exchanges.entry((operation.to_owned(), status)).or_default() += 1;
        }
    }

    pub fn found(&self) -> Found {
        self.found.lock().unwrap().clone()
    }

    /// Everything that was not as written, in order.
    pub fn violations(&self) -> Vec<String> {
        self.found().violations
    }

    /// Fails the test if anything was not as written.
    pub fn assert_none(&self) {
        let mut violations = self.violations();
        let all = violations.len();
        violations.sort();
        violations.dedup();
        assert!(violations.is_empty(), "the contract is broken {all} times:\n{}", violations.join("\n"));
    }

    /// Fails the test if anything was not as written, or nothing was exchanged at all.
    pub fn assert_kept(&self) {
        self.assert_none();
        assert!(!self.found().exchanges.is_empty(), "nothing was exchanged");
    }

    /// A transport that is watched.
    pub fn over(&self, inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
        Arc::new(Watched { watch: self.clone(), inner })
    }
}

struct Watched {
    watch: Watch,
    inner: Arc<dyn Transport>,
}

impl Transport for Watched {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let (watch, sent) = (self.watch.clone(), self.inner.send(request.clone()));
        Box::pin(async move {
            let answer = sent.await;
            watch.exchange(&request, answer.as_ref().ok());
            answer
        })
    }
}
