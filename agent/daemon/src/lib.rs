//! The service that keeps a box equal to what its owner declared, and the `hearth` command.
//!
//! The only crate that knows all others: it ties the decisions of `hearth-planner` to the engine, the host, the
//! database and the HTTP API.
