use clap::Subcommand;
use hearth_model::api::os::OsStatus;
use hearth_model::os::BootEntry;

use super::client::Client;
use super::error::CliError;
use super::output::{Output, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows which system runs, who updates it, and which releases the box can start.
    Status,
}

pub(super) async fn run(client: &Client, output: &Output, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Status => {
            let status = client.get::<OsStatus>("/os").await?;
            output.value(&status, in_words)
        }
    }
}

fn in_words(status: &OsStatus) -> String {
    let mut text = format!("{}\n{}\n", status.name, status.note);
    if !status.releases.is_empty() {
        let rows: Vec<_> = status.releases.iter().map(|entry| row(entry, status)).collect();
        text.push('\n');
        text.push_str(&table(["RELEASE", "STATE"], &rows, ""));
    }
    text
}

fn row(entry: &BootEntry, status: &OsStatus) -> [String; 2] {
    let state = match entry.tries_left {
        None => "works".to_owned(),
        Some(0) => "did not work, and is not started".to_owned(),
        Some(left) => format!("on trial, {left} tries left"),
    };
    let runs = if status.version == Some(entry.version) { "runs, " } else { "" };
    [entry.version.to_string(), format!("{runs}{state}")]
}

#[cfg(test)]
mod tests {
    use hearth_model::os::ReleaseVersion;

    use super::*;

    #[test]
    fn each_release_is_shown_with_what_it_is_worth() {
        let entry = |patch, tries_left| BootEntry { version: ReleaseVersion::new(1, 0, patch), tries_left };
        let status = OsStatus {
            name: "Hearth 1.0.2".to_owned(),
            version: Some(ReleaseVersion::new(1, 0, 2)),
            managed: false,
            note: "A note.".to_owned(),
            releases: vec![entry(3, Some(0)), entry(2, Some(1)), entry(1, None)],
        };
        let text = in_words(&status);
        for words in
            ["A note.", "1.0.3    did not work", "1.0.2    runs, on trial, 1 tries left", "1.0.1    works"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
