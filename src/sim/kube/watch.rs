//! History and open watches: every change in order, who follows it, and what has been forgotten.
//!
//! Touches tokio's clock (bookmarks, `timeoutSeconds`) and nothing else. Never changes an object.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};

use super::{KubeSim, refusal::Refusal, resource::Resource, selectors::Selector};

/// How many changes are remembered before the oldest are compacted by themselves.
pub(super) const HISTORY_CHANGES: usize = 10_000;
/// How often a quiet watch hears a bookmark, as the real server does.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);
/// How long before its end a watch hears a last bookmark.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// `timeoutSeconds` when the client names none (the real server draws 30 to 60 minutes).
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

impl ChangeKind {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One entry of history.
pub(super) struct Change {
    pub(super) version: u64,
    /// Qualified plural.
    pub(super) resource: String,
    pub(super) kind: ChangeKind,
    pub(super) object: Arc<Value>,
    pub(super) previous: Option<Arc<Value>>,
}

/// Whole objects or only their metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    Metadata,
}

impl Shape {
    pub(super) fn of(self, object: &Value) -> Value {
        match self {
            Self::Whole => object.clone(),
            Self::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }),
        }
    }
}

/// What a list or watch covers.
pub(super) struct Filter {
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
    pub(super) shape: Shape,
}

impl Filter {
    pub(super) fn covers(&self, object: &Value) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| object["metadata"]["namespace"] == namespace)
            && self.selector.matches(object)
    }

    /// The change as this watch sees it: an object that stops matching is deleted for it, one that starts is added.
    fn line(&self, change: &Change) -> Option<Bytes> {
        if change.resource != self.resource.qualified() {
            return None;
        }
        let before = change.previous.as_ref().is_some_and(|object| self.covers(object));
        let after = change.kind != ChangeKind::Deleted && self.covers(&change.object);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => ChangeKind::Added,
            (true, true) => ChangeKind::Modified,
            (true, false) => ChangeKind::Deleted,
        };
        let mut object = self.shape.of(&change.object);
        if kind == ChangeKind::Deleted && change.kind != ChangeKind::Deleted {
            if let Some(previous) = &change.previous {
                object = self.shape.of(previous);
            }
            object["metadata"]["resourceVersion"] = json!(change.version.to_string());
        }
        Some(line(kind.word(), &object))
    }

    fn bookmark(&self, version: u64, ends_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": metadata,
        });
        line("BOOKMARK", &self.shape.of(&object))
    }
}

/// Where a watch starts.
pub(super) enum Start {
    /// With everything that exists; `announced` ends that part with a bookmark (`sendInitialEvents=true`).
    Now { announced: bool },
    /// After this version.
    After(u64),
}

struct Feed {
    id: u64,
    filter: Filter,
    lines: UnboundedSender<Bytes>,
}

/// Every change since the last compaction, and the watches that follow.
#[derive(Default)]
pub(super) struct History {
    changes: VecDeque<Change>,
    compacted: u64,
    feeds: Vec<Feed>,
    opened: u64,
}

impl History {
    pub(super) fn record(&mut self, change: Change) {
        self.feeds.retain(|feed| match feed.filter.line(&change) {
            Some(line) => feed.lines.send(line).is_ok(),
            None => !feed.lines.is_closed(),
        });
        self.changes.push_back(change);
        if self.changes.len() > HISTORY_CHANGES
            && let Some(oldest) = self.changes.pop_front()
        {
            self.compacted = oldest.version;
        }
    }

    /// Ends every watch without a word.
    pub(super) fn cut(&mut self) {
        self.feeds.clear();
    }

    /// Forgets all changes before `version`; open watches end with 410.
    pub(super) fn compact(&mut self, version: u64) {
        self.compacted = version;
        self.changes.clear();
        let gone = line("ERROR", &Refusal::expired(version.saturating_sub(1), version).status());
        for feed in self.feeds.drain(..) {
            // A closed channel is a watch that has already ended.
            let _ = feed.lines.send(gone.clone());
        }
    }

    pub(super) fn open_watches(&self) -> usize {
        self.feeds.iter().filter(|feed| !feed.lines.is_closed()).count()
    }

    pub(super) fn bookmark(&self, id: u64, version: u64) {
        if let Some(feed) = self.feeds.iter().find(|feed| feed.id == id) {
            let _ = feed.lines.send(feed.filter.bookmark(version, false));
        }
    }

    /// Opens a watch. `present` is what exists now, in order.
    pub(super) fn open(&mut self, filter: Filter, start: &Start, present: &[Arc<Value>], now: u64) -> Opened {
        let (lines, received) = unbounded_channel();
        self.opened += 1;
        let opened = Opened { id: self.opened, lines: received };
        let backlog: Vec<Bytes> = match start {
            Start::Now { announced } => {
                let added = present.iter().filter(|object| filter.covers(object));
                let added = added.map(|object| line(ChangeKind::Added.word(), &filter.shape.of(object)));
                added.chain(announced.then(|| filter.bookmark(now, true))).collect()
            }
            Start::After(version) if *version < self.compacted => {
                // The channel closes after this line: the feed is not kept.
                let _ = lines.send(line("ERROR", &Refusal::expired(*version, self.compacted).status()));
                return opened;
            }
            Start::After(version) => {
                let newer = self.changes.iter().filter(|change| change.version > *version);
                newer.filter_map(|change| filter.line(change)).collect()
            }
        };
        for line in backlog {
            let _ = lines.send(line);
        }
        self.feeds.push(Feed { id: opened.id, filter, lines });
        opened
    }
}

/// The receiving end of a watch.
pub(super) struct Opened {
    id: u64,
    lines: UnboundedReceiver<Bytes>,
}

/// How long a watch lasts and whether it wants bookmarks.
pub(super) struct Terms {
    pub(super) timeout: Option<Duration>,
    pub(super) bookmarks: bool,
}

struct Session {
    sim: KubeSim,
    watch: Opened,
    ends: Instant,
    next_bookmark: Instant,
    bookmarks: bool,
}

/// The body of a watch response.
pub(super) fn body(
    sim: KubeSim,
    watch: Opened,
    terms: &Terms,
) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
    let ends = Instant::now() + terms.timeout.unwrap_or(DEFAULT_TIMEOUT);
    let next_bookmark = bookmark_after(Instant::now(), ends);
    let session = Session { sim, watch, ends, next_bookmark, bookmarks: terms.bookmarks };
    stream::unfold(session, |mut session| async move {
        loop {
            tokio::select! {
                biased;
                line = session.watch.lines.recv() => return line.map(|line| (Ok(line), session)),
                () = sleep_until(session.ends) => return None,
                () = sleep_until(session.next_bookmark), if session.bookmarks => {
                    // Sent through the watch's own queue: it can never overtake a change.
                    session.sim.send_bookmark(session.watch.id);
                    session.next_bookmark = bookmark_after(session.next_bookmark, session.ends);
                }
            }
        }
    })
}

fn bookmark_after(last: Instant, ends: Instant) -> Instant {
    let before_end = ends - BOOKMARK_BEFORE_END.min(ends.duration_since(last));
    let regular = last + BOOKMARK_EVERY;
    if last < before_end { regular.min(before_end) } else { regular }
}

fn line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({"type": kind, "object": object})))
}
