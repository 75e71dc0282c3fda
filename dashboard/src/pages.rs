/// One installed app.
pub(crate) mod app;
/// Every change of what the owner wants.
pub(crate) mod history;
/// Installed apps.
pub(crate) mod home;
/// The dialog that installs a package.
pub(crate) mod install;
/// An address that leads nowhere.
pub(crate) mod not_found;
/// On the way back to an app.
pub(crate) mod open;
/// One package.
pub(crate) mod package;
/// The first page ever: it makes the owner.
pub(crate) mod set_up;
/// Settings of the box.
pub(crate) mod settings;
/// The way in.
pub(crate) mod sign_in;
/// What can be installed.
pub(crate) mod store;
/// The operating system.
pub(crate) mod system;
