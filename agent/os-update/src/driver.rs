use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hearth_model::Chain;
use hearth_model::os::{Boot, UpdateState};
use hearth_planner::os_update::{Event, Work, work};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, due};
use crate::metadata::UpdateMetadata;
use crate::paths::UpdatePaths;
use crate::restart::PreRebootSnapshot;
use crate::work::{WorkOutcome, run};
use crate::{Error, HealthProbe, OsUpdates, Result, StoredState, fetch, journal};

/// Longest rest: a box that was suspended, or whose clock was set, is not late by more.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);
/// The wait after work that failed and has to be done all the same; it doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

impl OsUpdates {
    /// Does the work of updates until the token is cancelled; on a system that Hearth does not update there is none.
    pub async fn run(&self, probe: Arc<dyn HealthProbe>, shutdown: CancellationToken) {
        if !self.is_managed().await {
            return;
        }
        let (os, changes) = (self.clone(), self.stored.subscribe());
        let mut driver = Driver { os, probe, changes, shutdown, started: Timestamp::now(), failures: 0 };
        while let Err(error) = driver.start().await {
            tracing::error!("the state of updates cannot be stored: {}", Chain(&error));
            driver.rest(LONGEST_REST).await;
            if driver.shutdown.is_cancelled() {
                return;
            }
        }
        while !driver.shutdown.is_cancelled() {
            driver.turn().await;
        }
    }
}

struct Driver {
    os: OsUpdates,
    probe: Arc<dyn HealthProbe>,
    /// Tells of changes since the last turn began.
    changes: watch::Receiver<StoredState>,
    shutdown: CancellationToken,
    started: Timestamp,
    /// Pieces of work in a row that failed.
    failures: u32,
}

impl Driver {
    /// Takes up what was left, and what the boot loader says.
    async fn start(&self) -> Result<()> {
        let before = self.os.stored().record;
        let version = self.os.boot().await?.version;
        let schema = self.os.store.schema();
        self.os
            .apply(Event::Started, |metadata| {
                metadata.releases.entry(version).or_default().schema = Some(schema);
            })
            .await?;
        let now = self.os.stored().record.state;
        if matches!(now, UpdateState::WentBack { .. }) && before.state != now {
            let log = journal::of_trial(&before).await;
            self.os.update_metadata(|metadata| metadata.log = log).await?;
        }
        Ok(())
    }

    /// Does one piece of work, or rests.
    async fn turn(&mut self) {
        let stored = self.changes.borrow_and_update().clone();
        let Ok(boot) = self.os.boot().await else { return self.rest(LONGEST_REST).await };
        match work(&stored.record, &boot, Timestamp::now()) {
            Work::Nothing => self.idle(&stored, &boot).await,
            Work::WaitUntil(until) => {
                let wait = Duration::try_from(Timestamp::now().duration_until(until)).unwrap_or_default();
                self.rest(wait.clamp(Duration::from_millis(50), LONGEST_REST)).await;
            }
            todo => match self.act(&todo, &stored).await {
                WorkOutcome::Quietly => self.failures = 0,
                WorkOutcome::With(event) => {
                    self.failures = 0;
                    self.record(event).await;
                }
                WorkOutcome::Again(reason) => {
                    tracing::warn!("{reason}");
                    let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(6));
                    self.failures += 1;
                    self.rest(pause.min(LONGEST_REST)).await;
                }
            },
        }
    }

    /// Feeds the result of work to the state machine; one that no longer fits the state is dropped.
    async fn record(&mut self, event: Event) {
        let installed = match (&event, &self.os.stored().record.state) {
            (Event::Installed, UpdateState::Installing { release }) => Some(release.version),
            _ => None,
        };
        let before = PreRebootSnapshot::take(&self.os, &*self.probe);
        let note = |metadata: &mut UpdateMetadata| {
            if let Some(version) = installed {
                metadata.releases.entry(version).or_default().installed_at = Some(Timestamp::now());
                // A restart by the power button gives no later chance to record it.
                metadata.before = Some(before);
            }
        };
        match self.os.apply(event, note).await {
            Ok(()) => {}
            Err(Error::Conflict(text)) => tracing::debug!("{text}"),
            Err(error) => {
                tracing::error!("the state of the update cannot be stored: {}", Chain(&error));
                self.rest(FIRST_PAUSE).await;
            }
        }
    }

    /// Starts scheduled work when some is due, and rests otherwise.
    async fn idle(&mut self, stored: &StoredState, boot: &Boot) {
        if matches!(
            stored.record.state,
            UpdateState::Idle | UpdateState::Blessed { .. } | UpdateState::WentBack { .. }
        ) {
            self.tidy(stored).await;
        }
        let now = Timestamp::now();
        let local_hour = u8::try_from(now.to_zoned(self.probe.time_zone()).hour()).unwrap_or(0);
        let seed = self.probe.seed();
        match due(stored, boot, Clock { now, local_hour, started: self.started, seed: &seed }) {
            Some(Event::CheckWanted) => drop(self.os.check(None).await),
            Some(event) => self.record(event).await,
            None => self.rest(LONGEST_REST).await,
        }
    }

    /// Removes files that nothing needs any more.
    async fn tidy(&self, stored: &StoredState) {
        let UpdatePaths { root: _, partial, staged, trust: _, uploads } = self.os.paths.clone();
        let mut folders = vec![partial, staged];
        let is_asked =
            stored.metadata.from.as_ref().is_some_and(|from| Path::new(from).starts_with(&uploads));
        // What is being sent is not there yet.
        let uploading = self.os.uploading.try_lock();
        if uploading.is_ok() && !is_asked {
            folders.push(uploads);
        }
        let _ = tokio::task::spawn_blocking(move || fetch::tidy(&folders)).await;
    }

    /// Rests until something changes, or so long.
    async fn rest(&mut self, at_most: Duration) {
        // All arms are cancel-safe: a change is still there when it is looked for again, and a sleep has nothing to lose.
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            _ = self.changes.changed() => {}
            () = tokio::time::sleep(at_most) => {}
        }
    }

    /// Does a piece of work to its end, and stops it when something else is wanted meanwhile.
    async fn act(&self, todo: &Work, begun: &StoredState) -> WorkOutcome {
        let stop = CancellationToken::new();
        let mut doing = std::pin::pin!(run(&self.os, &*self.probe, todo, &stop));
        let mut other = std::pin::pin!(self.something_else(todo, begun));
        loop {
            tokio::select! {
                ended = &mut doing => return ended,
                () = &mut other, if !stop.is_cancelled() => stop.cancel(),
                // The next start takes it up again.
                () = self.shutdown.cancelled() => return WorkOutcome::Quietly,
            }
        }
    }

    /// Resolves when something else than `todo` has to be done, or in another way.
    async fn something_else(&self, todo: &Work, begun: &StoredState) {
        let mut changes = self.os.stored.subscribe();
        loop {
            let now = changes.borrow_and_update().clone();
            let is_other = now.metadata.bytes_per_second != begun.metadata.bytes_per_second
                || match self.os.boot().await {
                    Ok(boot) => work(&now.record, &boot, Timestamp::now()) != *todo,
                    Err(_) => true,
                };
            if is_other || changes.changed().await.is_err() {
                return;
            }
        }
    }
}
