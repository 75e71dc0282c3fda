//! Deletes what was removed, in the background: neither a start nor an app waits for it, and what cannot be deleted is
//! told to the owner and tried again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hearth_host::data::{AppData, Error, Trashed};
use hearth_model::Bytes;
use hearth_model::api::system::TrashEntry;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Time to the second try; each later one comes after twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// Longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Empties the trash of the apps' folders. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Janitor {
    data: AppData,
    wake: Arc<Notify>,
    known: Arc<Mutex<BTreeMap<Trashed, Known>>>,
}

/// What was found out about something in the trash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    size_bytes: Option<u64>,
    problem: Option<String>,
}

impl Janitor {
    pub(crate) fn new(data: AppData) -> Self {
        Self { data, wake: Arc::default(), known: Arc::default() }
    }

    /// Says that something was thrown away.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns what is in the trash now; nothing when that cannot be read, which the log says.
    pub(crate) async fn trash(&self) -> Vec<TrashEntry> {
        let data = self.data.clone();
        let all = tokio::task::spawn_blocking(move || data.trash()).await;
        let all = all.ok().and_then(Result::ok).unwrap_or_default();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.into_iter()
            .map(|trashed| {
                let Known { size_bytes, problem } = known.get(&trashed).cloned().unwrap_or_default();
                let path = trashed.path.display().to_string();
                TrashEntry { path, app: trashed.app, size_bytes, problem }
            })
            .collect()
    }

    /// Deletes until the token is cancelled: at once, whenever it is woken, and again after a pause while something could
    /// not be deleted. `changed` is called when what there is to tell changed.
    pub(crate) async fn run(&self, shutdown: CancellationToken, changed: impl Fn()) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.problems();
            let (janitor, until) = (self.clone(), shutdown.clone());
            let ended = tokio::task::spawn_blocking(move || janitor.empty(&|| !until.is_cancelled())).await;
            if let Err(error) = ended {
                tracing::error!("emptying the trash broke off: {error}");
            }
            if self.problems() != before {
                changed();
            }
            let retry = async {
                if self.known.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(pause).await;
            };
            // Each arm is cancel-safe: a wake-up that is not taken stays for the next turn.
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake.notified() => pause = FIRST_PAUSE,
                () = retry => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    fn problems(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(|known| known.problem.clone()).collect()
    }

    /// Tries to delete everything once.
    fn empty(&self, go_on: &dyn Fn() -> bool) {
        let all = match self.data.trash() {
            Ok(all) => all,
            Err(error) => return tracing::error!("{}", error.reason().message),
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|trashed, _| all.contains(trashed));
        for trashed in all {
            if !go_on() {
                return;
            }
            let is_measured =
                self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&trashed);
            if !is_measured {
                let size_bytes = self.size(&trashed);
                self.note(&trashed, |known| known.size_bytes = size_bytes);
            }
            match self.data.delete_trashed(&trashed, go_on) {
                Ok(()) => self.forget(&trashed),
                // The next start goes on from here.
                Err(Error::GivenUp { .. }) => return,
                Err(error) => {
                    let (problem, size_bytes) = (error.reason().message, self.size(&trashed));
                    self.note(&trashed, |known| {
                        if known.problem.as_ref() != Some(&problem) {
                            tracing::warn!("{} cannot be deleted. {problem}", trashed.path.display());
                        }
                        *known = Known { size_bytes, problem: Some(problem) };
                    });
                }
            }
        }
    }

    fn size(&self, trashed: &Trashed) -> Option<u64> {
        self.data.trashed_bytes(trashed).ok()
    }

    fn note(&self, trashed: &Trashed, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        change(known.entry(trashed.clone()).or_default());
    }

    fn forget(&self, trashed: &Trashed) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.remove(trashed).is_some_and(|known| known.problem.is_some()) {
            tracing::info!("{} is deleted now", trashed.path.display());
        }
    }
}

/// Returns what the owner should know of something in the trash: that it cannot be deleted, why, and what to do.
pub(crate) fn warning(entry: &TrashEntry) -> Option<String> {
    let problem = entry.problem.as_ref()?;
    let of = entry.app.as_ref().map_or_else(String::new, |app| format!(" of {app}"));
    let size = entry.size_bytes.map_or_else(String::new, |bytes| format!(" ({})", Bytes(bytes)));
    Some(format!("Removed data{of}{size} could not be deleted. {problem} Hearth tries it again by itself."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// Waits, within reason, until the janitor tells of what is expected.
    async fn until(janitor: &Janitor, expected: impl Fn(&[TrashEntry]) -> bool) -> Vec<TrashEntry> {
        for _ in 0..500 {
            let trash = janitor.trash().await;
            if expected(&trash) {
                return trash;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still {:?}", janitor.trash().await);
    }

    #[tokio::test]
    async fn what_cannot_be_deleted_is_told_once_and_the_rest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let data = AppData::new(dir.path()).unwrap();
        let (blog, wiki) = ("blog".parse().unwrap(), "wiki".parse().unwrap());
        for app in [&blog, &wiki] {
            data.create(app).unwrap();
            fs::write(data.path(app).join("kept"), "x").unwrap();
        }
        let marked = Command::new("chattr").arg("+i").arg(data.path(&blog).join("kept")).status();
        if !marked.is_ok_and(|status| status.success()) {
            eprintln!("left out: files cannot be protected here");
            return;
        }
        data.remove(&blog).unwrap();

        let janitor = Janitor::new(data.clone());
        let shutdown = CancellationToken::new();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn({
            let (janitor, shutdown) = (janitor.clone(), shutdown.clone());
            async move { janitor.run(shutdown, || tell.send(()).unwrap()).await }
        });
        let trash = until(&janitor, |trash| trash.iter().any(|entry| entry.problem.is_some())).await;
        assert_eq!(trash.len(), 1);
        assert!(trash[0].size_bytes.is_some());
        let warning = warning(&trash[0]).unwrap();
        assert!(warning.starts_with("Removed data of blog ("), "{warning}");
        assert!(warning.contains(&format!("chattr -i -a {}/kept", trash[0].path)), "{warning}");
        told.recv().await.unwrap();

        // Another app's removal is not held up, and is no news about this one.
        data.remove(&wiki).unwrap();
        janitor.wake();
        until(&janitor, |trash| trash.len() == 1).await;

        let kept = format!("{}/kept", trash[0].path);
        assert!(Command::new("chattr").arg("-i").arg(kept).status().unwrap().success());
        janitor.wake();
        until(&janitor, <[TrashEntry]>::is_empty).await;
        told.recv().await.unwrap();
        shutdown.cancel();
        task.await.unwrap();
        assert!(told.try_recv().is_err(), "the same was told twice");
    }
}
