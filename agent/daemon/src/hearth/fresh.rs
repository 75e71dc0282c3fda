use std::sync::PoisonError;
use std::time::Duration;

use hearth_model::{Chain, Digest, StoreId};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::catalog::Store;
use crate::catalog::kept::Record;
use crate::hearth::Hearth;

/// How long a store may go without being asked.
const REFRESH_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How much later than that at most, so that boxes do not all ask at once.
const JITTER: SignedDuration = SignedDuration::from_hours(3);
/// How long after a refresh that failed the next one is tried.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Longest sleep: a box that was suspended, or whose clock was set, is not late by more.
const LOOK_EVERY: Duration = Duration::from_secs(15 * 60);

/// Refreshes each of the owner's stores daily, and those that were never fetched at once, until the token is cancelled.
pub(super) async fn keep_fresh(hearth: Hearth, shutdown: CancellationToken) {
    loop {
        let due = hearth.due_stores(Timestamp::now());
        let work = async {
            for id in due {
                match hearth.refresh_store(&id).await {
                    Ok(store) => tracing::info!(store = %id, "the store has {} packages", store.packages),
                    Err(error) => {
                        tracing::warn!(store = %id, "the store keeps what it has: {}", Chain(&error));
                    }
                }
            }
            tokio::select! {
                () = hearth.stores_changed.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        };
        // Dropping the work gives a fetch up, and the next start takes it up again.
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = work => {}
        }
    }
}

impl Hearth {
    fn due_stores(&self, now: Timestamp) -> Vec<StoreId> {
        let seed = self.seeds.read().unwrap_or_else(PoisonError::into_inner).of_box().to_owned();
        let due = |store: &Store| !store.built_in && due_at(&store.record, &store.id, &seed) <= now;
        self.catalog.stores().into_iter().filter(|store| due(store)).map(|store| store.id.clone()).collect()
    }
}

/// Returns when a store is to be refreshed next: the same for one box and store, spread over [`JITTER`] among boxes.
fn due_at(record: &Record, id: &StoreId, seed: &str) -> Timestamp {
    let Some(tried_at) = record.tried_at else { return Timestamp::UNIX_EPOCH };
    let wait = if record.problem.is_some() { AGAIN_AFTER } else { REFRESH_EVERY };
    let hash = Digest::of(format!("{seed} {id}").as_bytes());
    let share = u32::from_str_radix(&hash.short()[..4], 16).unwrap_or(0);
    let jitter = JITTER * i32::try_from(share).unwrap_or(0) / 0x1_0000;
    // A time that cannot be written is one that never comes.
    tried_at.checked_add(wait).and_then(|at| at.checked_add(jitter)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use hearth_model::api::store::StoreProblem;

    use super::*;

    fn id(name: &str) -> StoreId {
        name.parse().expect("an id")
    }

    #[test]
    fn a_store_is_due_a_day_later_and_boxes_are_spread() {
        let tried: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let record = Record { tried_at: Some(tried), refreshed_at: Some(tried), ..Record::default() };
        let waits: Vec<SignedDuration> = (0..50)
            .map(|seed| due_at(&record, &id("mine"), &seed.to_string()).duration_since(tried))
            .collect();
        assert!(waits.iter().all(|wait| (REFRESH_EVERY..REFRESH_EVERY + JITTER).contains(wait)));
        assert!(
            waits.iter().max().zip(waits.iter().min()).is_some_and(|(max, min)| *max - *min > JITTER / 2)
        );
        assert_eq!(due_at(&record, &id("mine"), "x"), due_at(&record, &id("mine"), "x"));
    }

    #[test]
    fn what_failed_is_tried_sooner_and_what_is_new_at_once() {
        let tried: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let problem = StoreProblem { at: tried, message: "gone".to_owned() };
        let failed = Record { tried_at: Some(tried), problem: Some(problem), ..Record::default() };
        let wait = due_at(&failed, &id("mine"), "x").duration_since(tried);
        assert!((AGAIN_AFTER..AGAIN_AFTER + JITTER).contains(&wait), "{wait:?}");
        assert_eq!(due_at(&Record::default(), &id("mine"), "x"), Timestamp::UNIX_EPOCH);
    }
}
