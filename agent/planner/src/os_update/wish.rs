use hearth_model::os::{Boot, Declined, ReleaseVersion, UpdateRecord, UpdateState};
use jiff::Timestamp;

use super::{Unfit, on_offer};

pub(super) fn check(state: &UpdateState) -> Result<UpdateState, Unfit> {
    match state {
        UpdateState::Available { release, .. } => Ok(UpdateState::Checking { offer: Some(release.clone()) }),
        UpdateState::Idle
        | UpdateState::Blessed { .. }
        | UpdateState::WentBack { .. }
        | UpdateState::Refused { .. } => Ok(UpdateState::Checking { offer: None }),
        UpdateState::Checking { .. } => Err(Unfit::because("the channel is being asked already")),
        UpdateState::Trying { .. } | UpdateState::Failing { .. } => {
            Err(Unfit::because("this release is still on trial; wait until it is settled"))
        }
        UpdateState::Downloading { .. }
        | UpdateState::Verified { .. }
        | UpdateState::Installing { .. }
        | UpdateState::ReadyToReboot { .. }
        | UpdateState::Rebooting { .. }
        | UpdateState::Withdrawing { .. }
        | UpdateState::GoingBack { .. } => Err(Unfit::because(
            "an update is under way; finish it or cancel it with `hearth os cancel` first",
        )),
    }
}

pub(super) fn update(record: &UpdateRecord, boot: &Boot) -> Result<UpdateState, Unfit> {
    match &record.state {
        UpdateState::Available { .. } if boot.on_trial => {
            Err(Unfit::because("this release is still on trial; wait until it is settled"))
        }
        UpdateState::Available { release, .. } => {
            Ok(UpdateState::Downloading { release: release.clone(), attempts: 0, waiting: None })
        }
        UpdateState::Idle
        | UpdateState::Checking { .. }
        | UpdateState::Blessed { .. }
        | UpdateState::WentBack { .. }
        | UpdateState::Refused { .. } => {
            Err(Unfit::because("no new release is known; `hearth os check` asks for one"))
        }
        UpdateState::Downloading { .. }
        | UpdateState::Verified { .. }
        | UpdateState::Installing { .. }
        | UpdateState::ReadyToReboot { .. }
        | UpdateState::Rebooting { .. }
        | UpdateState::Withdrawing { .. }
        | UpdateState::Trying { .. }
        | UpdateState::Failing { .. }
        | UpdateState::GoingBack { .. } => Err(Unfit::because("an update is under way already")),
    }
}

pub(super) fn cancel(
    record: &UpdateRecord,
    boot: &Boot,
    to: &dyn Fn(UpdateState) -> UpdateRecord,
) -> Result<UpdateRecord, Unfit> {
    match &record.state {
        UpdateState::Checking { offer: None } => Ok(to(UpdateState::Idle)),
        UpdateState::Checking { offer: Some(release) }
        | UpdateState::Downloading { release, .. }
        | UpdateState::Verified { release } => Ok(to(on_offer(release.clone()))),
        UpdateState::Installing { release } | UpdateState::ReadyToReboot { release }
            if release.version != boot.version =>
        {
            Ok(to(UpdateState::Withdrawing { release: release.clone() }))
        }
        UpdateState::Rebooting { .. } | UpdateState::GoingBack { .. } => {
            Err(Unfit::because("the box is restarting already"))
        }
        UpdateState::Trying { .. } | UpdateState::Failing { .. } => Err(Unfit::because(
            "the new release runs already; go back with `hearth os back` once it is settled",
        )),
        _ => Err(Unfit::because("there is nothing to cancel")),
    }
}

pub(super) fn go_back(
    record: &UpdateRecord,
    boot: &Boot,
    version: ReleaseVersion,
    now: Timestamp,
) -> Result<UpdateRecord, Unfit> {
    match check(&record.state) {
        Ok(_) if boot.on_trial => {
            return Err(Unfit::because("this release is still on trial; wait until it is settled"));
        }
        Ok(_) => {}
        Err(unfit) => return Err(unfit),
    }
    match boot.entry(&version).map(|entry| entry.tries_left) {
        _ if version == boot.version => Err(Unfit(format!("release {version} is the one that runs"))),
        Some(None) => {
            let reason = format!("You went back from it to {version}.");
            let mut declined = record.declined.clone();
            if boot.version > version {
                declined.insert(boot.version, Declined { reason, at: now });
            }
            let state = UpdateState::GoingBack { to: version };
            Ok(UpdateRecord { state, declined, boot_id: boot.id.clone(), ..record.clone() })
        }
        Some(Some(_)) => Err(Unfit(format!("release {version} never proved that it works on this box"))),
        None => Err(Unfit(format!("release {version} is in no slot; `hearth os status` lists what is"))),
    }
}

pub(super) fn change_channel(state: &UpdateState) -> Result<UpdateState, Unfit> {
    match state {
        // What the other channel offered is not on offer any more.
        UpdateState::Available { .. } | UpdateState::Checking { .. } | UpdateState::Refused { .. } => {
            Ok(UpdateState::Idle)
        }
        UpdateState::Idle | UpdateState::Blessed { .. } | UpdateState::WentBack { .. } => Ok(state.clone()),
        _ => Err(Unfit::because(
            "an update is under way; finish it or cancel it with `hearth os cancel` first",
        )),
    }
}
