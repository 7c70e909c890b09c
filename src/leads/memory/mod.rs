//! What an engine remembers between two steps: whom to visit, which events are under way, what is known of contacts. All of it
//! can be lost: then it looks again (DESIGN 6.2).

mod feed;
mod known;
mod pending;

#[cfg(test)]
mod testing;

pub(super) use self::{
    feed::Feed,
    known::{Known, Settled},
    pending::{Pending, Visit},
};
