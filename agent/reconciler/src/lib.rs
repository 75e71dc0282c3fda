//! The loop that keeps a box equal to what its owner wants: observe, plan, execute, publish.
//!
//! Nothing here knows Docker, the disk, the database or the clock: all of that is a [`World`], which the agent implements,
//! and the tests with a simulated box. Every turn is level-triggered: it starts from what is there, so the loop may be
//! killed at any instant. In reading order:

/// The loop.
mod reconciler;
/// Resolves each app to its spec, beside the turn where scripts have to run.
mod specs;
/// The stages of one app's plan.
mod stages;
/// Tasks that the loop owns.
mod tasks;
/// The way of apps from one version to the next.
mod updates;
/// Signals and requests that wake the loop.
mod wake;
/// Everything outside of the loop.
mod world;

pub use reconciler::{Reconciler, Turn};
pub use specs::{Purpose, Resolved, SpecCache};
pub use stages::stages_of;
pub use wake::Wakeups;
pub use world::{Change, CurrentGeneration, ResolveInput, Specs, World};
