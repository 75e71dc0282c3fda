//! Reads packages of other stores into [`hearth_model::package::Package`], unchanged at their source.
//!
//! Pure: a package comes in as a map of its files and goes out as Hearth's own type; no file system, no clock, no
//! randomness, no engine. What a store's system does for its packages without their saying so becomes
//! [`hearth_model::conventions::Conventions`], so that nothing past this crate knows which store a package came from.
//! Formats are read leniently, as their own systems read them. In reading order:

/// What an adapter returns.
pub mod adapted;
/// Packages of [CasaOS](https://github.com/IceWhaleTech/CasaOS-AppStore).
pub mod casaos;
/// What becomes of a package of a store, in words and totals.
pub mod check;
/// A package's files, and which format they are in.
pub mod files;
/// A package resolved with stand-in answers.
pub mod rehearse;
/// Packages of [Runtipi](https://github.com/runtipi/runtipi-appstore).
pub mod runtipi;
/// What can be told of a package's scripts without running them.
pub mod scripts;
/// What a package's containers are read from.
mod sources;
/// Files that are filled with variables.
pub mod templates;
/// Packages of [umbrelOS](https://github.com/getumbrel/umbrel-apps).
pub mod umbrel;
/// Variables that a package is not asking the owner for.
pub mod variables;

mod document;
mod overlay;

pub use adapted::{Adapted, Refused};
pub use check::{Outcome, Totals, check};
pub use files::{Format, PackageFiles, detect};
pub use rehearse::{rehearse, rehearse_in};
pub use sources::sources;

use hearth_model::StoreId;

/// Reads a package in the format that it is in.
///
/// # Errors
/// Why the package is not taken, for its maintainer and for the owner.
pub fn read(format: Format, files: &PackageFiles, store: &StoreId) -> Result<Adapted, Refused> {
    match format {
        Format::Umbrel => umbrel::read(files, store),
        Format::CasaOs | Format::CasaOsBuilt => casaos::read(files, store),
        Format::Runtipi => runtipi::read(files, store),
    }
}
