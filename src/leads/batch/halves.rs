//! One bad record among a hundred.

use futures::future::BoxFuture;

use crate::hubspot::{self, ErrorKind, HubSpot, ItemOutcome, ItemRefusal};

/// Writes all at once; where HubSpot refuses all for the sake of one, in halves, until only that one is refused: whether it
/// always tells item by item is not known (API.md §14.9). Such a refusal wrote nothing. Any other failure ends it, and what
/// was not answered is unclear.
pub(super) async fn in_halves<T>(
    hubspot: &HubSpot,
    items: &[T],
    write: impl for<'a> Fn(&'a HubSpot, &'a [T]) -> BoxFuture<'a, Result<Vec<ItemOutcome>, hubspot::Error>>,
) -> (Vec<ItemOutcome>, Option<hubspot::Error>) {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut rest = vec![items];
    while let Some(part) = rest.pop() {
        match write(hubspot, part).await {
            Ok(mut answered) => outcomes.append(&mut answered),
            Err(hubspot::Error { kind: ErrorKind::Rejected(_) | ErrorKind::NotFound, .. }) if part.len() > 1 => {
                rest.extend(halves(part));
            }
            Err(hubspot::Error { kind: ErrorKind::Rejected(rejection), .. }) => {
                outcomes.push(ItemOutcome::Refused(ItemRefusal::from(&*rejection)));
            }
            Err(hubspot::Error { kind: ErrorKind::NotFound, .. }) => outcomes.push(ItemOutcome::Missing),
            Err(error) => {
                outcomes.resize(items.len(), ItemOutcome::Unclear);
                return (outcomes, Some(error));
            }
        }
    }
    (outcomes, None)
}

/// Two halves for a stack: the second first, because what is pushed last is taken first.
pub(super) fn halves<T>(part: &[T]) -> [&[T]; 2] {
    let (first, second) = part.split_at(part.len() / 2);
    [second, first]
}
