/// The single checks.
mod checks;

use std::time::Duration;

use futures_util::future::join_all;
use hearth_model::Chain;
use hearth_model::api::os::{CheckOutcome, HealthCheck};
use hearth_model::os::{ReleaseVersion, SlotVerb};
use hearth_planner::os_update::Event;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::probe::HealthProbe;
use crate::{OsUpdates, slots};
use checks::Check;

/// How often everything is checked.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// How often the boot loader is told, when it does not hear.
const BLESS_TRIES: u32 = 5;

/// Looks whether what runs is healthy, as long as that may take, and has the boot loader keep it when it is. `None` when it
/// was stopped.
pub(crate) async fn judge(
    os: &OsUpdates,
    probe: &dyn HealthProbe,
    version: ReleaseVersion,
    stop: &CancellationToken,
) -> Option<Event> {
    stop.run_until_cancelled(async {
        match wait_until_healthy(os, probe).await {
            Ok(()) => mark_good(os, version).await,
            Err(reason) => Event::Unhealthy(reason),
        }
    })
    .await
}

async fn wait_until_healthy(os: &OsUpdates, probe: &dyn HealthProbe) -> Result<(), String> {
    let before = os.stored().metadata.before.unwrap_or_default();
    let wanted = Check::all(probe, &before).await;
    let began = Instant::now();
    let mut published: Vec<HealthCheck> = Vec::new();
    loop {
        let found = join_all(wanted.iter().map(|check| check.run(os, probe))).await;
        let waited = began.elapsed();
        let checks: Vec<HealthCheck> =
            wanted.iter().zip(found).map(|(check, found)| verdict(check, found, waited)).collect();
        if checks != published {
            let note = checks.clone();
            // A database that cannot be written is found out by its own check.
            if let Err(error) = os.update_metadata(|metadata| metadata.checks = note).await {
                tracing::error!("{}", Chain(&error));
            }
            published.clone_from(&checks);
        }
        if let Some(failed) = checks.iter().find(|check| check.outcome == CheckOutcome::Failed) {
            return Err(format!("{}: {}", failed.name, failed.detail));
        }
        if checks.iter().all(|check| check.outcome == CheckOutcome::Passed) {
            return Ok(());
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

/// Turns what a check found into what the owner sees.
fn verdict(check: &Check, found: Result<(), String>, waited: Duration) -> HealthCheck {
    let name = check.name();
    match found {
        Ok(()) => HealthCheck { name, outcome: CheckOutcome::Passed, detail: String::new() },
        Err(detail) if waited < check.limit() => HealthCheck { name, outcome: CheckOutcome::Waiting, detail },
        Err(detail) => {
            let secs = check.limit().as_secs();
            HealthCheck {
                name,
                outcome: CheckOutcome::Failed,
                detail: format!("{detail} It was given {secs} s."),
            }
        }
    }
}

/// Has the boot loader stop counting tries.
async fn mark_good(os: &OsUpdates, version: ReleaseVersion) -> Event {
    let mut tries = 0;
    loop {
        tries += 1;
        match slots::run(os, SlotVerb::Bless, version).await {
            Ok(()) => return Event::Healthy,
            Err(reason) if tries == BLESS_TRIES => {
                return Event::Unhealthy(format!(
                    "It works, and the boot loader cannot be told so: {reason}"
                ));
            }
            Err(reason) => tracing::warn!("the boot loader could not be told that {version} works: {reason}"),
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_has_failed_and_says_what_was_seen() {
        let check = Check::Docker;
        let missing = || Err("Docker does not answer.".to_owned());
        assert_eq!(verdict(&check, Ok(()), Duration::MAX).outcome, CheckOutcome::Passed);
        let waiting = verdict(&check, missing(), Duration::ZERO);
        assert_eq!(
            (waiting.outcome, waiting.detail.as_str()),
            (CheckOutcome::Waiting, "Docker does not answer.")
        );
        let failed = verdict(&check, missing(), check.limit());
        assert_eq!(failed.outcome, CheckOutcome::Failed);
        assert_eq!(failed.detail, "Docker does not answer. It was given 300 s.");
    }
}
