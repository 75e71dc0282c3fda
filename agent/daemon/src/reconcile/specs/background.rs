use std::collections::BTreeMap;
use std::time::Duration;

use hearth_model::condition::ReasonCode;
use hearth_model::{AppId, AppSpec, Reason};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::{From, installed};
use crate::hearth::Hearth;

/// Apps whose scripts run at the same time. Each has a time limit, so that more than this many that hang hold the others
/// up for no longer than that.
static RUNNING: Semaphore = Semaphore::const_new(8);

/// Apps that are being resolved in the background, and those for which that failed.
#[derive(Debug, Default)]
pub(super) struct Background {
    running: BTreeMap<AppId, From>,
    failed: BTreeMap<AppId, Failed>,
}

/// A script of an app failed: it is run again later.
#[derive(Debug)]
struct Failed {
    from: From,
    reason: Reason,
    attempts: u32,
    retry_at: Timestamp,
}

impl Background {
    /// Forgets that an app's scripts failed, so that they run at the next look.
    pub(super) fn retry(&mut self, app: &AppId) {
        self.failed.remove(app);
    }

    /// Forgets apps that are not wanted any more. A run that is under way comes to its end and is then forgotten.
    pub(super) fn retain(&mut self, wanted: impl Fn(&AppId) -> bool) {
        self.failed.retain(|app, _| wanted(app));
    }

    /// Returns what an app waits for, or what failed.
    pub(super) fn trouble(&self, app: &AppId) -> Option<Reason> {
        if let Some(failed) = self.failed.get(app) {
            return Some(failed.reason.clone());
        }
        self.running.contains_key(app).then(|| {
            let message = "Waits for the script exports.sh of its package, or of an app that it depends on.";
            Reason::new(ReasonCode::Waiting, message.to_owned())
        })
    }

    /// Notes a failure and returns how long to wait before the next attempt.
    fn note_failure(&mut self, app: &AppId, from: From, reason: Reason) -> Duration {
        let now = Timestamp::now();
        let before = self.failed.get(app).filter(|failed| failed.from == from);
        let attempts = before.map_or(0, |failed| failed.attempts) + 1;
        let retry_at = hearth_planner::retry::after(attempts, now);
        self.failed.insert(app.clone(), Failed { from, reason, attempts, retry_at });
        Duration::try_from(now.duration_until(retry_at)).unwrap_or_default()
    }
}

/// Sees to it that an app is resolved in the background, and returns what it is meanwhile: the same as before if the owner
/// wants the same, the reason if its script failed, else nothing.
pub(super) fn begin(
    hearth: &Hearth,
    app: &AppId,
    current: From,
) -> Option<std::result::Result<AppSpec, Reason>> {
    let mut cache = hearth.spec_cache();
    let is_same_wish = cache.from.get(app).is_some_and(|from| from.wanted == current.wanted);
    let last = cache.specs.get(app).filter(|spec| is_same_wish && spec.is_ok()).cloned();
    if cache.background.running.contains_key(app) {
        return last;
    }
    let failed = cache.background.failed.get(app).filter(|failed| failed.from == current);
    if let Some(failed) = failed.filter(|failed| failed.retry_at > Timestamp::now()) {
        return last.or_else(|| Some(Err(failed.reason.clone())));
    }
    cache.background.running.insert(app.clone(), current.clone());
    let forgotten = cache.forgotten(app);
    drop(cache);
    tokio::spawn(run(hearth.clone(), app.clone(), current, forgotten));
    last
}

/// Resolves an app, keeps what came of it, and wakes the loop.
async fn run(hearth: Hearth, app: AppId, from: From, forgotten: u64) {
    // An inner task, so that a panic in it ends as a failure rather than leave the app waiting without an end.
    let (inner, of, by) = (hearth.clone(), app.clone(), from.clone());
    let resolved = tokio::spawn(async move {
        let _turn = RUNNING.acquire().await;
        installed(&inner, &of, &by).await
    });
    let spec = resolved.await.unwrap_or_else(|error| {
        let message = format!("Working out what the app is made of broke off: {error}.");
        Err(Reason::new(ReasonCode::ScriptFailed, message))
    });
    let pause = {
        let mut cache = hearth.spec_cache();
        cache.background.running.remove(&app);
        match spec {
            Err(reason) if reason.code == ReasonCode::ScriptFailed => {
                tracing::warn!(app.id = %app, "a script of the package failed: {}", reason.message);
                Some(cache.background.note_failure(&app, from, reason))
            }
            // The app may have been removed meanwhile; the next look then forgets what is kept here.
            spec => {
                cache.background.failed.remove(&app);
                cache.keep(&app, from, spec, forgotten);
                None
            }
        }
    };
    hearth.wake.changed();
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
        hearth.wake.changed();
    }
}
