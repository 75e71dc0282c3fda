/// Installed apps.
pub mod apps;
/// Generations, export and apply.
pub mod generations;
/// Apps of another box.
pub mod import;
/// The operating system.
pub mod os;
/// Errors.
pub mod problem;
/// Accounts and sessions.
pub mod session;
/// What the stores offer.
pub mod store;
/// The box.
pub mod system;
