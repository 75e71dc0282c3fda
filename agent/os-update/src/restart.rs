use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearth_host::systemd::Systemd;
use hearth_model::{AppId, AppState, Chain};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::OsUpdates;
use crate::probe::HealthProbe;

/// How long a restart may take to end the agent, which systemd does before it stops apps.
const GONE_WITHIN: Duration = Duration::from_secs(5 * 60);

/// How the box was before a restart: the release that comes has to bring it there again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PreRebootSnapshot {
    /// When it was looked at, UTC.
    pub at: Option<Timestamp>,
    /// Apps that ran and were healthy.
    pub healthy: BTreeSet<AppId>,
    /// Network cards over which there was a way out of the home network: hardware address, and what it was called.
    pub ways_out: BTreeMap<String, String>,
}

impl PreRebootSnapshot {
    /// Records how the box is now.
    pub(crate) fn take(os: &OsUpdates, probe: &dyn HealthProbe) -> Self {
        let apps = probe.apps();
        let healthy = apps.iter().filter(|(_, status)| status.state == AppState::Running);
        Self {
            at: Some(Timestamp::now()),
            healthy: healthy.map(|(id, _)| id.clone()).collect(),
            ways_out: hearth_host::network::ways_out(&os.paths.root),
        }
    }
}

/// Restarts the box into a release that has to show that it works. Resolves only when the restart did not come, and says why.
pub(crate) async fn restart_to_try(os: &OsUpdates, probe: &dyn HealthProbe) -> String {
    let before = PreRebootSnapshot::take(os, probe);
    if let Err(error) = os.update_metadata(|metadata| metadata.before = Some(before)).await {
        tracing::error!("how the box was before its restart cannot be kept: {}", Chain(&error));
    }
    restart().await
}

/// Restarts the box. Apps are systemd's to stop, each within its own grace period (`hearth-apps.service`), as for every
/// restart. Resolves only when the restart did not come, and says why.
pub(crate) async fn restart() -> String {
    tracing::info!("the box restarts");
    let asked = async { Systemd::connect().await?.reboot().await };
    if let Err(error) = asked.await {
        return format!("{}.", Chain(&error));
    }
    tokio::time::sleep(GONE_WITHIN).await;
    format!("The box did not restart within {} s.", GONE_WITHIN.as_secs())
}
