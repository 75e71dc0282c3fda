use std::path::Path;
use std::time::Duration;

use hearth_model::Chain;
use hearth_model::os::{Boot, UpdateState};
use hearth_planner::os_update::{Event, Work, work};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::{Clock, due};
use super::memory::Memory;
use super::places::Places;
use super::restart::Before;
use super::work::{Ended, run};
use super::{Held, fetch, journal};
use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;

/// Longest rest: a box that was suspended, or whose clock was set, is not late by more.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);
/// The wait after work that failed and has to be done all the same; it doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Does the work of updates until the token is cancelled; on a system that Hearth does not update there is none.
pub(crate) async fn drive(hearth: Hearth, shutdown: CancellationToken) {
    if hearth.os.boot().await.is_err() {
        return;
    }
    let held = hearth.os.held.subscribe();
    let mut driver = Driver { hearth, held, shutdown, started: Timestamp::now(), failures: 0 };
    while let Err(error) = driver.start().await {
        tracing::error!("the state of updates cannot be kept: {}", Chain(&error));
        driver.rest(LONGEST_REST).await;
        if driver.shutdown.is_cancelled() {
            return;
        }
    }
    while !driver.shutdown.is_cancelled() {
        driver.turn().await;
    }
}

struct Driver {
    hearth: Hearth,
    /// Tells of changes since the last turn began.
    held: watch::Receiver<Held>,
    shutdown: CancellationToken,
    started: Timestamp,
    /// Pieces of work in a row that failed.
    failures: u32,
}

impl Driver {
    /// Takes up what was left, and what the boot loader says.
    async fn start(&self) -> Result<()> {
        let before = self.hearth.os.held().record;
        let version = self.hearth.os.boot().await?.version;
        self.hearth
            .os_happened(Event::Started, |memory| {
                memory.releases.entry(version).or_default().schema = Some(db::newest_migration());
            })
            .await?;
        let now = self.hearth.os.held().record.state;
        if matches!(now, UpdateState::WentBack { .. }) && before.state != now {
            let log = journal::of_trial(&before).await;
            self.hearth.os_note(|memory| memory.log = log).await?;
        }
        Ok(())
    }

    /// Does one piece of work, or rests.
    async fn turn(&mut self) {
        let held = self.held.borrow_and_update().clone();
        let Ok(boot) = self.hearth.os.boot().await else { return self.rest(LONGEST_REST).await };
        match work(&held.record, &boot, Timestamp::now()) {
            Work::Nothing => self.idle(&held, &boot).await,
            Work::WaitUntil(until) => {
                let wait = Duration::try_from(Timestamp::now().duration_until(until)).unwrap_or_default();
                self.rest(wait.clamp(Duration::from_millis(50), LONGEST_REST)).await;
            }
            todo => match self.act(&todo, &held).await {
                Ended::Quietly => self.failures = 0,
                Ended::With(event) => {
                    self.failures = 0;
                    self.tell(event).await;
                }
                Ended::Again(reason) => {
                    tracing::warn!("{reason}");
                    let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(6));
                    self.failures += 1;
                    self.rest(pause.min(LONGEST_REST)).await;
                }
            },
        }
    }

    /// Tells what came of work. What came too late is nobody's any more.
    async fn tell(&mut self, event: Event) {
        let installed = match (&event, &self.hearth.os.held().record.state) {
            (Event::Installed, UpdateState::Installing { release }) => Some(release.version),
            _ => None,
        };
        let before = Before::look(&self.hearth);
        let note = |memory: &mut Memory| {
            if let Some(version) = installed {
                memory.releases.entry(version).or_default().installed_at = Some(Timestamp::now());
                // Whoever restarts the box by its switch asks nobody.
                memory.before = Some(before);
            }
        };
        match self.hearth.os_happened(event, note).await {
            Ok(()) => {}
            Err(Error::Conflict(text)) => tracing::debug!("{text}"),
            Err(error) => {
                tracing::error!("the state of the update cannot be kept: {}", Chain(&error));
                self.rest(FIRST_PAUSE).await;
            }
        }
    }

    /// Nothing has to be done: something may be wanted by itself.
    async fn idle(&mut self, held: &Held, boot: &Boot) {
        if matches!(
            held.record.state,
            UpdateState::Idle | UpdateState::Blessed { .. } | UpdateState::WentBack { .. }
        ) {
            self.tidy(held).await;
        }
        let surroundings = self.hearth.surroundings(&self.hearth.in_force().desired);
        let now = Timestamp::now();
        let zone = TimeZone::get(&surroundings.time_zone.name).unwrap_or(TimeZone::UTC);
        let local_hour = u8::try_from(now.to_zoned(zone).hour()).unwrap_or(0);
        let seed = surroundings.seeds.of_box();
        match due(held, boot, Clock { now, local_hour, started: self.started, seed }) {
            Some(Event::CheckWanted) => drop(self.hearth.os_check(None).await),
            Some(event) => self.tell(event).await,
            None => self.rest(LONGEST_REST).await,
        }
    }

    /// Removes files that nothing needs any more.
    async fn tidy(&self, held: &Held) {
        let Places { root: _, partial, staged, trust: _, uploads } = self.hearth.os.places.clone();
        let mut folders = vec![partial, staged];
        let is_asked = held.memory.from.as_ref().is_some_and(|from| Path::new(from).starts_with(&uploads));
        // What is being sent is not there yet.
        let uploading = self.hearth.os.uploading.try_lock();
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
            _ = self.held.changed() => {}
            () = tokio::time::sleep(at_most) => {}
        }
    }

    /// Does a piece of work to its end, and stops it when something else is wanted meanwhile.
    async fn act(&self, todo: &Work, held: &Held) -> Ended {
        let stop = CancellationToken::new();
        let mut doing = std::pin::pin!(run(&self.hearth, todo, &stop));
        let mut other = std::pin::pin!(self.something_else(todo, held));
        loop {
            tokio::select! {
                ended = &mut doing => return ended,
                () = &mut other, if !stop.is_cancelled() => stop.cancel(),
                // The next start takes it up again.
                () = self.shutdown.cancelled() => return Ended::Quietly,
            }
        }
    }

    /// Resolves when something else than `todo` has to be done, or in another way.
    async fn something_else(&self, todo: &Work, begun: &Held) {
        let mut held = self.hearth.os.held.subscribe();
        loop {
            let now = held.borrow_and_update().clone();
            let is_other = now.memory.bytes_per_second != begun.memory.bytes_per_second
                || match self.hearth.os.boot().await {
                    Ok(boot) => work(&now.record, &boot, Timestamp::now()) != *todo,
                    Err(_) => true,
                };
            if is_other || held.changed().await.is_err() {
                return;
            }
        }
    }
}
