use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_host::systemd::Systemd;
use hearth_model::Chain;
use hearth_model::api::os::OsProgress;
use hearth_model::os::{ReleaseVersion, SlotAnswer, SlotProgress, SlotTask, SlotVerb};
use tokio_util::sync::CancellationToken;

use crate::OsUpdates;

/// Where the answers are, below the root.
const ANSWERS: &str = "run/hearth/slot";
/// How long writing and reading back a slot may take: gigabytes on a card of the slowest kind.
const WRITE_WITHIN: Duration = Duration::from_secs(60 * 60);
/// How long the other tasks may take: files of the boot partition.
const OTHERS_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How often the progress of writing is looked at.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// Does something to the slots, by the unit that may.
///
/// # Errors
/// Says what went wrong, in a sentence for the owner.
pub(crate) async fn run(os: &OsUpdates, verb: SlotVerb, version: ReleaseVersion) -> Result<(), String> {
    let task = SlotTask { verb, version };
    let folder = os.paths.root.join(ANSWERS);
    let path = folder.join(format!("{}.json", verb.name()));
    // The answer of an earlier run must not be taken for this one's, not even when systemd never starts the unit.
    let _absent = fs::remove_file(&path);
    let within = if verb == SlotVerb::Write { WRITE_WITHIN } else { OTHERS_WITHIN };
    let systemd = Systemd::connect().await.map_err(|error| in_words(&error))?;
    let run = async { systemd.run(&task.unit(), within).await.map_err(|error| in_words(&error)) };
    let watch = async {
        loop {
            tokio::time::sleep(POLL_EVERY).await;
            if let Some(progress) = progress(&folder) {
                os.show_progress(progress);
            }
        }
    };
    tokio::select! {
        ended = run => ended?,
        () = watch => {}
    }
    answer(&path, task)
}

/// Does something that may be given up half-way, because it can be undone or done again. `None` when it was stopped.
pub(crate) async fn run_until(
    os: &OsUpdates,
    verb: SlotVerb,
    version: ReleaseVersion,
    stop: &CancellationToken,
) -> Option<Result<(), String>> {
    if let Some(ended) = stop.run_until_cancelled(run(os, verb, version)).await {
        return Some(ended);
    }
    let stopped = async { Systemd::connect().await?.stop(&SlotTask { verb, version }.unit()).await };
    if let Err(error) = stopped.await {
        tracing::warn!("{}", Chain(&error));
    }
    None
}

fn answer(path: &Path, task: SlotTask) -> Result<(), String> {
    let unit = task.unit();
    let look = format!("`journalctl --unit {unit}` says why.");
    let bytes =
        fs::read(path).map_err(|error| format!("{unit} ended without an answer ({error}); {look}"))?;
    let answer: SlotAnswer = serde_json::from_slice(&bytes)
        .map_err(|error| format!("The answer of {unit} cannot be read ({error}); {look}"))?;
    let SlotAnswer { verb, version, ok, reason } = answer;
    if (verb, version) != (task.verb, task.version) {
        return Err(format!("{unit} was done for release {version} in place of {}; {look}", task.version));
    }
    if ok { Ok(()) } else { Err(reason.unwrap_or_else(|| format!("{unit} failed without a reason; {look}"))) }
}

/// Writes an error with its causes as a sentence for the owner.
fn in_words(error: &hearth_host::systemd::Error) -> String {
    format!("{}.", Chain(error))
}

fn progress(folder: &Path) -> Option<OsProgress> {
    let path: PathBuf = folder.join("progress.json");
    let SlotProgress { done_bytes, total_bytes } = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(OsProgress { done_bytes, total_bytes, fetched_bytes: 0, fetch_bytes: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("enable.json");
        let task = SlotTask { verb: SlotVerb::Enable, version: ReleaseVersion::new(1, 0, 2) };
        let said = |text: &str| {
            fs::write(&path, text).unwrap();
            answer(&path, task)
        };
        assert!(answer(&path, task).unwrap_err().contains("without an answer"));
        assert_eq!(said(r#"{"verb":"enable","version":"1.0.2","ok":true}"#), Ok(()));
        let failed = said(r#"{"verb":"enable","version":"1.0.2","ok":false,"reason":"The disk is full."}"#);
        assert_eq!(failed, Err("The disk is full.".to_owned()));
        let other = said(r#"{"verb":"enable","version":"1.0.3","ok":true}"#).unwrap_err();
        assert!(other.contains("1.0.3 in place of 1.0.2"), "{other}");
        assert!(said("{").unwrap_err().contains("cannot be read"));
    }
}
