/// Accounts and sessions.
pub mod session;
/// Installed apps.
pub mod apps;
/// What the stores offer.
pub mod store;
/// Generations, export and apply.
pub mod generations;
/// The box.
pub mod system;
/// Errors.
pub mod problem;
