//! The feed: deliveries in a fixed order, read by position. What was delivered once stays where it is; what was not may
//! still be moved, and what was may come again.

use fastrand::Rng;
use serde_json::Value;

use super::answer::Refusal;

/// How many newer events a second delivery may let pass.
const LONGEST_LAG: usize = 3;

#[derive(Default)]
pub(super) struct Feed {
    deliveries: Vec<Delivery>,
    /// Deliveries before this position were in an answer.
    served: usize,
    /// Second deliveries to come.
    pending: Vec<Again>,
    /// Cursors of earlier generations are expired.
    generation: u32,
}

struct Delivery {
    event: Value,
    /// Place of the lead.
    lead: usize,
    again: bool,
}

struct Again {
    /// Of the first delivery.
    position: usize,
    /// Newer events that go first, if there are any in time.
    lag: usize,
}

impl Feed {
    /// Adds an event, ahead of at most `window` events of other leads that nobody has seen.
    pub(super) fn add(&mut self, lead: usize, event: Value, window: usize, rng: &mut Rng) {
        let end = self.deliveries.len();
        let first = self.served.max(end.saturating_sub(window));
        let own = self.deliveries.iter().rposition(|other| other.lead == lead && !other.again);
        let first = first.max(own.map_or(0, |own| own + 1));
        let position = if first < end { rng.usize(first..=end) } else { end };
        self.deliveries.insert(position, Delivery { event, lead, again: false });
    }

    /// The next events after a cursor, and the cursor after them.
    pub(super) fn read(
        &mut self,
        after: Option<&str>,
        limit: usize,
        duplicates: f64,
        rng: &mut Rng,
    ) -> Result<(String, Vec<Value>), Refusal> {
        let first = self.position(after)?;
        self.deliver_again(first);
        let end = self.deliveries.len().min(first.saturating_add(limit));
        for position in self.served..end {
            if duplicates > 0.0 && !self.deliveries[position].again && rng.f64() < duplicates {
                self.pending.push(Again { position, lag: rng.usize(0..=LONGEST_LAG) });
            }
        }
        self.served = self.served.max(end);
        let events = self.deliveries[first..end].iter().map(|delivery| delivery.event.clone()).collect();
        Ok((format!("evt_{}_{end}", self.generation), events))
    }

    /// Makes every cursor given out so far invalid.
    pub(super) fn expire_cursors(&mut self) {
        self.generation += 1;
    }

    fn position(&self, after: Option<&str>) -> Result<usize, Refusal> {
        let Some(cursor) = after else { return Ok(0) };
        let parts = cursor.strip_prefix("evt_").and_then(|rest| rest.split_once('_'));
        let numbers = parts.and_then(|(generation, place)| Some((generation.parse().ok()?, place.parse().ok()?)));
        let (generation, position): (u32, usize) =
            numbers.ok_or_else(|| Refusal::invalid("after: no cursor of this feed"))?;
        if generation < self.generation {
            return Err(Refusal::cursor_expired());
        }
        if generation > self.generation || position > self.served {
            return Err(Refusal::invalid("after: no cursor of this feed"));
        }
        Ok(position)
    }

    /// Appends the second deliveries that are due for a reader at this position: enough newer events have passed, or there
    /// are none.
    fn deliver_again(&mut self, reader: usize) {
        let nothing_new = reader == self.deliveries.len();
        let due = |again: &Again| again.position < reader && (nothing_new || again.position + again.lag < reader);
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(due);
        self.pending = pending;
        let due: Vec<Again> = due;
        for Again { position, lag: _ } in due {
            let Delivery { event, lead, again: _ } = &self.deliveries[position];
            let delivery = Delivery { event: event.clone(), lead: *lead, again: true };
            self.deliveries.push(delivery);
        }
    }
}
