//! Every decision of Hearth, as pure functions of what is desired and what was observed.
//!
//! Nothing here knows Docker's client, files, the clock or the network: the time is an argument, and the answer is a
//! [`Plan`] that another crate executes. A plan cannot fail to be made; what stands in the way is a reason in it.
//! Planning is level-triggered: nothing is remembered between two looks but what [`Input`] holds, so an executor may
//! be killed between any two steps. In reading order:

pub mod app_update;
/// The decision for every app.
mod apps;
/// When a container still equals its spec.
mod changed;
/// What stands in the way of an install.
pub mod check;
/// What must hold of every plan.
pub mod checks;
/// Steps towards a spec.
mod converge;
/// What is decided for one app.
mod decision;
/// Two desired states compared, in sentences.
pub mod diff;
/// The ports that the gateway listens on for apps.
pub mod door;
/// How well an app runs.
pub mod health;
/// Scripts of packages.
mod hooks;
/// What a plan is made from, and how patient it is.
mod input;
/// The order of services.
pub mod order;
pub mod os_update;
/// Whether an app's page answers.
pub mod page;
/// Steps that take an app away.
mod remove;
/// Back-off.
pub mod retry;
/// Networks that belong to no single app.
mod shared;
/// An in-memory box that executes steps.
#[cfg(feature = "sim")]
pub mod sim;
/// The state of each service, for a page.
pub mod status;
/// What a service has to wait for.
mod wait;
/// Sentences for the owner.
mod words;
/// What is true of the whole box in one look: whose containers, names and ports are whose.
mod world;

pub use apps::plan;
pub use hearth_model::Plan;
pub use input::{Failure, Input, Timing};
