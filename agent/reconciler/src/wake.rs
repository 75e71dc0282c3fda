use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hearth_model::AppId;
use tokio::sync::Notify;

/// What makes the loop look again, kept until it does.
///
/// A signal that something changed is level-triggered: however often it is given, one look answers it. What the owner asks
/// for by name is kept by name, so none of it is ever lost; there is at most one request of a kind for each app.
#[derive(Debug, Default)]
pub struct Wakeups {
    told: Notify,
    pending: Mutex<Pending>,
}

/// What has come since the loop last took it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Something of ours changed on the engine; more of it may follow at once.
    engine: bool,
    /// Something else changed: what the owner wants, a port that the agent listens on, what a page answers.
    other: bool,
    /// Apps that the owner wants tried now.
    pub(crate) retry: BTreeSet<AppId>,
    /// Apps whose resolution changed behind the desired state: their secrets, say.
    pub(crate) reresolve: BTreeSet<AppId>,
}

impl Wakeups {
    /// Something of ours changed on the engine.
    pub fn engine_changed(&self) {
        self.add(|pending| pending.engine = true);
    }

    /// Something else that a look sees changed.
    pub fn changed(&self) {
        self.add(|pending| pending.other = true);
    }

    /// The owner wants an app tried now.
    pub fn retry(&self, app: &AppId) {
        self.add(|pending| _ = pending.retry.insert(app.clone()));
    }

    /// What an app is resolved from changed behind the desired state.
    pub fn reresolve(&self, app: &AppId) {
        self.add(|pending| _ = pending.reresolve.insert(app.clone()));
    }

    /// Waits until there is something and takes all of it. Cancel-safe: what is not returned is still there.
    pub(crate) async fn next(&self) -> Pending {
        loop {
            let pending = std::mem::take(&mut *self.lock());
            if pending != Pending::default() {
                return pending;
            }
            // A signal given since the line above has left its permit.
            self.told.notified().await;
        }
    }

    fn add(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut self.lock());
        self.told.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Tells whether it is to be answered at once. The engine's events come in bursts, which one look answers.
    pub(crate) fn is_urgent(&self) -> bool {
        let Self { engine: _, other, retry, reresolve } = self;
        *other || !retry.is_empty() || !reresolve.is_empty()
    }

    /// Adds what came after it.
    pub(crate) fn add(&mut self, later: Self) {
        let Self { engine, other, retry, reresolve } = later;
        self.engine |= engine;
        self.other |= other;
        self.retry.extend(retry);
        self.reresolve.extend(reresolve);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn app(name: &str) -> AppId {
        name.parse().expect("a valid id")
    }

    #[tokio::test]
    async fn no_request_is_lost_however_many_signals_come_before_it() {
        let wakeups = Wakeups::default();
        for number in 0..10_000 {
            wakeups.engine_changed();
            wakeups.changed();
            wakeups.retry(&app(&format!("app-{}", number % 500)));
        }
        wakeups.retry(&app("last"));
        wakeups.reresolve(&app("other"));
        let pending = wakeups.next().await;
        assert_eq!(pending.retry.len(), 501);
        assert!(pending.retry.contains(&app("last")) && pending.reresolve.contains(&app("other")));
        assert!(wakeups.next().now_or_never().is_none(), "it is taken once");
    }

    #[tokio::test]
    async fn what_comes_while_it_is_waited_for_is_taken() {
        let wakeups = std::sync::Arc::new(Wakeups::default());
        let waits = tokio::spawn({
            let wakeups = std::sync::Arc::clone(&wakeups);
            async move { wakeups.next().await }
        });
        tokio::task::yield_now().await;
        wakeups.retry(&app("blog"));
        assert!(waits.await.expect("it ends").is_urgent());
    }

    #[test]
    fn only_the_engine_may_wait_for_more() {
        let wakeups = Wakeups::default();
        wakeups.engine_changed();
        let mut pending = wakeups.next().now_or_never().expect("something");
        assert!(!pending.is_urgent());
        wakeups.changed();
        pending.add(wakeups.next().now_or_never().expect("something"));
        assert!(pending.is_urgent());
    }
}
