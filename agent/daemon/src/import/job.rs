use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearth_model::api::import::{ImportItem, ImportState, ImportStatus};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::plan::{Found, Prepared};
use crate::error::{Error, Result};

/// How long a shutdown waits for an import to give up: a copy looks at every block whether it is still wanted.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The import that goes on, or the last one since the start.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    job: Mutex<Option<Job>>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Job {
    status: ImportStatus,
    cancel: CancellationToken,
}

impl Imports {
    /// Gives up what goes on; what was taken over by then stays.
    pub(crate) fn cancel(&self) {
        if let Some(job) = self.lock().as_ref() {
            job.cancel.cancel();
        }
    }

    pub(super) fn status(&self) -> Option<ImportStatus> {
        self.lock().as_ref().map(|job| job.status.clone())
    }

    pub(super) fn begin(&self, status: ImportStatus) -> Result<CancellationToken> {
        let mut job = self.lock();
        if job.as_ref().is_some_and(|job| job.status.is_running) {
            return Err(Error::Conflict(
                "an import goes on already; `hearth import status` tells how far it is".to_owned(),
            ));
        }
        let cancel = CancellationToken::new();
        *job = Some(Job { status, cancel: cancel.clone() });
        Ok(cancel)
    }

    pub(super) fn item(&self, index: usize, change: impl FnOnce(&mut ImportItem)) {
        if let Some(item) = self.lock().as_mut().and_then(|job| job.status.items.get_mut(index)) {
            change(item);
        }
    }

    /// Does the work of an import that was begun, beside everything else. It ends with the work, also with one that panics.
    pub(super) fn spawn(
        &self,
        hearth: impl AsRef<Imports> + Send + 'static,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.spawn(async move {
            let _end = End(hearth);
            work.await;
        });
    }

    /// Gives up what goes on and waits until it has ended, for a while.
    pub(crate) async fn end_all(&self) {
        self.cancel();
        self.tasks.close();
        if tokio::time::timeout(END_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("an import is cut off; the next start clears away what it has left");
        }
    }

    fn end(&self) {
        let mut job = self.lock();
        let Some(job) = job.as_mut() else { return };
        job.status.is_running = false;
        let unfinished =
            |item: &&mut ImportItem| matches!(item.state, ImportState::Waiting | ImportState::Copying);
        for item in job.status.items.iter_mut().filter(unfinished) {
            item.state = ImportState::Failed;
            item.message =
                Some("it broke off because of a defect of Hearth; its log has the details".to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends an import when it goes, however that comes.
struct End<T: AsRef<Imports>>(T);

impl<T: AsRef<Imports>> Drop for End<T> {
    fn drop(&mut self) {
        self.0.as_ref().end();
    }
}

/// Returns what an import begins with: everything waits for its turn, or is left out.
pub(super) fn items(prepared: &Prepared) -> Vec<ImportItem> {
    let item = |name: &str, total_bytes: u64| ImportItem {
        name: name.to_owned(),
        state: ImportState::Waiting,
        done_bytes: 0,
        total_bytes,
        message: None,
    };
    let files = prepared.plan.files.iter().map(|files| item(&files.folder, files.size_bytes));
    let apps = prepared.apps.iter().map(|found: &Found| {
        let new = item(&found.about.id, found.about.size_bytes);
        match found.taken() {
            Some(_) => new,
            None => ImportItem {
                state: ImportState::LeftOut,
                message: Some(found.about.blockers.join("; ")),
                ..new
            },
        }
    });
    files.chain(apps).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn an_import_that_panics_has_ended_and_the_next_may_begin() {
        let imports = Arc::new(Imports::default());
        let item = ImportItem {
            name: "notes".to_owned(),
            state: ImportState::Copying,
            done_bytes: 1,
            total_bytes: 2,
            message: None,
        };
        let status = ImportStatus { folder: "/mnt".to_owned(), is_running: true, items: vec![item] };
        imports.begin(status.clone()).expect("none goes on");
        imports.begin(status.clone()).expect_err("one goes on");
        imports.spawn(Arc::clone(&imports), async { panic!("of a test") });
        imports.end_all().await;
        let ended = imports.status().expect("there was one");
        assert!(!ended.is_running);
        assert_eq!(ended.items[0].state, ImportState::Failed);
        imports.begin(status).expect("the last one has ended");
    }
}
