//! Channels as they are made, and as a box sees them: over real HTTP, from folders, honest and not.

/// A channel with keys, and a box that asks it.
mod channel;
/// What a download fetches, and how it goes on.
mod download;
/// Channels that lie.
mod lies;
/// New keys.
mod rotation;
