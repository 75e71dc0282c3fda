/// Shows how far an update is.
mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use hearth_model::api::os::{CheckOs, GoBackRequest, OsSettings, OsStatus, RestartWindow, UpdatePhase};
use hearth_model::os::{Channel, ReleaseVersion};
use hyper::Method;

use super::client::Client;
use super::error::{CliError, Exit};
use super::output::{Output, Ticker};

/// How often the service is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows the running system, the progress of an update, and which releases the box can start.
    Status,
    /// Checks for a newer release.
    Check {
        /// Checks this folder, such as that of a USB stick, instead of the usual address.
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Downloads the available release and installs it beside the running one.
    Update {
        /// Waits until it is installed, and shows progress.
        #[arg(long)]
        wait: bool,
    },
    /// Cancels the update; possible until the box restarts.
    Cancel,
    /// Restarts the box into the release that is installed.
    Reboot,
    /// Restarts the box into the release of the other slot.
    Back {
        /// Which; `hearth os status` lists them.
        version: ReleaseVersion,
        /// Restores Hearth's own data from the copy made before the running release; what changed since is lost.
        #[arg(long)]
        with_copy: bool,
    },
    /// Shows and changes the settings of updates.
    Settings(Settings),
}

#[derive(Debug, clap::Args)]
pub(super) struct Settings {
    /// Which releases are offered: stable or beta.
    #[arg(long, value_parser = channel)]
    channel: Option<Channel>,
    /// Hours of the day in which an installed release may restart the box by itself, as in 3-5; or none.
    #[arg(long, value_name = "FROM-TO|none", value_parser = window)]
    restart_window: Option<Wish<RestartWindow>>,
    /// Most bytes a second that a download takes, as in 500kB or 2MB; or none.
    #[arg(long, value_name = "BYTES|none", value_parser = rate)]
    limit: Option<Wish<u64>>,
}

/// What a person writes for something that there need not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish<T>(Option<T>);

pub(super) async fn run(client: &Client, output: &Output, command: Command) -> Result<(), CliError> {
    match command {
        Command::Status => output.value(&client.get::<OsStatus>("/os").await?, show::status),
        Command::Check { from } => check(client, output, from).await,
        Command::Update { wait } => {
            let status: OsStatus = client.post("/os/update").await?;
            if !wait {
                return output.value(&status, show::update);
            }
            let status = until(client, output, status, |phase| {
                matches!(phase, UpdatePhase::Downloading | UpdatePhase::Verified | UpdatePhase::Installing)
            })
            .await?;
            ended(output, &status, UpdatePhase::ReadyToReboot)
        }
        Command::Cancel => output.value(&client.post::<OsStatus>("/os/cancel").await?, show::update),
        Command::Reboot => output.value(&client.post::<OsStatus>("/os/reboot").await?, show::update),
        Command::Back { version, with_copy } => {
            let request = GoBackRequest { version, with_copy };
            output.value(&client.send::<OsStatus>(Method::POST, "/os/back", &request).await?, show::update)
        }
        Command::Settings(wanted) => settings(client, output, wanted).await,
    }
}

async fn check(client: &Client, output: &Output, from: Option<PathBuf>) -> Result<(), CliError> {
    // The service has another working directory.
    let from = from.map(|folder| {
        std::fs::canonicalize(&folder).map(|folder| folder.display().to_string()).map_err(|error| {
            let message = format!("the folder {} cannot be opened: {error}", folder.display());
            CliError::new(Exit::NotFound, message)
        })
    });
    let request = CheckOs { from: from.transpose()? };
    let status: OsStatus = client.send(Method::POST, "/os/check", &request).await?;
    let status = until(client, output, status, |phase| phase == UpdatePhase::Checking).await?;
    // Also of a channel that was not reached, while what it offered before stays on offer.
    let has_failed = status.update.state == UpdatePhase::Refused
        || status.update.state == UpdatePhase::Available && status.update.reason.is_some();
    if has_failed { failed(output, &status) } else { output.value(&status, show::update) }
}

async fn settings(client: &Client, output: &Output, wanted: Settings) -> Result<(), CliError> {
    let Settings { channel, restart_window, limit } = wanted;
    let mut status: OsStatus = client.get("/os").await?;
    let now = status.settings.clone();
    let settings = OsSettings {
        channel: channel.unwrap_or(now.channel),
        restart_window: restart_window.map_or(now.restart_window, |Wish(window)| window),
        bytes_per_second: limit.map_or(now.bytes_per_second, |Wish(bytes)| bytes),
    };
    if settings != status.settings {
        status = client.send(Method::PUT, "/os/settings", &settings).await?;
    }
    output.value(&status.settings, show::settings)
}

/// Waits as long as an update is in one of some states, telling how far it is on standard error.
async fn until(
    client: &Client,
    output: &Output,
    mut status: OsStatus,
    goes_on: impl Fn(UpdatePhase) -> bool,
) -> Result<OsStatus, CliError> {
    let mut ticker = Ticker::default();
    while goes_on(status.update.state) {
        if !output.is_json() {
            ticker.show(&show::update(&status));
        }
        tokio::time::sleep(ASK_EVERY).await;
        status = client.get("/os").await?;
    }
    ticker.finish();
    Ok(status)
}

/// Shows where an update came to rest, and fails where that is not its goal.
fn ended(output: &Output, status: &OsStatus, goal: UpdatePhase) -> Result<(), CliError> {
    if status.update.state == goal { output.value(status, show::update) } else { failed(output, status) }
}

fn failed(output: &Output, status: &OsStatus) -> Result<(), CliError> {
    if output.is_json() {
        output.value(status, show::update)?;
    }
    Err(CliError::failed(show::update(status)))
}

fn channel(text: &str) -> Result<Channel, String> {
    Channel::ALL
        .into_iter()
        .find(|channel| channel.name() == text)
        .ok_or_else(|| "write stable or beta".to_owned())
}

fn window(text: &str) -> Result<Wish<RestartWindow>, String> {
    if text == "none" {
        return Ok(Wish(None));
    }
    let hours = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from_hour, to_hour) = hours.ok_or("write two hours from 0 to 23, as in 3-5, or none")?;
    Ok(Wish(Some(RestartWindow { from_hour, to_hour })))
}

fn rate(text: &str) -> Result<Wish<u64>, String> {
    if text == "none" {
        return Ok(Wish(None));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "B" => 1,
        "kB" | "k" => 1_000,
        "MB" | "M" => 1_000_000,
        "GB" | "G" => 1_000_000_000_u64,
        _ => return Err("write bytes a second, as in 500kB or 2MB, or none".to_owned()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes
        .map(|bytes| Wish(Some(bytes)))
        .ok_or_else(|| "write bytes a second, as in 500kB or 2MB, or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_need_not_be_is_read() {
        assert_eq!(window("23-4"), Ok(Wish(Some(RestartWindow { from_hour: 23, to_hour: 4 }))));
        assert_eq!(window("none"), Ok(Wish(None)));
        for bad in ["", "3", "3-", "a-b", "3-5-7", "300-2"] {
            assert!(window(bad).is_err(), "{bad}");
        }
        for (text, bytes) in
            [("2MB", 2_000_000), ("500kB", 500_000), ("12345", 12_345), ("1G", 1_000_000_000)]
        {
            assert_eq!(rate(text), Ok(Wish(Some(bytes))));
        }
        assert_eq!(rate("none"), Ok(Wish(None)));
        for bad in ["", "MB", "2 MB", "-1", "99999999999999999999", "9999999999999999GB"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
