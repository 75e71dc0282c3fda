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
//! Probation -> Done
//! Probation -> Reverting
//! Reverting -> Reverted
//! ```
//!
//! While it is Fetching the old version runs untouched. Switching stops it, copies its data aside and replaces every
//! container. Reverting begins with a new generation, made by Hearth, whose entry is [`AppUpdate::from`]; until that is
//! in force nothing is started. An owner who goes back by hand puts the record from Done into Reverting.

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
pub const TRANSITIONS: [(&str, &str); 7] = [
    ("Fetching", "Switching"),
    ("Fetching", "Reverting"),
    ("Switching", "Probation"),
    ("Switching", "Reverting"),
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
        UpdatePhase::Reverting { reason, log } => is_back(&world, app, update)
            .then(|| UpdatePhase::Reverted { reason: reason.clone(), log: log.clone(), at: input.now }),
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
            matches!(update.phase, UpdatePhase::Probation { .. }).then(|| too_late(waits_for.as_ref()))
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
    needed.clamp(timing.probation_min, timing.probation_max.max(timing.probation_min))
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
    let UpdatePhase::Probation { deadline } = update.phase else { return None };
    let settled = probation::settled_at(world, spec);
    crate::health::earliest(Some(last_moment(world, spec, deadline)), settled)
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
        UpdatePhase::Switching => is_made(world, spec, Keep::OfPackage(&update.to))
            .then(|| UpdatePhase::Probation { deadline: later(input.now, probation(spec, &input.timing)) }),
        // What does not run cannot prove itself; its snapshot stays for the owner to go back.
        UpdatePhase::Probation { .. } if entry.run == Run::Stopped => {
            Some(UpdatePhase::Done { at: input.now })
        }
        UpdatePhase::Probation { deadline } => match probation::verdict(world, spec) {
            Verdict::Healthy => Some(UpdatePhase::Done { at: input.now }),
            Verdict::Fails(reason) => Some(given_up(&reason)),
            Verdict::NotYet { waits_for } => (last_moment(world, spec, *deadline) <= input.now)
                .then(|| given_up(&too_late(waits_for.as_ref()))),
        },
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
        _ => failure.attempts >= TRIES,
    }
}

fn given_up(reason: &Reason) -> UpdatePhase {
    reverting(reason.message.clone(), reason.log.clone())
}

fn reverting(reason: String, log: Vec<String>) -> UpdatePhase {
    UpdatePhase::Reverting { reason, log }
}

fn too_late(waits_for: Option<&ServiceName>) -> Reason {
    match waits_for {
        Some(service) => Reason::of_service(
            ReasonCode::Unhealthy,
            service.as_str(),
            format!("{service} did not get healthy in time."),
        ),
        None => Reason::new(ReasonCode::Unhealthy, "It did not get healthy in time."),
    }
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

fn is_back(world: &World<'_>, app: &AppId, update: &AppUpdate) -> bool {
    let input = &world.input;
    let is_old = input.desired.apps.get(app).is_some_and(|entry| entry.digest != update.to)
        || update.from.digest == update.to;
    let Some(spec) = input.spec(app) else { return false };
    is_old && !needs_restore(input, app, update) && is_made(world, spec, Keep::All)
}
