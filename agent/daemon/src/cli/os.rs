use clap::Subcommand;
use hearth_model::api::os::{OsStatus, Slot};

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
    if !status.slots.is_empty() {
        let rows: Vec<_> = status.slots.iter().map(row).collect();
        text.push('\n');
        text.push_str(&table(["RELEASE", "STATE"], &rows, ""));
    }
    text
}

fn row(slot: &Slot) -> [String; 2] {
    let state = match slot.tries_left {
        None => "works".to_owned(),
        Some(0) => "did not work, and is not started".to_owned(),
        Some(left) => format!("on trial, {left} tries left"),
    };
    let runs = if slot.runs { "runs, " } else { "" };
    [slot.version.to_string(), format!("{runs}{state}")]
}

#[cfg(test)]
mod tests {
    use hearth_model::os::ReleaseVersion;

    use super::*;

    #[test]
    fn each_release_is_shown_with_what_it_is_worth() {
        let slot = |patch, runs, tries_left| Slot {
            version: ReleaseVersion::new(1, 0, patch),
            runs,
            tries_left,
            installed_at: None,
            notes: String::new(),
            declined: None,
            back: None,
        };
        let rows =
            [slot(3, false, Some(0)), slot(2, true, Some(1)), slot(1, false, None)].map(|slot| row(&slot));
        let expected = [
            ["1.0.3", "did not work, and is not started"],
            ["1.0.2", "runs, on trial, 1 tries left"],
            ["1.0.1", "works"],
        ];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    }
}
