use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hearth_model::observed::EngineState;
use hearth_model::{AppId, AppState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::OsUpdates;
use crate::probe::HealthProbe;
use crate::restart::PreRebootSnapshot;

/// How long one check may take.
const CHECK_WITHIN: Duration = Duration::from_secs(10);
/// Most of an answer that is looked at, in bytes: its first line.
const HEAD_BYTES: usize = 64;

/// One thing that has to be as it was before the restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// The agent's data.
    Database,
    /// The engine.
    Docker,
    /// The ways out of the home network.
    Network {
        /// Network cards that had one: hardware address, and what it was called.
        before: BTreeMap<String, String>,
    },
    /// The dashboard, at its own address.
    Dashboard,
    /// An app that was healthy.
    App {
        /// Which.
        id: AppId,
        /// What its owner calls it.
        name: String,
    },
}

impl Check {
    /// Returns everything that has to hold, given how the box was.
    pub(super) async fn all(probe: &dyn HealthProbe, before: &PreRebootSnapshot) -> Vec<Self> {
        let mut checks = vec![Self::Database, Self::Docker, Self::Dashboard];
        if !before.ways_out.is_empty() {
            checks.push(Self::Network { before: before.ways_out.clone() });
        }
        // What is not wanted to run any more need not.
        let wanted = probe.wanted_apps().await;
        checks.extend(before.healthy.iter().filter_map(|id| {
            let name = wanted.get(id)?;
            Some(Self::App { id: id.clone(), name: name.clone() })
        }));
        checks
    }

    /// Returns what is looked at, for the owner.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Database => "Hearth's own data can be read and written".to_owned(),
            Self::Docker => "Docker answers".to_owned(),
            Self::Network { .. } => "The network is as before".to_owned(),
            Self::Dashboard => "The dashboard answers".to_owned(),
            Self::App { name, .. } => format!("{name} runs as before"),
        }
    }

    /// Returns how long it may take after the agent started.
    pub(super) fn limit(&self) -> Duration {
        let mins = match self {
            Self::Database => 1,
            Self::Dashboard => 2,
            Self::Network { .. } => 3,
            Self::Docker => 5,
            // Docker, and then some that take minutes to load.
            Self::App { .. } => 15,
        };
        Duration::from_secs(60 * mins)
    }

    /// Checks it once.
    ///
    /// # Errors
    /// Says what was found instead, in a sentence.
    pub(super) async fn run(&self, os: &OsUpdates, probe: &dyn HealthProbe) -> Result<(), String> {
        let check = async {
            match self {
                Self::Database => database(os).await,
                Self::Docker => match probe.engine_state() {
                    EngineState::Ready { .. } => Ok(()),
                    EngineState::Unknown => Err("Docker was not asked yet.".to_owned()),
                    EngineState::Starting => Err("Docker is still starting.".to_owned()),
                    EngineState::Unreachable { reason } => Err(format!("Docker does not answer: {reason}")),
                },
                Self::Network { before } => network(before, &hearth_host::network::ways_out(&os.paths.root)),
                Self::Dashboard => dashboard(probe).await,
                Self::App { id, name } => app(probe, id, name),
            }
        };
        let late = |_| Err(format!("It did not answer within {} s.", CHECK_WITHIN.as_secs()));
        tokio::time::timeout(CHECK_WITHIN, check).await.unwrap_or_else(late)
    }
}

/// Looks for the cards that had a way out; what else there is now does not count.
fn network(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Result<(), String> {
    let lost = before.iter().filter(|(address, _)| !now.contains_key(*address));
    let lost: Vec<String> = lost.map(|(address, name)| format!("{name} ({address})")).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(format!(
        "There is no way out of the home network over {}, and there was one before.",
        lost.join(", ")
    ))
}

/// Writes what is remembered, and reads it back.
async fn database(os: &OsUpdates) -> Result<(), String> {
    let failed = |error: crate::Error| format!("{error}.");
    os.update_metadata(|_| {}).await.map_err(failed)?;
    if os.store.load().await.map_err(failed)? == os.stored() {
        return Ok(());
    }
    Err("What was written cannot be read back.".to_owned())
}

/// Asks for the page as a browser would, at the address that the service listens on.
async fn dashboard(probe: &dyn HealthProbe) -> Result<(), String> {
    let text = std::fs::read_to_string(probe.address_file())
        .map_err(|error| format!("Where the dashboard listens is not known: {error}."))?;
    let mut address: SocketAddr =
        text.trim().parse().map_err(|error| format!("`{}` is no address: {error}.", text.trim()))?;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        stream.take(HEAD_BYTES as u64).read_to_end(&mut head).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned())
    };
    let answer = ask.await.map_err(|error| format!("{address} does not answer: {error}."))?;
    if answer.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(format!("{address} answers `{answer}` in place of the page."))
}

fn app(probe: &dyn HealthProbe, id: &AppId, name: &str) -> Result<(), String> {
    let apps = probe.apps();
    let Some(status) = apps.get(id) else { return Err(format!("{name} was not looked at yet.")) };
    if status.state == AppState::Running {
        return Ok(());
    }
    let why = status.reason.as_ref().map(|reason| format!(": {}", reason.message)).unwrap_or_default();
    Err(format!("{name} was healthy before and is not now{}.", why.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_that_lost_its_way_out_is_named_and_a_new_name_does_not_count() {
        let cards = |cards: &[(&str, &str)]| -> BTreeMap<String, String> {
            cards.iter().map(|(address, name)| ((*address).to_owned(), (*name).to_owned())).collect()
        };
        let before = cards(&[("52:54:00:12:34:56", "eth0"), ("02:00:00:00:00:01", "wlan0")]);
        let renamed = cards(&[
            ("52:54:00:12:34:56", "enp1s0"),
            ("02:00:00:00:00:01", "wlan0"),
            ("02:00:00:00:00:02", "eth1"),
        ]);
        assert_eq!(network(&before, &renamed), Ok(()));
        let lost = network(&before, &cards(&[("52:54:00:12:34:56", "eth0")])).unwrap_err();
        assert!(lost.contains("wlan0 (02:00:00:00:00:01)"), "{lost}");
    }
}
