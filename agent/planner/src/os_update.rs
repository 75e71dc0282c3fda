//! The way of the box from one release of the operating system to the next, and back.
//!
//! [`next`] says what an event makes of what is remembered, [`work`] what has to be done in a state. The driver stores
//! the record before it does the work, and every piece of work may be done again, so a cut at any instant ends where the
//! next [`Event::Started`] takes it up. Two rules hold whatever happens, and are held by property tests: nothing is written
//! while the release that runs is on trial, because the other slot is then the only one that is known to be good; and a
//! release that was tried and not kept is not offered again. The drawing is in `docs/os-updates.md`.

/// What a start of the agent makes of what is remembered.
mod start;
/// What the owner may want in which state.
mod wish;
/// What has to be done in a state.
mod work;

use hearth_model::os::{Boot, Channel, Release, ReleaseVersion, UpdateRecord, UpdateState, Waiting};
use jiff::{SignedDuration, Timestamp};

pub use work::{Work, work};

/// The wait after the first attempt of a download that brought nothing; it doubles with each.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
/// The longest wait between two attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// Attempts in a row that brought nothing before a download is given up: more than five hours.
pub const MAX_ATTEMPTS: u32 = 30;

/// What happened, or what somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent started.
    Started,
    /// The owner, or the time of day, wants the channel to be asked.
    CheckWanted,
    /// The owner wants another place to be asked than the one that was asked before.
    CheckElsewhereWanted,
    /// The channel was asked and can be trusted; this is the newest release that it has.
    Answered(Release),
    /// The channel was not reached. What it offered before stays on offer.
    Unreachable(String),
    /// The channel said something that is not to be trusted.
    Distrusted(String),
    /// The owner wants the release that is available.
    UpdateWanted,
    /// The owner does not want it any more.
    CancelWanted,
    /// Some of the download arrived and it ended all the same, or nothing arrived.
    DownloadBroke {
        /// Why.
        reason: String,
        /// Whether anything arrived.
        progressed: bool,
    },
    /// The download cannot be, however often it is tried.
    DownloadRefused(String),
    /// Every file is there and checked.
    Downloaded,
    /// The files lie where they are installed from.
    Staged,
    /// The slot was written and read back, and the boot loader knows of it.
    Installed,
    /// The slot could not be written.
    InstallFailed(String),
    /// The boot loader no longer knows of it.
    Withdrawn,
    /// The owner, or the time of day, wants the box to restart into it.
    RebootWanted,
    /// The box could not be restarted.
    RebootFailed(String),
    /// The release that runs passed every check.
    Healthy,
    /// It did not.
    Unhealthy(String),
    /// The owner wants the release of the other slot.
    BackWanted(ReleaseVersion),
    /// The owner wants another channel.
    ChannelWanted(Channel),
}

/// Why an event changes nothing: the sentence is for the owner, and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(pub String);

impl Unfit {
    fn because(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Returns what an event makes of what is remembered.
///
/// # Errors
/// Says why the event does not fit the state; what is remembered stays then.
pub fn next(record: &UpdateRecord, boot: &Boot, event: Event, now: Timestamp) -> Result<UpdateRecord, Unfit> {
    let to = |state: UpdateState| UpdateRecord { state, boot_id: boot.id.clone(), ..record.clone() };
    match event {
        Event::Started => Ok(start::started(record, boot, now)),
        Event::CheckWanted => wish::check(&record.state).map(to),
        Event::CheckElsewhereWanted => {
            wish::check(&record.state).map(|_| to(UpdateState::Checking { offer: None }))
        }
        Event::Answered(release) => {
            let state = answered(record, boot, release)?;
            Ok(UpdateRecord { checked_at: Some(now), ..to(state) })
        }
        Event::Unreachable(reason) => match &record.state {
            UpdateState::Checking { offer: Some(release) } => {
                Ok(to(UpdateState::Available { release: release.clone(), unreached: Some(reason) }))
            }
            UpdateState::Checking { offer: None } => Ok(to(UpdateState::Refused { reason, at: now })),
            _ => Err(late()),
        },
        Event::Distrusted(reason) => match &record.state {
            UpdateState::Checking { .. } => Ok(to(UpdateState::Refused { reason, at: now })),
            _ => Err(late()),
        },
        Event::UpdateWanted => wish::update(record, boot).map(to),
        Event::CancelWanted => wish::cancel(record, boot, &to),
        Event::DownloadBroke { reason, progressed } => broke(&record.state, reason, progressed, now).map(to),
        Event::DownloadRefused(reason) => match &record.state {
            UpdateState::Downloading { .. } => Ok(to(UpdateState::Refused { reason, at: now })),
            _ => Err(late()),
        },
        Event::Downloaded => match &record.state {
            UpdateState::Downloading { release, .. } => {
                Ok(to(UpdateState::Verified { release: release.clone() }))
            }
            _ => Err(late()),
        },
        Event::Staged => match &record.state {
            UpdateState::Verified { release } if !boot.on_trial => {
                Ok(to(UpdateState::Installing { release: release.clone() }))
            }
            _ => Err(late()),
        },
        Event::Installed => match &record.state {
            UpdateState::Installing { release } => {
                Ok(to(UpdateState::ReadyToReboot { release: release.clone() }))
            }
            _ => Err(late()),
        },
        Event::InstallFailed(reason) => match &record.state {
            UpdateState::Verified { .. } | UpdateState::Installing { .. } => {
                Ok(to(UpdateState::Refused { reason, at: now }))
            }
            _ => Err(late()),
        },
        Event::Withdrawn => match &record.state {
            UpdateState::Withdrawing { release } => Ok(to(on_offer(release.clone()))),
            _ => Err(late()),
        },
        Event::RebootWanted => match &record.state {
            UpdateState::ReadyToReboot { release } => {
                Ok(to(UpdateState::Rebooting { release: release.clone() }))
            }
            _ => Err(Unfit::because(
                "nothing waits for a restart; `hearth os status` says how far the update is",
            )),
        },
        Event::RebootFailed(reason) => match &record.state {
            UpdateState::Rebooting { release } => {
                Ok(to(UpdateState::ReadyToReboot { release: release.clone() }))
            }
            UpdateState::GoingBack { .. } => Ok(to(UpdateState::Refused { reason, at: now })),
            _ => Err(late()),
        },
        Event::Healthy => match &record.state {
            UpdateState::Trying { version, .. } => {
                Ok(to(UpdateState::Blessed { version: *version, at: now }))
            }
            _ => Err(late()),
        },
        Event::Unhealthy(reason) => match &record.state {
            UpdateState::Trying { version, .. } => Ok(to(UpdateState::Failing { version: *version, reason })),
            _ => Err(late()),
        },
        Event::BackWanted(version) => wish::go_back(record, boot, version, now),
        Event::ChannelWanted(channel) => {
            let state = wish::change_channel(&record.state)?;
            Ok(UpdateRecord { channel, ..to(state) })
        }
    }
}

fn late() -> Unfit {
    Unfit::because("that came too late: the update has moved on; `hearth os status` says how far it is")
}

fn answered(record: &UpdateRecord, boot: &Boot, release: Release) -> Result<UpdateState, Unfit> {
    let UpdateState::Checking { .. } = record.state else { return Err(late()) };
    let is_new = release.version > boot.version && !record.declined.contains_key(&release.version);
    Ok(if is_new { on_offer(release) } else { UpdateState::Idle })
}

fn on_offer(release: Release) -> UpdateState {
    UpdateState::Available { release, unreached: None }
}

fn broke(
    state: &UpdateState,
    reason: String,
    progressed: bool,
    now: Timestamp,
) -> Result<UpdateState, Unfit> {
    let UpdateState::Downloading { release, attempts, .. } = state else { return Err(late()) };
    let attempts = if progressed { 1 } else { attempts.saturating_add(1) };
    if attempts >= MAX_ATTEMPTS {
        let reason =
            format!("the download was given up after {attempts} attempts that brought nothing: {reason}");
        return Ok(UpdateState::Refused { reason, at: now });
    }
    let wait = (FIRST_WAIT * 2_i32.saturating_pow(attempts.saturating_sub(1).min(10))).min(LONGEST_WAIT);
    let waiting = Some(Waiting { reason, until: crate::retry::later(now, wait) });
    Ok(UpdateState::Downloading { release: release.clone(), attempts, waiting })
}
