use serde::{Deserialize, Serialize};

use crate::os::{Channel, Release, ReleaseVersion, UpdateState};
use crate::time::Timestamp;

/// `GET /api/v1/os`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OsStatus {
    /// What the operating system calls itself, with its version.
    pub name: String,
    /// Which release of Hearth's own image runs; `None` on any other system.
    pub version: Option<ReleaseVersion>,
    /// Whether Hearth updates it. Nothing below counts when it does not.
    pub managed: bool,
    /// Who updates it, and how, for the owner.
    pub note: String,
    /// How far an update is.
    pub update: OsUpdate,
    /// How far the present step is; `None` for those that have no length.
    pub progress: Option<OsProgress>,
    /// What was looked at while the newest release was on trial; also what was wrong with one that was not kept.
    pub checks: Vec<HealthCheck>,
    /// Lines of the log that show why a release was not kept, oldest first.
    pub log: Vec<String>,
    /// When the channel last answered with something that could be trusted, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub checked_at: Option<Timestamp>,
    /// What the owner set.
    pub settings: OsSettings,
    /// The releases that the box has, newest first.
    pub slots: Vec<Slot>,
}

/// How far an update is: [`UpdateState`] as one flat record, so that clients read every state in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OsUpdate {
    /// Which state.
    pub state: UpdatePhase,
    /// The release that is offered, or on its way into a slot.
    pub release: Option<Release>,
    /// The release that the state is about: that of `release`, the one on trial, the one that was not kept, the one to go
    /// back to.
    pub version: Option<ReleaseVersion>,
    /// Why, for the owner: of a refusal, a release that was not kept, a download that waits, a channel that was not reached
    /// when it was asked again.
    pub reason: Option<String>,
    /// When it came to this state, UTC; of a download that waits: when it goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub at: Option<Timestamp>,
}

/// The names of [`UpdateState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum UpdatePhase {
    /// [`UpdateState::Idle`]
    Idle,
    /// [`UpdateState::Checking`]
    Checking,
    /// [`UpdateState::Available`]
    Available,
    /// [`UpdateState::Downloading`]
    Downloading,
    /// [`UpdateState::Verified`]
    Verified,
    /// [`UpdateState::Installing`]
    Installing,
    /// [`UpdateState::ReadyToReboot`]
    ReadyToReboot,
    /// [`UpdateState::Rebooting`]
    Rebooting,
    /// [`UpdateState::Withdrawing`]
    Withdrawing,
    /// [`UpdateState::Trying`]
    Trying,
    /// [`UpdateState::Failing`]
    Failing,
    /// [`UpdateState::Blessed`]
    Blessed,
    /// [`UpdateState::WentBack`]
    WentBack,
    /// [`UpdateState::GoingBack`]
    GoingBack,
    /// [`UpdateState::Refused`]
    Refused,
}

impl From<&UpdateState> for OsUpdate {
    fn from(state: &UpdateState) -> Self {
        let plain = |state| Self { state, release: None, version: None, reason: None, at: None };
        let of = |state, release: Release| Self {
            version: Some(release.version),
            release: Some(release),
            ..plain(state)
        };
        let about = |state, version| Self { version: Some(version), ..plain(state) };
        // Taken apart rather than looked at: a moment is not `Copy` in the browser.
        match state.clone() {
            UpdateState::Idle => plain(UpdatePhase::Idle),
            UpdateState::Checking { .. } => plain(UpdatePhase::Checking),
            UpdateState::Available { release, unreached: reason } => {
                Self { reason, ..of(UpdatePhase::Available, release) }
            }
            UpdateState::Downloading { release, waiting, .. } => {
                let (reason, at) = waiting.map(|waiting| (waiting.reason, waiting.until)).unzip();
                Self { reason, at, ..of(UpdatePhase::Downloading, release) }
            }
            UpdateState::Verified { release } => of(UpdatePhase::Verified, release),
            UpdateState::Installing { release } => of(UpdatePhase::Installing, release),
            UpdateState::ReadyToReboot { release } => of(UpdatePhase::ReadyToReboot, release),
            UpdateState::Rebooting { release } => of(UpdatePhase::Rebooting, release),
            UpdateState::Withdrawing { release } => of(UpdatePhase::Withdrawing, release),
            UpdateState::Trying { version, since } => {
                Self { at: Some(since), ..about(UpdatePhase::Trying, version) }
            }
            UpdateState::Failing { version, reason } => {
                Self { reason: Some(reason), ..about(UpdatePhase::Failing, version) }
            }
            UpdateState::Blessed { version, at } => {
                Self { at: Some(at), ..about(UpdatePhase::Blessed, version) }
            }
            UpdateState::WentBack { from, reason, at } => {
                Self { reason: Some(reason), at: Some(at), ..about(UpdatePhase::WentBack, from) }
            }
            UpdateState::GoingBack { to } => about(UpdatePhase::GoingBack, to),
            UpdateState::Refused { reason, at } => {
                Self { reason: Some(reason), at: Some(at), ..plain(UpdatePhase::Refused) }
            }
        }
    }
}

/// What an owner may set about updates of the operating system; `PUT /api/v1/os/settings`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OsSettings {
    /// Which releases are offered.
    #[serde(default)]
    pub channel: Channel,
    /// When an installed release may restart the box by itself; `None`: only when the owner says so.
    #[serde(default)]
    pub restart_window: Option<RestartWindow>,
    /// Most bytes a second that a download takes; `None`: as many as come.
    #[serde(default)]
    pub bytes_per_second: Option<u64>,
}

/// Hours of the day in the time zone of the box. One that ends before it begins goes past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RestartWindow {
    /// First hour in which the box may restart, 0 to 23.
    pub from_hour: u8,
    /// First hour in which it may not any more, 0 to 23, another one than `from_hour`.
    pub to_hour: u8,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OsProgress {
    /// Bytes that are done, of `total_bytes`.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes that came over the line, of `fetch_bytes`; 0 for steps other than a download.
    pub fetched_bytes: u64,
    /// Bytes that have to come over the line, as far as that is known.
    pub fetch_bytes: u64,
}

/// One thing that is looked at before a release counts as good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HealthCheck {
    /// What, for the owner: "Docker answers".
    pub name: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was found instead, or what is waited for; empty when it passed.
    pub detail: String,
}

/// What came of a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CheckOutcome {
    /// It may still come.
    Waiting,
    /// It is as it should be.
    Passed,
    /// It is not, and its time is over.
    Failed,
}

/// One release that the box has in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Slot {
    /// Which.
    pub version: ReleaseVersion,
    /// Whether it is the one that runs.
    pub runs: bool,
    /// Tries left; `None` once it was blessed, 0 when it is not started any more
    /// ([automatic boot assessment](https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT/)).
    pub tries_left: Option<u32>,
    /// When this box installed it, UTC; `None` for the one that it was flashed with.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub installed_at: Option<Timestamp>,
    /// What was new in it, in Markdown; empty when that is not known.
    pub notes: String,
    /// Why it was not kept, when it was not.
    pub declined: Option<String>,
    /// What going back to it takes; `None` where the owner cannot.
    pub back: Option<GoBack>,
}

/// What going back to a release takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GoBack {
    /// The copy of Hearth's own data from before it was changed for the release that runs, where it was: when that was, UTC.
    /// Without it the older release keeps what it can read of the data as it is.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub copy_of: Option<Timestamp>,
    /// What would be lost with the copy, a sentence each: changes since then.
    pub loses: Vec<String>,
}

/// `POST /api/v1/os/check`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CheckOs {
    /// Where the channel is, this time: the path of a folder, such as that of a USB stick, or an address. `None`: where the
    /// image says.
    #[serde(default)]
    pub from: Option<String>,
}

/// `POST /api/v1/os/back`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GoBackRequest {
    /// To which release.
    pub version: ReleaseVersion,
    /// Whether Hearth's own data is put back to the copy as well. Data of apps stays in either case.
    #[serde(default)]
    pub with_copy: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_called_as_the_states_are() {
        let at = Timestamp::UNIX_EPOCH;
        let version = ReleaseVersion::new(1, 2, 3);
        let states = [
            UpdateState::Idle,
            UpdateState::Trying { version, since: at },
            UpdateState::WentBack { from: version, reason: "It hung.".to_owned(), at },
            UpdateState::GoingBack { to: version },
            UpdateState::Refused { reason: "It was cut off.".to_owned(), at },
        ];
        for state in states {
            let flat = serde_json::to_value(OsUpdate::from(&state)).unwrap();
            assert_eq!(flat["state"], state.name());
        }
    }
}
