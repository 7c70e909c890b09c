//! A list and those who wait for it.

use super::*;

#[tokio::test(start_paused = true)]
async fn whoever_reads_a_list_hurries_while_a_person_waits_for_it() {
    let cell = Cell::<u32>::unread();
    let now = Some(Instant::now());
    let (first, second, edit) = (Urgency::from(Lane::Resync), Urgency::from(Lane::Resync), Urgency::from(Lane::Edit));
    // Each read takes a second; the second in line wants a younger one than the first began.
    let slow = || async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Ok(7)
    };
    let later = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        cell.read((true, Some(Instant::now()), &second), slow).await
    };
    let person = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!((first.lane(), second.lane()), (Lane::Resync, Lane::Resync));
        let waiting = cell.read((false, None, &edit), slow);
        let seen = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert_eq!((first.lane(), second.lane()), (Lane::Edit, Lane::Resync));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!(second.lane(), Lane::Edit, "it is next, and the person waits behind it");
        };
        futures::join!(waiting, seen).0
    };
    let (a, b, c) = futures::join!(cell.read((true, now, &first), slow), later, person);
    assert!([a, b, c].iter().all(|section| section.fresh().is_ok_and(|value| *value == 7)));
    assert_eq!(lock(&cell.crowd).edits, 0);
    // Afterwards nobody is in a hurry.
    let third = Urgency::from(Lane::Resync);
    cell.read((true, Some(Instant::now()), &third), slow).await;
    assert_eq!(third.lane(), Lane::Resync);
}
