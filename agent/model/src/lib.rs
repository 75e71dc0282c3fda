//! The words of Hearth as plain data: what the owner wants, what was seen, what must happen, and what the API says.
//!
//! This crate knows nothing of Docker's client, of files, of the clock or of the network, and it compiles to wasm,
//! because the dashboard speaks the same types as the agent. In reading order:

/// Request and response bodies of the HTTP API.
pub mod api;
/// Numbers of bytes as people read them.
pub mod bytes;
/// An error with everything that caused it, in one line.
mod chain;
/// What the owner reads about an app.
pub mod condition;
/// What a container is created from.
pub mod container;
/// What packages of other stores take for granted.
pub mod conventions;
/// What the owner wants.
pub mod desired;
/// The way to an app's page through the agent.
pub mod door;
/// What the dashboard may hear.
pub mod event;
/// Form fields of a package and the check of their answers.
pub mod form;
/// Scripts that run at points of an app's life.
pub mod hook;
/// Ports of the host, and the addresses that they are taken on.
pub mod host_port;
/// Parsed names: [`AppId`], [`StoreId`], [`ServiceName`], [`Generation`], [`Digest`].
pub mod id;
/// Image references, `name:tag@digest`.
pub mod image;
/// What was seen on the engine and the host.
pub mod observed;
/// Releases of the operating system, and the way from one to the next.
pub mod os;
/// A package: what a store offers.
pub mod package;
/// What must happen to get from observed to desired.
pub mod plan;
/// The code that proves that a box without an owner is one's own.
pub mod setup_code;
/// What an app is made of once its package is resolved.
pub mod spec;
/// Ranges of IP addresses.
pub mod subnet;
/// Moments.
pub mod time;
/// The state of an app's update from one version to the next.
pub mod update;

#[cfg(feature = "schema")]
mod schema;

pub use bytes::Bytes;
pub use chain::Chain;
pub use condition::{AppState, AppStatus, Reason};
pub use container::ContainerSpec;
pub use desired::Desired;
pub use hook::Hook;
pub use id::{AppId, Digest, Generation, ServiceName, StoreId};
pub use image::ImageRef;
pub use observed::Observed;
pub use plan::{DataStep, EngineStep, Plan, Step};
pub use spec::AppSpec;
pub use subnet::Subnet;
pub use time::Timestamp;
