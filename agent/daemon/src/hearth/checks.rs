use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hearth_model::StoreId;
use hearth_model::desired::Actor;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Questions about an install that are answered at the same time. Each walks over all processes, asks the engine and may
/// run scripts of a package, and a form asks one as its owner types.
const AT_ONCE: usize = 2;

/// Gives each question about an install its turn. Of those that wait, only the last that somebody asked about a package is
/// answered: the others are about answers that were typed over meanwhile. So as many wait as people ask about packages.
#[derive(Debug)]
pub(crate) struct Checks {
    turns: Semaphore,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    count: u64,
    /// The last of each question that waits, with its number.
    last: BTreeMap<Question, (u64, CancellationToken)>,
}

/// Who asks about which package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    pub(super) by: Actor,
    pub(super) store: StoreId,
    pub(super) package: String,
}

impl Default for Checks {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), waiting: Mutex::default() }
    }
}

/// A place among those that wait, given up when it goes.
struct Place<'a> {
    checks: &'a Checks,
    question: Question,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.checks.lock();
        // A later question of the same person has the place by now.
        if waiting.last.get(&self.question).is_some_and(|(number, _)| *number == self.number) {
            waiting.last.remove(&self.question);
        }
    }
}

impl Checks {
    /// Waits for a turn, which lasts as long as what is returned. Dropping the future gives the place up.
    ///
    /// # Errors
    /// When the same person has asked about the same package again meanwhile.
    pub(super) async fn turn(&self, question: Question) -> Result<SemaphorePermit<'_>> {
        let typed_over = CancellationToken::new();
        let place = self.take_place(question, typed_over.clone());
        tokio::select! {
            biased;
            () = typed_over.cancelled() => Err(Error::Conflict(
                "you have asked about this package again meanwhile; the answer to that counts".to_owned(),
            )),
            turn = self.turns.acquire() => {
                drop(place);
                turn.map_err(|_| Error::Internal("questions about installs are no longer answered".to_owned()))
            }
        }
    }

    fn take_place(&self, question: Question, typed_over: CancellationToken) -> Place<'_> {
        let mut waiting = self.lock();
        waiting.count += 1;
        let number = waiting.count;
        if let Some((_, earlier)) = waiting.last.insert(question.clone(), (number, typed_over)) {
            earlier.cancel();
        }
        Place { checks: self, question, number }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn about(package: &str) -> Question {
        let store = "hearth".parse().expect("valid");
        Question { by: Actor::User("ada".to_owned()), store, package: package.to_owned() }
    }

    #[tokio::test]
    async fn few_questions_are_answered_at_once_and_of_those_that_wait_the_last() {
        let checks = Checks::default();
        let first = checks.turn(about("wiki")).await.expect("a turn");
        let second = checks.turn(about("wiki")).await.expect("what is answered is not typed over");
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(checks.turn(about("wiki")))).collect();
        waits.iter_mut().for_each(|waits| assert!(waits.as_mut().now_or_never().is_none()));
        let mut other = Box::pin(checks.turn(about("notes")));
        assert!(other.as_mut().now_or_never().is_none());
        let last = waits.pop().expect("the last");
        for earlier in waits {
            assert!(matches!(earlier.await, Err(Error::Conflict(_))));
        }
        drop((first, second));
        assert!(last.await.is_ok() && other.await.is_ok());
        assert!(checks.lock().last.is_empty(), "a place was left");
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_no_place_behind() {
        let checks = Checks::default();
        let turns = (checks.turn(about("a")).await, checks.turn(about("b")).await);
        let mut gone = Box::pin(checks.turn(about("wiki")));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(gone);
        assert!(checks.lock().last.is_empty());
        drop(turns);
        assert!(checks.turn(about("wiki")).await.is_ok());
    }
}
