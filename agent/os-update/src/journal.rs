use std::process::Stdio;
use std::time::Duration;

use hearth_model::os::{UpdateRecord, UpdateState};
use tokio::process::Command;

/// Lines of the log that are kept.
const LINES: usize = 200;
/// Longest line that is kept, in characters.
const LINE_CHARS: usize = 400;
/// How long the log may take to be found.
const WITHIN: Duration = Duration::from_secs(60);

/// Returns the last lines of the log of the boot that brought the box back, oldest first, given what was remembered before
/// this start. Empty when that left no log.
pub(crate) async fn of_trial(before: &UpdateRecord) -> Vec<String> {
    // The journal writes it without dashes.
    let id = before.boot_id.replace('-', "");
    let noted = read(&id).await;
    if matches!(before.state, UpdateState::Trying { .. } | UpdateState::Failing { .. }) {
        return noted;
    }
    // The release never came to note anything: its log is the last one, or there is none.
    let last = read("-1").await;
    if last == noted { Vec::new() } else { last }
}

async fn read(boot: &str) -> Vec<String> {
    if boot.is_empty() {
        return Vec::new();
    }
    let mut command = Command::new("journalctl");
    command.arg(format!("--boot={boot}")).arg(format!("--lines={LINES}"));
    command.args(["--no-pager", "--no-hostname", "--quiet", "--output=short"]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(WITHIN, command.output()).await {
        Ok(Ok(output)) => shorten(&String::from_utf8_lossy(&output.stdout)),
        Ok(Err(error)) => {
            tracing::warn!("the log of the boot before cannot be read: {error}");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!("the log of the boot before took longer than {} s", WITHIN.as_secs());
            Vec::new()
        }
    }
}

fn shorten(text: &str) -> Vec<String> {
    let lines: Vec<String> =
        text.lines().map(|line| line.trim_end().chars().take(LINE_CHARS).collect()).collect();
    lines[lines.len().saturating_sub(LINES)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_kept_short() {
        let text: String = (0..1000).map(|number| format!("{number} {}\n", "x".repeat(1000))).collect();
        let lines = shorten(&text);
        assert_eq!((lines.len(), lines[LINES - 1].chars().count()), (LINES, LINE_CHARS));
        assert!(lines[0].starts_with("800 "));
        assert!(shorten("").is_empty());
    }
}
