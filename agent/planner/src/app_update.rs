//! The way of an app from one version to the next.
//!
//! ```text
//!                         ┌──────────┐  images are there   ┌───────────┐  containers are made  ┌───────────┐
//!  the owner updates ───► │ Fetching │ ──────────────────► │ Switching │ ────────────────────► │ Probation │
//!                         └────┬─────┘                     └─────┬─────┘                       └──┬─────┬──┘
//!                              │ refused, or 3 tries             │ refused, or 3 tries            │     │ healthy
//!                              │                                 │         fails, or the deadline │     ▼
//!                              │                                 ▼                                │  ┌──────┐
//!                              │                           ┌───────────┐                          │  │ Done │
//!                              └─────────────────────────► │ Reverting │ ◄────────────────────────┘  └──────┘
//!                                                          └─────┬─────┘
//!                                                                │ old data is back, old containers are made
//!                                                                ▼
//!                                                          ┌──────────┐
//!                                                          │ Reverted │
//!                                                          └──────────┘
//!
//! Fetching -> Switching
//! Fetching -> Reverting
//! Switching -> Probation
//! Switching -> Reverting
//! Probation -> Probation
//! Probation -> Done
//! Probation -> Reverting
//! Reverting -> Reverted
//! ```
//!
//! While it is Fetching the old version runs untouched. Switching stops it, copies its data aside and replaces every
//! container. Reverting begins with a new generation, made by Hearth, whose entry is [`AppUpdate::from`]; until that is
//! in force nothing is started. An owner who goes back by hand puts the record from Done into Reverting.
//!
//! In Probation the new version has to be well for a while without a break, its page included; when that while begins and
//! when it is broken off is recorded, which leads from Probation to Probation. A way back whose steps fail over and over
//! ends as well: as Reverted where the old data is back, else it stays Reverting, is shown as failed, and is tried again
//! with the app's back-off or when the owner asks.

use hearth_model::condition::ReasonCode;
use hearth_model::desired::Run;
use hearth_model::observed::{DataState, EngineState};
use hearth_model::update::{AppUpdate, UpdatePhase};
use hearth_model::{AppId, AppSpec, Reason, ServiceName};
use jiff::{SignedDuration, Timestamp};

use crate::converge::{Converge, Keep, Starts, fetch};
use crate::health::verdict_within;
use crate::retry::later;
use crate::world::World;
use crate::{Failure, Input, Timing};
use probation::Verdict;

/// Whether the new version proved itself.
mod probation;

/// Every transition there is, by the names of the phases, as it is drawn above.
pub const TRANSITIONS: [(&str, &str); 8] = [
    ("Fetching", "Switching"),
    ("Fetching", "Reverting"),
    ("Switching", "Probation"),
    ("Switching", "Reverting"),
    ("Probation", "Probation"),
    ("Probation", "Done"),
    ("Probation", "Reverting"),
    ("Reverting", "Reverted"),
];

/// A step that failed so often in a row ends the update.
const TRIES: u32 = 3;

/// Returns the next phase of an app's update, or `None` while it stays in the one it is in.
///
/// Call it again with what it returned until it returns `None`, store the last phase, and only then plan. `log` of
/// [`UpdatePhase::Reverting`] is empty unless a step's failure brought one: [`culprit`] names the service whose log to add.
pub fn next(app: &AppId, update: &AppUpdate, input: &Input<'_>) -> Option<UpdatePhase> {
    if !matches!(input.observed.engine, EngineState::Ready { .. }) {
        return None;
    }
    // Nothing can be said of an app whose disk is away.
    if !matches!(input.observed.data.get(app), Some(DataState::New | DataState::Present)) {
        return None;
    }
    let world = World::new(input);
    match &update.phase {
        UpdatePhase::Fetching | UpdatePhase::Switching | UpdatePhase::Probation { .. } => {
            forward(&world, app, update)
        }
        UpdatePhase::Reverting { reason, log } => {
            let reverted = |reason: String| UpdatePhase::Reverted { reason, log: log.clone(), at: input.now };
            if is_back(&world, app, update) {
                return Some(reverted(reason.clone()));
            }
            // With its data back the old version is an app like any other, whose failure the owner reads as its state.
            let failure = input.failure(app).filter(|failure| is_given_up(failure))?;
            has_old_data(input, app, update).then(|| {
                reverted(format!(
                    "{reason} The version before and its data are back, but it could not be started: {}",
                    failure.reason.message
                ))
            })
        }
        UpdatePhase::Done { .. } | UpdatePhase::Reverted { .. } => None,
    }
}

/// Returns the service whose log shows why the new version is not kept, where one service is to blame. `update` and
/// `input` are those that [`next`] answered with Reverting: with the old version desired again nothing is to be found.
pub fn culprit(app: &AppId, update: &AppUpdate, input: &Input<'_>) -> Option<ServiceName> {
    let world = World::new(input);
    let spec = input.spec(app)?;
    let reason = refusal(&world, app, spec).or_else(|| match probation::verdict(&world, spec) {
        Verdict::Fails(reason) => Some(reason),
        Verdict::Healthy => None,
        Verdict::NotYet { waits_for } => {
            matches!(update.phase, UpdatePhase::Probation { .. }).then_some(waits_for)
        }
    })?;
    reason.service?.parse().ok()
}

/// Returns how long a new version may take to get healthy: what the health checks of its longest chain of dependencies
/// need, within the bounds of [`Timing`].
pub fn probation(spec: &AppSpec, timing: &Timing) -> SignedDuration {
    let own = |service: &ServiceName| verdict_within(spec.services[service].container.healthcheck.as_ref());
    let layers = crate::order::of(spec).map(|order| order.layers).unwrap_or_default();
    let chain = layers.iter().filter_map(|layer| layer.iter().map(|service| own(service)).max());
    let needed = chain.fold(timing.settle, SignedDuration::saturating_add);
    let longest = timing.probation_max.max(timing.probation_min);
    let shortest = if crate::page::service(spec).is_some() {
        timing.page_probation.clamp(timing.probation_min, longest)
    } else {
        timing.probation_min
    };
    needed.clamp(shortest, longest)
}

/// Tells whether the copy of the old data is there.
pub(crate) fn has_snapshot(input: &Input<'_>, app: &AppId, update: &AppUpdate) -> bool {
    let snapshots = input.observed.snapshots.get(app).into_iter().flatten();
    snapshots.into_iter().any(|snapshot| snapshot.name == update.snapshot)
}

/// Tells whether the old data has to come back: a copy was made and is not back yet.
pub(crate) fn needs_restore(input: &Input<'_>, app: &AppId, update: &AppUpdate) -> bool {
    has_snapshot(input, app, update) && input.observed.restored_from.get(app) != Some(&update.snapshot)
}

/// Returns when the phase may change although nothing happens.
pub(crate) fn look_again_at(world: &World<'_>, spec: &AppSpec, update: &AppUpdate) -> Option<Timestamp> {
    let UpdatePhase::Probation { deadline, well_since } = update.phase else { return None };
    let proven = well_since.map(|since| probation::proven_at(world, spec, since));
    Some(proven.unwrap_or_else(|| last_moment(world, spec, deadline)))
}

fn forward(world: &World<'_>, app: &AppId, update: &AppUpdate) -> Option<UpdatePhase> {
    let input = &world.input;
    let entry = input.desired.apps.get(app)?;
    if entry.digest != update.to {
        return Some(reverting("Another version was chosen meanwhile.".to_owned(), Vec::new()));
    }
    let spec = match input.specs.get(app)? {
        Ok(spec) => spec,
        Err(reason) => return Some(given_up(reason)),
    };
    if let Some(reason) = refusal(world, app, spec) {
        return Some(given_up(&reason));
    }
    match &update.phase {
        UpdatePhase::Fetching => {
            let mut images = spec.services.values().map(|service| &service.container.image);
            images.all(|image| input.observed.images.contains(image)).then_some(UpdatePhase::Switching)
        }
        UpdatePhase::Switching => {
            is_made(world, spec, Keep::OfPackage(&update.to)).then(|| UpdatePhase::Probation {
                deadline: later(input.now, probation(spec, &input.timing)),
                well_since: None,
            })
        }
        // What does not run cannot prove itself; its snapshot stays for the owner to go back.
        UpdatePhase::Probation { .. } if entry.run == Run::Stopped => {
            Some(UpdatePhase::Done { at: input.now })
        }
        UpdatePhase::Probation { deadline, well_since } => {
            let (deadline, verdict) = (*deadline, probation::verdict(world, spec));
            match (verdict, *well_since) {
                (Verdict::Fails(reason), _) => Some(given_up(&reason)),
                (Verdict::Healthy, Some(since)) => (probation::proven_at(world, spec, since) <= input.now)
                    .then_some(UpdatePhase::Done { at: input.now }),
                (Verdict::Healthy, None) => {
                    Some(UpdatePhase::Probation { deadline, well_since: Some(input.now) })
                }
                (Verdict::NotYet { waits_for }, _) if last_moment(world, spec, deadline) <= input.now => {
                    Some(given_up(&waits_for))
                }
                (Verdict::NotYet { .. }, Some(_)) => {
                    Some(UpdatePhase::Probation { deadline, well_since: None })
                }
                (Verdict::NotYet { .. }, None) => None,
            }
        }
        UpdatePhase::Reverting { .. } | UpdatePhase::Done { .. } | UpdatePhase::Reverted { .. } => None,
    }
}

/// What stands in the way of the new version for good.
fn refusal(world: &World<'_>, app: &AppId, spec: &AppSpec) -> Option<Reason> {
    let input = &world.input;
    if let Some(failure) = input.failure(app).filter(|failure| is_final(failure)) {
        return Some(failure.reason.clone());
    }
    if let Some(clash) = world.clash(app).filter(|clash| !clash.passing) {
        return Some(clash.reason.clone());
    }
    let entry = input.desired.apps.get(app)?;
    if let Err(reason) = Converge::new(world, entry, spec, Starts::Yes, Keep::All) {
        return Some(reason);
    }
    fetch(spec, spec.services.keys(), input.observed).err()
}

/// Tells whether trying again would be no use.
fn is_final(failure: &Failure) -> bool {
    match failure.reason.code {
        ReasonCode::ImageNotFound
        | ReasonCode::RegistryDenied
        | ReasonCode::WrongArchitecture
        | ReasonCode::DiskFull
        | ReasonCode::PackageInvalid => true,
        ReasonCode::EngineUnreachable | ReasonCode::DataMissing => false,
        _ => is_given_up(failure),
    }
}

fn given_up(reason: &Reason) -> UpdatePhase {
    reverting(reason.message.clone(), reason.log.clone())
}

fn reverting(reason: String, log: Vec<String>) -> UpdatePhase {
    UpdatePhase::Reverting { reason, log }
}

/// A box that was switched off meanwhile starts the wait again: what counts is how long the oldest container runs.
fn last_moment(world: &World<'_>, spec: &AppSpec, deadline: Timestamp) -> Timestamp {
    let started = world.containers(&spec.app).iter().filter_map(|seen| seen.container.started_at).min();
    let since_start = started.map(|at| later(at, probation(spec, &world.input.timing)));
    since_start.map_or(deadline, |moment| moment.max(deadline))
}

/// Tells whether every service has its container and nothing is left to make or remove.
fn is_made(world: &World<'_>, spec: &AppSpec, keep: Keep<'_>) -> bool {
    let Some(entry) = world.input.desired.apps.get(&spec.app) else { return false };
    Converge::new(world, entry, spec, Starts::No, keep).is_ok_and(|converge| converge.is_made())
}

/// Tells whether a step failed so often in a row that nothing waits for it any more.
pub(crate) fn is_given_up(failure: &Failure) -> bool {
    failure.attempts >= TRIES
}

/// Tells whether the old version is desired again and its data is back.
fn has_old_data(input: &Input<'_>, app: &AppId, update: &AppUpdate) -> bool {
    let is_old = input.desired.apps.get(app).is_some_and(|entry| entry.digest != update.to)
        || update.from.digest == update.to;
    is_old && !needs_restore(input, app, update)
}

fn is_back(world: &World<'_>, app: &AppId, update: &AppUpdate) -> bool {
    let input = &world.input;
    let Some(spec) = input.spec(app) else { return false };
    has_old_data(input, app, update) && is_made(world, spec, Keep::All)
}
