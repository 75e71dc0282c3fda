//! Makes what a channel of releases serves: static files for any web server, signed as
//! [TUF](https://theupdateframework.github.io/specification/latest/) says. Boxes do not carry it.

/// What a box with one release would fetch of another.
pub mod compare;
/// Keys, and the root of trust that names them.
pub mod keys;
/// Files cut into chunks.
pub mod pack;
/// The folder that a web server serves.
pub mod repository;
