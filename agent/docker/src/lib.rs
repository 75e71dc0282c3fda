//! The only part of Hearth that speaks to the container engine: it looks, does one [`hearth_model::Step`], and listens.
//!
//! What is changed on the engine goes through [bollard](https://docs.rs/bollard). What is read comes through a small
//! reader of our own, [`http`], because bollard's answers are closed enums: one word that a later engine adds would
//! fail the whole list. This crate decides nothing (the planner does), keeps nothing but a cache of what it has seen,
//! and knows neither the database nor the API. In reading order:

/// The connection, and whether the engine answers.
mod engine;
/// What can go wrong, and what it means to the owner.
mod error;
/// Requests that read, tolerant of words that this version does not know.
mod http;
/// Labels that tell Hearth's containers from others.
pub mod labels;
/// One look at everything.
mod observe;
/// The parts of the engine's answers that are read.
mod wire;

/// Programs in containers, with what they read and write.
mod attach;
/// Containers: create, start, stop, remove.
mod container;
/// One step.
mod execute;
/// Images: pull with progress, use what is there.
mod image;
/// Networks.
mod network;
/// Credentials of registries.
mod registry;
/// Volumes.
mod volume;

/// Tells when something of ours changed.
mod events;
/// What containers write.
mod logs;

pub use attach::{Attached, Exec, Program, Written};
pub use container::follows_links;
pub use engine::{DefaultLimits, Engine, Options};
pub use error::{Error, ImageProblem};
pub use events::EngineEvent;
pub use image::PullProgress;
pub use logs::LogOptions;
pub use observe::EngineView;
pub use registry::{RegistryAuth, RegistryCredentials};
