use hearth_model::api::os::{GoBackRequest, OsSettings, OsStatus};
use hearth_planner::os_update::Event;
use hearth_update::source::Source;
use jiff::Timestamp;

use crate::metadata::UpdateMetadata;
use crate::{Error, OsUpdates, Result, StoredState};

/// Smallest bound for downloads: below it a release takes longer than a server is waited for.
const LEAST_BYTES_PER_SECOND: u64 = 10_000;

impl OsUpdates {
    /// Asks the channel for its newest release, at its own address or at the one that is named.
    ///
    /// # Errors
    /// When that is no address, or something is under way.
    pub async fn check(&self, from: Option<String>) -> Result<OsStatus> {
        if let Some(from) = &from {
            Source::parse(from).map_err(Error::Refused)?;
        }
        // What one place offers cannot be fetched from another.
        let is_same = self.stored().metadata.from == from;
        let wanted = if is_same { Event::CheckWanted } else { Event::CheckElsewhereWanted };
        self.apply(wanted, |metadata| {
            metadata.from = from;
            metadata.tried_at = Some(Timestamp::now());
        })
        .await?;
        Ok(self.status().await)
    }

    /// Installs the release that is available.
    ///
    /// # Errors
    /// When none is.
    pub async fn install(&self) -> Result<OsStatus> {
        self.request(Event::UpdateWanted).await
    }

    /// Gives up what goes on.
    ///
    /// # Errors
    /// When nothing goes on, or it is too late.
    pub async fn cancel(&self) -> Result<OsStatus> {
        self.request(Event::CancelWanted).await
    }

    /// Restarts the box into the release that is installed.
    ///
    /// # Errors
    /// When none waits for that.
    pub async fn reboot(&self) -> Result<OsStatus> {
        self.request(Event::RebootWanted).await
    }

    /// Goes back to the release of the other slot.
    ///
    /// # Errors
    /// When it is in no slot, or something is under way.
    pub async fn go_back(&self, request: GoBackRequest) -> Result<OsStatus> {
        let GoBackRequest { version, with_copy } = request;
        if with_copy && self.copy_of(&self.stored(), version).is_none() {
            return Err(Error::Refused(format!(
                "there is no copy of Hearth's own data from before release {version} was replaced, or none is needed: go back without it"
            )));
        }
        let note = |metadata: &mut UpdateMetadata| metadata.put_back = with_copy.then_some(version);
        self.apply(Event::BackWanted(version), note).await?;
        Ok(self.status().await)
    }

    async fn request(&self, event: Event) -> Result<OsStatus> {
        self.apply(event, |_| {}).await?;
        Ok(self.status().await)
    }

    /// Changes how updates come.
    ///
    /// # Errors
    /// When a setting cannot be, or another channel is wanted while an update is under way.
    pub async fn set_settings(&self, settings: OsSettings) -> Result<OsStatus> {
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
        self.boot().await?;
        let StoredState { record, metadata: _ } = self.stored();
        if channel != record.channel {
            self.apply(Event::ChannelWanted(channel), |metadata| metadata.from = None).await?;
        }
        self.update_metadata(|metadata| {
            metadata.restart_window = restart_window;
            metadata.bytes_per_second = bytes_per_second;
        })
        .await?;
        Ok(self.status().await)
    }
}
