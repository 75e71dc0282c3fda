use std::collections::HashMap;

use hearth_model::condition::ReasonCode;
use hearth_model::{AppId, Digest, Reason};
use tokio::task::{Id, JoinError, JoinSet};

/// How the steps of an app ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All were done, or something else is wanted by now.
    Ended,
    /// One failed; later ones were not begun.
    Failed {
        /// Why.
        reason: Reason,
        /// What was attempted: [`hearth_planner::retry::attempt`].
        attempt: Digest,
    },
}

/// The steps of apps that are under way, each app's in a task of its own. The loop owns them and hears of every end, also
/// of one by a panic. Dropping it cuts off what is still under way.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: JoinSet<Result<(), Reason>>,
    of: HashMap<Id, (AppId, Digest)>,
}

impl Tasks {
    /// Sets the steps of an app going.
    pub(super) fn spawn(
        &mut self,
        app: AppId,
        attempt: Digest,
        steps: impl Future<Output = Result<(), Reason>> + Send + 'static,
    ) {
        let task = self.set.spawn(steps).id();
        self.of.insert(task, (app, attempt));
    }

    /// Waits until the steps of an app have ended; for ever while none are under way. Cancel-safe.
    pub(super) async fn next(&mut self) -> (AppId, Outcome) {
        loop {
            let Some(ended) = self.set.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let (id, result) = match ended {
                Ok((id, result)) => (id, result),
                Err(error) => (error.id(), Err(broke_off(&error))),
            };
            let Some((app, attempt)) = self.of.remove(&id) else { continue };
            let outcome = match result {
                Ok(()) => Outcome::Ended,
                Err(reason) => Outcome::Failed { reason, attempt },
            };
            return (app, outcome);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

/// Says that a step ended by a defect of ours. What it was about was printed by the panic hook.
fn broke_off(error: &JoinError) -> Reason {
    tracing::error!("the steps of an app broke off: {error}");
    Reason::new(
        ReasonCode::Internal,
        "A step broke off because of a defect of Hearth; its log has the details. It is tried again by itself.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_steps_of_an_app_is_a_failure_of_that_app() {
        let mut tasks = Tasks::default();
        let (blog, wiki): (AppId, AppId) = ("blog".parse().expect("valid"), "wiki".parse().expect("valid"));
        tasks.spawn(blog.clone(), Digest::of(b"1"), async { panic!("of a test") });
        let (app, outcome) = tasks.next().await;
        assert_eq!(app, blog);
        let Outcome::Failed { reason, attempt } = outcome else { panic!("{outcome:?}") };
        assert_eq!((reason.code, attempt), (ReasonCode::Internal, Digest::of(b"1")));
        assert!(tasks.is_empty());

        tasks.spawn(blog.clone(), Digest::of(b"2"), async { Ok(()) });
        assert!(matches!(tasks.next().await, (app, Outcome::Ended) if app == blog));
        let disk_full = Reason::new(ReasonCode::DiskFull, "The disk is full.");
        tasks.spawn(wiki.clone(), Digest::of(b"3"), async { Err(disk_full) });
        assert!(matches!(tasks.next().await, (app, Outcome::Failed { .. }) if app == wiki));
        assert!(tasks.is_empty());
    }
}
