//! Apps of another box: what is there, what of it can be taken over, and taking it over.

/// How far an import is.
mod job;
/// What would be taken over, and what not.
mod plan;
/// Taking over, one app after the other.
mod run;
/// The other box's data folder.
mod source;

pub(crate) use job::Imports;
