//! The crate as its users see it, beside Docker Compose where that is the judge.

mod bad_input;
mod corpus;
mod differences;
mod oracle;
