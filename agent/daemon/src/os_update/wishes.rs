use hearth_model::api::os::{GoBackRequest, OsSettings, OsStatus};
use hearth_planner::os_update::Event;
use hearth_update::source::Source;
use jiff::Timestamp;

use super::Held;
use super::memory::Memory;
use crate::error::{Error, Result};
use crate::hearth::Hearth;

/// Smallest bound for downloads: below it a release takes longer than a server is waited for.
const LEAST_BYTES_PER_SECOND: u64 = 10_000;

impl Hearth {
    /// Asks the channel for its newest release, at its own address or at the one that is named.
    ///
    /// # Errors
    /// When that is no address, or something is under way.
    pub async fn os_check(&self, from: Option<String>) -> Result<OsStatus> {
        if let Some(from) = &from {
            Source::parse(from).map_err(Error::Refused)?;
        }
        // What one place offers cannot be fetched from another.
        let is_same = self.os.held().memory.from == from;
        let wanted = if is_same { Event::CheckWanted } else { Event::CheckElsewhereWanted };
        self.os_happened(wanted, |memory| {
            memory.from = from;
            memory.tried_at = Some(Timestamp::now());
        })
        .await?;
        Ok(self.os().await)
    }

    /// Installs the release that is available.
    ///
    /// # Errors
    /// When none is.
    pub async fn os_update(&self) -> Result<OsStatus> {
        self.os_wish(Event::UpdateWanted).await
    }

    /// Gives up what goes on.
    ///
    /// # Errors
    /// When nothing goes on, or it is too late.
    pub async fn os_cancel(&self) -> Result<OsStatus> {
        self.os_wish(Event::CancelWanted).await
    }

    /// Restarts the box into the release that is installed.
    ///
    /// # Errors
    /// When none waits for that.
    pub async fn os_reboot(&self) -> Result<OsStatus> {
        self.os_wish(Event::RebootWanted).await
    }

    /// Goes back to the release of the other slot.
    ///
    /// # Errors
    /// When it is in no slot, or something is under way.
    pub async fn os_back(&self, request: GoBackRequest) -> Result<OsStatus> {
        let GoBackRequest { version, with_copy } = request;
        if with_copy && self.os_copy(&self.os.held(), version).is_none() {
            return Err(Error::Refused(format!(
                "there is no copy of Hearth's own data from before release {version} was replaced, or none is needed: go back without it"
            )));
        }
        let note = |memory: &mut Memory| memory.put_back = with_copy.then_some(version);
        self.os_happened(Event::BackWanted(version), note).await?;
        Ok(self.os().await)
    }

    async fn os_wish(&self, event: Event) -> Result<OsStatus> {
        self.os_happened(event, |_| {}).await?;
        Ok(self.os().await)
    }

    /// Changes how updates come.
    ///
    /// # Errors
    /// When a setting cannot be, or another channel is wanted while an update is under way.
    pub async fn set_os_settings(&self, settings: OsSettings) -> Result<OsStatus> {
        let OsSettings { channel, restart_window, bytes_per_second } = settings;
        if let Some(window) = restart_window
            && (window.from_hour > 23 || window.to_hour > 23 || window.from_hour == window.to_hour)
        {
            return Err(Error::Refused(format!(
                "{}-{} is no window for restarts: write two different hours from 0 to 23, like 3-5",
                window.from_hour, window.to_hour
            )));
        }
        if bytes_per_second.is_some_and(|bytes| bytes < LEAST_BYTES_PER_SECOND) {
            return Err(Error::Refused(format!(
                "a download cannot be held below {LEAST_BYTES_PER_SECOND} bytes a second: it would take days"
            )));
        }
        self.os.boot().await?;
        let Held { record, memory: _ } = self.os.held();
        if channel != record.channel {
            self.os_happened(Event::ChannelWanted(channel), |memory| memory.from = None).await?;
        }
        self.os_note(|memory| {
            memory.restart_window = restart_window;
            memory.bytes_per_second = bytes_per_second;
        })
        .await?;
        Ok(self.os().await)
    }
}
