//! Where engines go on after a restart: read from a connection's status and written to it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::{CrmConnection, assistant::moment, crm_connection::LeadsBookmark},
    controllers::{
        context::Context,
        status::{self, Interrupted, Loaded},
    },
    desired::references::ObjectRef,
    leads::{Bookmark, Report},
    runtime::lock,
    tec::Cursor,
};

/// Places of engines are remembered at most this often, and at the end (DESIGN 6.2).
pub(super) const SAVE_PAUSE: Duration = Duration::from_secs(30);

/// If nothing but time passes, they are remembered this often.
const LOOKS_SAVED: Duration = Duration::from_hours(1);

/// How long an engine may take to finish its step.
const FAREWELL: Duration = Duration::from_secs(20);

pub(super) fn bookmark(ctx: &Context, connection: &ObjectRef) -> Bookmark {
    let Loaded::Object(object) = status::load::<CrmConnection>(ctx, connection) else { return Bookmark::default() };
    let saved = object.status.and_then(|status| status.leads).unwrap_or_default();
    Bookmark { cursor: saved.cursor.map(Cursor::new), looked_until: saved.looked_until.map(|time| time.0) }
}

/// What is to be remembered in the connection's status: what is there, unless it is time for something newer.
pub(in crate::controllers) fn remembered(
    ctx: &Context,
    connection: &ObjectRef,
    (old, report): (Option<&LeadsBookmark>, &Report),
) -> Option<LeadsBookmark> {
    let old_looked = old.and_then(|old| old.looked_until.as_ref()).map(|time| time.0);
    let stale = |new: Timestamp| {
        old_looked.is_none_or(|old| Duration::try_from(new.duration_since(old)).is_ok_and(|age| age >= LOOKS_SAVED))
    };
    let cursor = report.bookmark.cursor.as_ref().map(|cursor| cursor.as_str().to_owned());
    let moved = cursor.is_some() && cursor.as_ref() != old.and_then(|old| old.cursor.as_ref());
    let worth_it = moved || report.bookmark.looked_until.is_some_and(stale);
    if worth_it && ctx.leads.may_save(connection) { Some(place(report, old)) } else { old.cloned() }
}

fn place(report: &Report, old: Option<&LeadsBookmark>) -> LeadsBookmark {
    let Bookmark { cursor, looked_until } = &report.bookmark;
    LeadsBookmark {
        cursor: cursor.as_ref().map(|cursor| cursor.as_str().to_owned()).or_else(|| old?.cursor.clone()),
        looked_until: looked_until.map(moment).or_else(|| old?.looked_until.clone()),
    }
}

/// Ends all engines in order, and remembers where they were.
pub(in crate::controllers) async fn close(ctx: &Context) {
    let all = std::mem::take(&mut *lock(&ctx.leads.engines));
    for running in all.values() {
        running.stop.cancel();
    }
    for (connection, running) in all {
        if tokio::time::timeout(FAREWELL, running.task).await.is_err() {
            tracing::warn!(%connection, "its leads are in the middle of something, which is redone at the next start");
        }
        if let Err(error) = save(ctx, &connection, &running.board.read()).await {
            tracing::warn!(%connection, %error, "how far leads were is not remembered; more is looked at again at the next start");
        }
    }
}

async fn save(ctx: &Context, connection: &ObjectRef, report: &Report) -> Result<(), Interrupted> {
    let Loaded::Object(object) = status::load::<CrmConnection>(ctx, connection) else { return Ok(()) };
    let Some(old) = &object.status else { return Ok(()) };
    let mut new = old.clone();
    new.leads = Some(place(report, old.leads.as_ref()));
    status::write(ctx, &object, Some(old), &new).await
}
