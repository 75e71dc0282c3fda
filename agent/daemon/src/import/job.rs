use std::sync::{Mutex, MutexGuard, PoisonError};

use hearth_model::api::import::{ImportItem, ImportState, ImportStatus};
use tokio_util::sync::CancellationToken;

use super::plan::{Found, Prepared};
use crate::error::{Error, Result};

/// The import that goes on, or the last one since the start.
#[derive(Debug, Default)]
pub(crate) struct Imports(Mutex<Option<Job>>);

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

    pub(super) fn end(&self) {
        if let Some(job) = self.lock().as_mut() {
            job.status.is_running = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
