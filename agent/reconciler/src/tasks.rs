use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

/// Tasks that the loop owns, each with what it is about. The loop hears of every end, also of one by a panic. Dropping it
/// cuts off what is still under way.
#[derive(Debug)]
pub(crate) struct Tasks<A, T> {
    set: JoinSet<T>,
    about: HashMap<Id, A>,
}

impl<A, T> Default for Tasks<A, T> {
    fn default() -> Self {
        Self { set: JoinSet::new(), about: HashMap::new() }
    }
}

impl<A, T: Send + 'static> Tasks<A, T> {
    pub(crate) fn spawn(&mut self, about: A, work: impl Future<Output = T> + Send + 'static) {
        let task = self.set.spawn(work).id();
        self.about.insert(task, about);
    }

    /// Waits until a task has ended; for ever while there is none. Cancel-safe.
    pub(crate) async fn next(&mut self) -> (A, Result<T, JoinError>) {
        loop {
            let Some(ended) = self.set.join_next_with_id().await else {
                return std::future::pending().await;
            };
            let (id, result) = match ended {
                Ok((id, result)) => (id, Ok(result)),
                Err(error) => (error.id(), Err(error)),
            };
            if let Some(about) = self.about.remove(&id) {
                return (about, result);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.about.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_end_is_heard_of_and_so_is_a_panic() {
        let mut tasks = Tasks::default();
        tasks.spawn("blog", async { panic!("of a test") });
        let (about, result) = tasks.next().await;
        assert!(about == "blog" && result.is_err_and(|error| error.is_panic()));
        assert!(tasks.is_empty());

        tasks.spawn("wiki", async { 7 });
        assert!(matches!(tasks.next().await, ("wiki", Ok(7))));
        assert!(tasks.is_empty());
    }
}
