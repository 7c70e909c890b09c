//! Between an engine and the rest: letters to it, and the board it writes its report on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::setup::{Report, Setup};
use crate::{
    domain::{ContactId, OwnerId},
    runtime::lock,
};

/// With so many contacts waiting no more are taken from deliveries: searches will show them again.
pub(super) const PENDING_LIMIT: usize = 100_000;

/// The engine's letter box: written by anybody, emptied by the engine.
#[derive(Debug, Default)]
pub struct Inbox {
    letters: Mutex<Letters>,
    /// Rung for every letter.
    pub(super) bell: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Letters {
    pub setup: Option<Setup>,
    /// With the owner each is said to have now, where that is said.
    pub contacts: BTreeMap<ContactId, Option<OwnerId>>,
}

/// How the engine is doing, for anybody to read.
#[derive(Debug, Default)]
pub struct Board(Mutex<Report>);

/// What is new on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// How leads are doing: whoever shows it wants to know.
    Standing,
    /// Only where to go on after a restart.
    Place,
}

/// Told when the board says something new.
pub type OnNews = Arc<dyn Fn(News) + Send + Sync>;

impl Inbox {
    /// Empties it.
    pub(super) fn take(&self) -> Letters {
        std::mem::take(&mut *lock(&self.letters))
    }

    /// New rules, or other ways out.
    pub fn set(&self, setup: Setup) {
        lock(&self.letters).setup = Some(setup);
        self.bell.notify_one();
    }

    /// These contacts may have changed. The owner one is said to have now only decides whether it is looked at now, or by the
    /// next thorough look.
    pub fn ring(&self, contacts: BTreeMap<ContactId, Option<OwnerId>>) {
        let mut letters = lock(&self.letters);
        if letters.contacts.len() < PENDING_LIMIT {
            letters.contacts.extend(contacts);
        }
        drop(letters);
        self.bell.notify_one();
    }
}

impl Board {
    /// How the engine is doing.
    pub fn read(&self) -> Report {
        lock(&self.0).clone()
    }

    /// Writes a report. Whether somebody may wait for what it says.
    pub(super) fn write(&self, report: Report) -> bool {
        let mut board = lock(&self.0);
        let news = board.is_news(&report);
        *board = report;
        news
    }
}
