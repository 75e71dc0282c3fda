/// Sizes, `64m`.
pub(crate) mod bytes;
/// Durations, `1m30s`.
pub(crate) mod duration;
/// Command lines.
pub(crate) mod words;
