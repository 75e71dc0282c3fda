/// What is done to the slots.
mod slot;
/// The number of a release.
mod version;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use slot::{InvalidSlotTask, SlotAnswer, SlotProgress, SlotTask, SlotVerb};
pub use version::{InvalidVersion, ReleaseVersion};

use crate::time::Timestamp;

/// Which releases a box is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Channel {
    /// For everyone.
    #[default]
    Stable,
    /// Earlier, for those who try things out. A release that proves itself goes to `stable` as the same bits.
    Beta,
}

impl Channel {
    /// Both, calmest first.
    pub const ALL: [Channel; 2] = [Channel::Stable, Channel::Beta];

    /// Returns its name, which is also its folder on a server.
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Stable => "stable",
            Channel::Beta => "beta",
        }
    }
}

/// One signed version of the operating system, as its channel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Release {
    /// Its number.
    pub version: ReleaseVersion,
    /// SHA-256 of its description, hexadecimal: two releases with the same number are told apart by it.
    pub digest: String,
    /// When it was made, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub released_at: Timestamp,
    /// What is new, in Markdown.
    pub notes: String,
    /// Bytes of its files when nothing of them is there yet.
    pub size_bytes: u64,
}

/// How the way to another release goes on. Transitions are `planner::os_update::next`.
///
/// Every state is kept in the database before anything is done for it, and says what a restart in it does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum UpdateState {
    /// Nothing is known to be new. A restart changes nothing.
    #[default]
    Idle,
    /// The channel is being asked. A restart forgets the question.
    Checking {
        /// What the same channel offered before: it stays on offer where the channel is not reached.
        #[serde(default)]
        offer: Option<Release>,
    },
    /// A release can be installed. A restart changes nothing.
    Available {
        /// Which.
        release: Release,
        /// Why the channel was not reached when it was asked again, for the owner.
        #[serde(default)]
        unreached: Option<String>,
    },
    /// What is missing of it is being fetched. A restart goes on with what is on the disk.
    Downloading {
        /// Which.
        release: Release,
        /// Attempts in a row that brought nothing.
        attempts: u32,
        /// Why the last one ended, and when the next one begins.
        waiting: Option<Waiting>,
    },
    /// Its files are whole and checked, in no slot yet. A restart goes on with installing them.
    Verified {
        /// Which.
        release: Release,
    },
    /// The slot that does not run is being written. A restart writes it again.
    Installing {
        /// Which.
        release: Release,
    },
    /// It is in its slot and the boot loader will try it. A restart of the agent changes nothing, one of the box tries it.
    ReadyToReboot {
        /// Which.
        release: Release,
    },
    /// The box is being restarted to try it. A restart of the agent asks again.
    Rebooting {
        /// Which.
        release: Release,
    },
    /// It is being taken back out before it was ever started. A restart does so again.
    Withdrawing {
        /// Which.
        release: Release,
    },
    /// It runs, on trial: the boot loader counts its tries. A restart of the box uses up one of them.
    Trying {
        /// Which.
        version: ReleaseVersion,
        /// Since when this try runs, UTC.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        since: Timestamp,
    },
    /// It runs and is not healthy: the box goes back. A restart asks for it again.
    Failing {
        /// Which.
        version: ReleaseVersion,
        /// What is wrong, for the owner.
        reason: String,
    },
    /// It proved itself. A restart changes nothing.
    Blessed {
        /// Which.
        version: ReleaseVersion,
        /// When, UTC.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        at: Timestamp,
    },
    /// The release before it is back. A restart changes nothing.
    WentBack {
        /// Which one was not kept.
        from: ReleaseVersion,
        /// Why, for the owner.
        reason: String,
        /// When, UTC.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        at: Timestamp,
    },
    /// The owner goes back to the other slot. A restart of the agent asks again.
    GoingBack {
        /// To which release.
        to: ReleaseVersion,
    },
    /// What the channel, the disk or the slot had was not taken. A restart changes nothing.
    Refused {
        /// Why, for the owner.
        reason: String,
        /// When, UTC.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        at: Timestamp,
    },
}

impl UpdateState {
    /// Returns the name of the state, as it stands in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            UpdateState::Idle => "idle",
            UpdateState::Checking { .. } => "checking",
            UpdateState::Available { .. } => "available",
            UpdateState::Downloading { .. } => "downloading",
            UpdateState::Verified { .. } => "verified",
            UpdateState::Installing { .. } => "installing",
            UpdateState::ReadyToReboot { .. } => "ready_to_reboot",
            UpdateState::Rebooting { .. } => "rebooting",
            UpdateState::Withdrawing { .. } => "withdrawing",
            UpdateState::Trying { .. } => "trying",
            UpdateState::Failing { .. } => "failing",
            UpdateState::Blessed { .. } => "blessed",
            UpdateState::WentBack { .. } => "went_back",
            UpdateState::GoingBack { .. } => "going_back",
            UpdateState::Refused { .. } => "refused",
        }
    }

    /// Returns the release that is on its way into a slot, or waits for it.
    pub const fn release(&self) -> Option<&Release> {
        match self {
            UpdateState::Available { release, .. }
            | UpdateState::Downloading { release, .. }
            | UpdateState::Verified { release }
            | UpdateState::Installing { release }
            | UpdateState::ReadyToReboot { release }
            | UpdateState::Rebooting { release }
            | UpdateState::Withdrawing { release } => Some(release),
            UpdateState::Idle
            | UpdateState::Checking { .. }
            | UpdateState::Trying { .. }
            | UpdateState::Failing { .. }
            | UpdateState::Blessed { .. }
            | UpdateState::WentBack { .. }
            | UpdateState::GoingBack { .. }
            | UpdateState::Refused { .. } => None,
        }
    }
}

/// A download that is tried again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Waiting {
    /// Why the last attempt ended.
    pub reason: String,
    /// When the next one begins, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub until: Timestamp,
}

/// Everything that is remembered of updates; one row of the database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateRecord {
    /// How far it is.
    pub state: UpdateState,
    /// Where the owner wants releases from.
    #[serde(default)]
    pub channel: Channel,
    /// Releases that are not offered again, with the reason.
    #[serde(default)]
    pub declined: BTreeMap<ReleaseVersion, Declined>,
    /// When the channel last answered with something that could be trusted, UTC.
    #[serde(default)]
    pub checked_at: Option<Timestamp>,
    /// The kernel's name of the boot in which the state was written (`/proc/sys/kernel/random/boot_id`).
    #[serde(default)]
    pub boot_id: String,
}

/// Why a release is not offered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Declined {
    /// What it did, for the owner.
    pub reason: String,
    /// When, UTC.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

/// What the boot loader and the kernel say about this start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// The kernel's name of this boot.
    pub id: String,
    /// The release that runs, read from the root itself.
    pub version: ReleaseVersion,
    /// Whether the boot loader still counts its tries.
    pub on_trial: bool,
    /// The releases that the boot loader can start, the one that runs included.
    pub entries: Vec<BootEntry>,
}

impl Boot {
    /// Returns the entry of a release.
    pub fn entry(&self, version: &ReleaseVersion) -> Option<&BootEntry> {
        self.entries.iter().find(|entry| entry.version == *version)
    }
}

/// One release that the boot loader can start
/// ([automatic boot assessment](https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT/)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BootEntry {
    /// Which.
    pub version: ReleaseVersion,
    /// Tries left; `None` once it was blessed, 0 when it is not started any more.
    pub tries_left: Option<u32>,
}

impl BootEntry {
    /// Reads the name of a file below `/EFI/Linux`: `hearth_1.4.0.efi`, `hearth_1.4.0+3.efi` or `hearth_1.4.0+2-1.efi`,
    /// tries left and done ([boot counting](https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT/)). `None` for every other name.
    pub fn of_file(name: &str) -> Option<Self> {
        let stem = name.strip_prefix("hearth_")?.strip_suffix(".efi")?;
        let Some((version, counter)) = stem.split_once('+') else {
            return Some(Self { version: stem.parse().ok()?, tries_left: None });
        };
        let left = counter.split('-').next()?.parse().ok()?;
        Some(Self { version: version.parse().ok()?, tries_left: Some(left) })
    }
}
