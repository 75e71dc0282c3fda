/// What is looked at.
mod look;

use std::time::Duration;

use futures_util::future::join_all;
use hearth_model::Chain;
use hearth_model::api::os::{CheckOutcome, HealthCheck};
use hearth_model::os::{ReleaseVersion, SlotVerb};
use hearth_planner::os_update::Event;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::slots;
use crate::hearth::Hearth;
use look::Look;

/// How often everything is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the boot loader is told, when it does not hear.
const BLESS_TRIES: u32 = 5;

/// Looks whether what runs is healthy, as long as that may take, and has the boot loader keep it when it is. `None` when it
/// was stopped.
pub(super) async fn judge(
    hearth: &Hearth,
    version: ReleaseVersion,
    stop: &CancellationToken,
) -> Option<Event> {
    stop.run_until_cancelled(async {
        match wait_until_healthy(hearth).await {
            Ok(()) => keep(hearth, version).await,
            Err(reason) => Event::Unhealthy(reason),
        }
    })
    .await
}

async fn wait_until_healthy(hearth: &Hearth) -> Result<(), String> {
    let before = hearth.os.held().memory.before.unwrap_or_default();
    let looks = Look::all(hearth, &before).await;
    let began = Instant::now();
    let mut told: Vec<HealthCheck> = Vec::new();
    loop {
        let found = join_all(looks.iter().map(|look| look.now(hearth))).await;
        let waited = began.elapsed();
        let checks: Vec<HealthCheck> =
            looks.iter().zip(found).map(|(look, found)| verdict(look, found, waited)).collect();
        if checks != told {
            let note = checks.clone();
            // A database that cannot be written is found out by its own check.
            if let Err(error) = hearth.os_note(|memory| memory.checks = note).await {
                tracing::error!("{}", Chain(&error));
            }
            told.clone_from(&checks);
        }
        if let Some(failed) = checks.iter().find(|check| check.outcome == CheckOutcome::Failed) {
            return Err(format!("{}: {}", failed.name, failed.detail));
        }
        if checks.iter().all(|check| check.outcome == CheckOutcome::Passed) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Says what a look came to.
fn verdict(look: &Look, found: Result<(), String>, waited: Duration) -> HealthCheck {
    let name = look.name();
    match found {
        Ok(()) => HealthCheck { name, outcome: CheckOutcome::Passed, detail: String::new() },
        Err(detail) if waited < look.limit() => HealthCheck { name, outcome: CheckOutcome::Waiting, detail },
        Err(detail) => {
            let secs = look.limit().as_secs();
            HealthCheck {
                name,
                outcome: CheckOutcome::Failed,
                detail: format!("{detail} It was given {secs} s."),
            }
        }
    }
}

/// Has the boot loader stop counting tries.
async fn keep(hearth: &Hearth, version: ReleaseVersion) -> Event {
    let mut tries = 0;
    loop {
        tries += 1;
        match slots::run(hearth, SlotVerb::Bless, version).await {
            Ok(()) => return Event::Healthy,
            Err(reason) if tries == BLESS_TRIES => {
                return Event::Unhealthy(format!(
                    "It works, and the boot loader cannot be told so: {reason}"
                ));
            }
            Err(reason) => tracing::warn!("the boot loader could not be told that {version} works: {reason}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_has_failed_and_says_what_was_seen() {
        let look = Look::Docker;
        let missing = || Err("Docker does not answer.".to_owned());
        assert_eq!(verdict(&look, Ok(()), Duration::MAX).outcome, CheckOutcome::Passed);
        let waiting = verdict(&look, missing(), Duration::ZERO);
        assert_eq!(
            (waiting.outcome, waiting.detail.as_str()),
            (CheckOutcome::Waiting, "Docker does not answer.")
        );
        let failed = verdict(&look, missing(), look.limit());
        assert_eq!(failed.outcome, CheckOutcome::Failed);
        assert_eq!(failed.detail, "Docker does not answer. It was given 300 s.");
    }
}
