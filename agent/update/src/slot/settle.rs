//! Releases that are in their slots: which of them the boot loader keeps, gives up, takes.

use std::process::Command;

use hearth_model::os::ReleaseVersion;

use super::error::{Error, Result};
use super::esp::Kernel;
use super::{Machine, program};

/// The counter of a release that is tried: tries left and done.
const FRESH: &str = "+3-0";
/// The counter of a release that is not tried any more.
const USED_UP: &str = "+0-3";

impl Machine {
    pub(super) fn bless(&self, version: ReleaseVersion) -> Result<()> {
        if version != self.running {
            return Err(Error::DoesNotRun { wanted: version, running: self.running });
        }
        if self.known(version)?.entry.tries_left.is_some() {
            self.bless_boot("good")?;
        }
        self.esp.sync()?;
        match self.known(version)?.entry.tries_left {
            None => Ok(()),
            Some(left) => Err(Error::Pretended {
                program: "systemd-bless-boot",
                found: format!("the boot loader still counts the tries of {version}, {left} are left"),
            }),
        }
    }

    pub(super) fn bad(&self, version: ReleaseVersion) -> Result<()> {
        // A release without a kernel is not tried either.
        let Some(kernel) = self.esp.kernel(version)? else { return Ok(()) };
        match kernel.entry.tries_left {
            None => return Err(Error::Kept(version)),
            Some(0) => {}
            Some(_) if version == self.running => self.bless_boot("bad")?,
            Some(_) => self.esp.rename(&kernel, USED_UP)?,
        }
        self.esp.sync()?;
        match self.known(version)?.entry.tries_left {
            Some(0) => Ok(()),
            _ => Err(Error::Pretended {
                program: "systemd-bless-boot",
                found: format!("the boot loader would still try {version}"),
            }),
        }
    }

    pub(super) fn boot(&self, version: ReleaseVersion) -> Result<()> {
        self.check_other_may_change(version)?;
        let kernel = self.known(version)?;
        if !self.disk.other_slot()?.holds(version) {
            return Err(Error::Missing { version, place: "in the slot that does not run" });
        }
        match kernel.entry.tries_left {
            Some(0) => return Err(Error::Unproven(version)),
            // This was cut off before.
            Some(_) => {}
            // Its disk may have aged since it last ran: it has to start and work again before it is kept.
            None => self.esp.rename(&kernel, FRESH)?,
        }
        self.esp.take(version)
    }

    fn known(&self, version: ReleaseVersion) -> Result<Kernel> {
        self.esp.kernel(version)?.ok_or(Error::Missing { version, place: "on the boot partition" })
    }

    fn bless_boot(&self, verb: &str) -> Result<()> {
        program::run(Command::new(&self.programs.bless_boot).arg(verb))
    }
}
