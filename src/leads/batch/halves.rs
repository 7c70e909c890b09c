//! One bad record among a hundred: it waits alone.

use futures::future::BoxFuture;

use crate::{
    domain::ContactId,
    hubspot::{self, ContactsRead, ErrorKind, HISTORY_LIMIT, HubSpot, ItemOutcome, ItemRefusal},
    leads::cases::OWNER,
};

/// Reads at once what fits into a call; where HubSpot refuses all for the sake of one, in halves. Those that cannot be read at
/// all come last, and why. Any other failure is the error.
pub(super) async fn read_in_halves<'a, T: Clone, R>(
    hubspot: &'a HubSpot,
    items: &'a [T],
    limit: usize,
    read: impl Fn(&'a HubSpot, &'a [T]) -> BoxFuture<'a, Result<R, hubspot::Error>>,
) -> Result<(Vec<R>, Vec<(T, hubspot::Error)>), hubspot::Error> {
    let (mut answers, mut unreadable) = (Vec::new(), Vec::new());
    let mut rest: Vec<&'a [T]> = items.chunks(limit).rev().collect();
    while let Some(part) = rest.pop() {
        match (read(hubspot, part).await, part) {
            (Ok(answer), _) => answers.push(answer),
            (Err(error), _) if !is_refusal(&error) => return Err(error),
            (Err(error), [item]) => unreadable.push((item.clone(), error)),
            (Err(_), part) => rest.extend(halves(part)),
        }
    }
    Ok((answers, unreadable))
}

/// Contacts, with the owners they had.
pub(super) async fn read_contacts<'a>(
    hubspot: &'a HubSpot,
    contacts: &'a [ContactId],
    properties: &'a [&'a str],
) -> Result<(ContactsRead, Vec<(ContactId, hubspot::Error)>), hubspot::Error> {
    let (answers, unreadable) = read_in_halves(hubspot, contacts, HISTORY_LIMIT, |hubspot, ids| {
        Box::pin(hubspot.read_contacts(ids, properties, &[OWNER]))
    })
    .await?;
    let mut read = ContactsRead::default();
    for answer in answers {
        read.append(answer);
    }
    Ok((read, unreadable))
}

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
            Err(error) if is_refusal(&error) && part.len() > 1 => rest.extend(halves(part)),
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

/// The request is wrong, most likely for the sake of one record in it.
pub(super) fn is_refusal(error: &hubspot::Error) -> bool {
    matches!(error.kind, ErrorKind::Rejected(_) | ErrorKind::NotFound)
}

/// Two halves for a stack: the second first, because what is pushed last is taken first.
pub(super) fn halves<T>(part: &[T]) -> [&[T]; 2] {
    let (first, second) = part.split_at(part.len() / 2);
    [second, first]
}
