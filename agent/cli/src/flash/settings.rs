use std::path::{Path, PathBuf};

use hearth_host::flash::{Owner, Settings, Wifi};
use hearth_model::setup_code::{RANDOM_BYTES, SetupCode};

use super::ask;
use crate::error::{CliError, Exit};
use crate::output::note;

// No documentation comment: it would take the place of the command's own.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "What the device starts with")]
pub(super) struct Args {
    /// Its name in the network; `hearth` otherwise.
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Its time zone, for example Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// A file with public keys that may sign in by SSH, which is off otherwise.
    #[arg(long, value_name = "FILE")]
    ssh_key: Vec<PathBuf>,
    /// The name of its Wi-Fi.
    #[arg(long, value_name = "NAME", requires = "wifi_password_file")]
    wifi: Option<String>,
    /// A file whose first line is the password of the Wi-Fi.
    #[arg(long, value_name = "FILE", requires = "wifi")]
    wifi_password_file: Option<PathBuf>,
    /// The name of the first account.
    #[arg(long, value_name = "NAME", requires = "owner_password_file")]
    owner: Option<String>,
    /// A file whose first line is the password of the first account.
    #[arg(long, value_name = "FILE", requires = "owner")]
    owner_password_file: Option<PathBuf>,
    /// The code that the first page of its dashboard asks for; without this and `--owner`, one is made up and printed.
    #[arg(long, value_name = "CODE", conflicts_with = "owner")]
    setup_code: Option<SetupCode>,
}

impl Args {
    /// Reads what the options name, and checks it.
    pub(super) fn read(&self) -> Result<Settings, CliError> {
        let mut ssh_keys = Vec::new();
        for path in &self.ssh_key {
            let keys = text(path)?;
            let keys = keys.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            ssh_keys.extend(keys.map(str::to_owned));
        }
        let wifi = match (&self.wifi, &self.wifi_password_file) {
            (Some(ssid), Some(file)) => Some(Wifi { ssid: ssid.clone(), password: first_line(file)? }),
            _ => None,
        };
        let owner = match (&self.owner, &self.owner_password_file) {
            (Some(name), Some(file)) => Some(Owner { username: name.clone(), password: first_line(file)? }),
            _ => None,
        };
        let (hostname, time_zone) = (self.hostname.clone(), self.time_zone.clone());
        let setup_code = self.setup_code.clone();
        let settings = Settings { hostname, time_zone, ssh_keys, wifi, owner, setup_code };
        settings.text().map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
        Ok(settings)
    }
}

/// Makes up a set-up code where there is neither one nor an account.
pub(super) fn add_setup_code(settings: &mut Settings) -> Result<(), CliError> {
    if settings.owner.is_none() && settings.setup_code.is_none() {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)
            .map_err(|error| CliError::failed(format!("the system gives no random numbers: {error}")))?;
        settings.setup_code = Some(SetupCode::from_random(random));
    }
    Ok(())
}

/// Asks for the settings; an empty answer leaves one out, and one that the device would not take is asked for again.
pub(super) fn ask() -> Result<Settings, CliError> {
    note("What the device starts with; an empty answer leaves it for later.");
    let mut settings = Settings::default();
    again(&mut settings, |settings| {
        settings.hostname = answer("Name in the network [hearth]: ")?;
        Ok(())
    })?;
    again(&mut settings, |settings| {
        settings.time_zone = answer("Time zone, such as Europe/Berlin: ")?;
        Ok(())
    })?;
    again(&mut settings, |settings| {
        settings.wifi = match answer("Name of the Wi-Fi: ")? {
            Some(ssid) => Some(Wifi { ssid, password: ask::password("Password of the Wi-Fi: ")? }),
            None => None,
        };
        Ok(())
    })?;
    again(&mut settings, |settings| {
        settings.owner = match answer("Name of the first account: ")? {
            Some(username) => Some(Owner { username, password: ask::password("Its password: ")? }),
            None => None,
        };
        Ok(())
    })?;
    Ok(settings)
}

fn again(
    settings: &mut Settings,
    mut question: impl FnMut(&mut Settings) -> Result<(), CliError>,
) -> Result<(), CliError> {
    loop {
        question(settings)?;
        match settings.text() {
            Ok(_) => return Ok(()),
            Err(error) => note(&error.to_string()),
        }
    }
}

fn answer(question: &str) -> Result<Option<String>, CliError> {
    Ok(Some(ask::line(question)?).filter(|answer| !answer.is_empty()))
}

fn first_line(path: &Path) -> Result<String, CliError> {
    Ok(text(path)?.lines().next().unwrap_or_default().to_owned())
}

fn text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::NotFound, format!("`{}` cannot be read: {error}", path.display()))
    })
}
