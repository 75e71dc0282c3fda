//! This box as the loop sees it: its engine, its disk, the scripts of its packages, and its database.

/// The way to apps' pages.
mod doors;
/// The last lines of logs that show why something failed.
mod evidence;
/// Observations of everything that a plan is made from.
pub(crate) mod look;
/// Whether apps' pages answer.
pub(crate) mod pages;
/// What the owner reads, from a plan and what was observed.
mod report;
/// Does one step.
pub(crate) mod run;
/// What every app is made of.
pub(crate) mod specs;
/// Starts of containers.
pub(crate) mod start;
/// What the loop needs of this box.
mod world;

use std::sync::Arc;

use futures_util::StreamExt;
use hearth_reconciler::{Reconciler, Turn};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::hearth::Hearth;
pub(crate) use crate::reconcile::world::ThisBox;

/// What the last turn of the loop saw and decided.
pub(crate) type LastTurn = Option<Arc<Turn>>;

/// Runs the loop until the token is cancelled. Steps that are under way are left at a step's end; apps keep running.
pub(crate) async fn run(hearth: Hearth, shutdown: CancellationToken) {
    let _events = AbortOnDropHandle::new(tokio::spawn(forward_engine_events(hearth.clone())));
    let (wake, specs) = (Arc::clone(&hearth.wake), Arc::clone(&hearth.specs));
    let (current, timing) = (hearth.in_force.subscribe(), hearth.options.timing);
    let reconciler = Reconciler::new(ThisBox(hearth.clone()), current, wake, specs, timing);
    // Side by side: what takes long to find out for the owner must not hold up the loop.
    tokio::select! {
        () = reconciler.run(shutdown) => {}
        () = report::publish_turns(hearth.clone(), hearth.turns.subscribe()) => {}
    }
    hearth.pages.clear();
}

async fn forward_engine_events(hearth: Hearth) {
    let mut events = std::pin::pin!(hearth.engine.events());
    while let Some(_event) = events.next().await {
        hearth.wake.engine_changed();
    }
}
