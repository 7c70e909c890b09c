//! Assistants and schedules: lists read to their end, with a bound on everything.

use std::{collections::BTreeSet, fmt};

use serde::de::DeserializeOwned;

use super::{
    Tec,
    call::Call,
    error::{Operation, Result},
    wire,
};
use crate::domain::Email;

/// Items per page: the most the contract allows.
const PAGE_SIZE: u32 = 200;
/// Pages per list: 20,000 assistants are more than we know how to hold.
const MAX_PAGES: usize = 100;

/// An assistant as TEC knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Assistant {
    /// TEC's id.
    pub id: String,
    /// The address it writes from; its key.
    pub email: Email,
    /// What it is called; may be empty.
    pub name: String,
    /// Whether it can work.
    pub onboarded: bool,
    /// Used where neither contact nor resource gives one.
    pub default_context: Option<String>,
    /// Id of a schedule; used where neither contact nor resource gives one.
    pub default_schedule: Option<String>,
}

/// When an assistant writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// TEC's id; the value of the option.
    pub id: String,
    /// The label of the option.
    pub name: String,
    /// Whether it can be chosen.
    pub active: bool,
}

impl fmt::Debug for Assistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assistant")
            .field("id", &self.id)
            .field("onboarded", &self.onboarded)
            .field("default_schedule", &self.default_schedule)
            .finish_non_exhaustive()
    }
}

impl Tec {
    /// All assistants. One whose e-mail address is none is left out: nothing could refer to it.
    pub async fn assistants(&self) -> Result<Vec<Assistant>> {
        let call = Call::get(Operation::ListAssistants, "/v1/assistants");
        let found = self.pages(call, |page: wire::AssistantPage| (page.assistants, page.next)).await?;
        let all = found.len();
        let kept: Vec<Assistant> = found.into_iter().filter_map(assistant).collect();
        if kept.len() < all {
            tracing::warn!(left_out = all - kept.len(), "TEC lists assistants whose e-mail address is none");
        }
        Ok(kept)
    }

    /// All schedules, inactive ones too.
    pub async fn schedules(&self) -> Result<Vec<Schedule>> {
        let call = Call::get(Operation::ListSchedules, "/v1/schedules");
        let found = self.pages(call, |page: wire::SchedulePage| (page.schedules, page.next)).await?;
        let schedule = |wire::Schedule { id, name, active }| Schedule { id, name, active };
        Ok(found.into_iter().map(schedule).collect())
    }

    /// All pages, in order. A list is whole or an error: half a list would look like removals.
    async fn pages<P: DeserializeOwned, T>(
        &self,
        first: Call,
        open: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>> {
        let first = first.query("limit", PAGE_SIZE.to_string());
        let mut items = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut call = first.clone();
        for _ in 0..MAX_PAGES {
            let (found, next) = open(self.fetch(&call).await?);
            items.extend(found);
            let Some(after) = next.filter(|next| !next.is_empty()) else { return Ok(items) };
            if !cursors.insert(after.clone()) {
                return Err(call.malformed("its pages go round in a circle"));
            }
            call = first.clone().query("after", after);
        }
        Err(call.malformed(format!("it has more than {MAX_PAGES} pages")))
    }
}

fn assistant(found: wire::Assistant) -> Option<Assistant> {
    let wire::Assistant { id, email, name, onboarded, default_context, default_schedule } = found;
    let email = Email::new(&email).ok()?;
    Some(Assistant { id, email, name, onboarded, default_context, default_schedule })
}
