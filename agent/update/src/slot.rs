//! What is done to the two slots and to the boot loader's entries, as root and outside of the agent: `hearth slot`, which
//! `hearth-slot@.service` runs.
//!
//! A slot is written, read back, and only then given a kernel on the boot partition, which is what makes the boot loader try
//! it. Two things hold at every instant: the release that runs stays bootable, and no kernel on the boot partition belongs to
//! a root that is not whole. So a kernel goes before its root does, and comes after it; and every task looks at what is there
//! and does what is missing, so that each may be cut off and done again.

/// The disk with its two slots.
mod disk;
/// What went wrong.
mod error;
/// The boot partition.
mod esp;
/// Partition tables.
mod gpt;
/// Programs of systemd.
mod program;
/// The boot loader's entries of releases that are there.
mod settle;
/// A release into its slot, and out of it.
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hearth_model::os::{ReleaseVersion, SlotAnswer, SlotTask, SlotVerb};
use rustix::fs::FlockOperation;
use serde::Serialize;

use disk::Disk;
pub use error::{Error, Result};
use esp::{Esp, Kernel};

/// Where answers and progress lie on a device.
pub const ANSWERS: &str = "/run/hearth/slot";
/// Where the agent lays out a release on a device: its three files, and [`crate::release::Description`] as
/// `hearth_1.4.0.json`.
pub const STAGED: &str = "/var/lib/hearth/updates/staged";

/// The machine whose slots are changed.
#[derive(Debug, Clone)]
pub struct Machine {
    running: ReleaseVersion,
    disk: Disk,
    esp: Esp,
    staged: PathBuf,
    answers: PathBuf,
    programs: Programs,
}

/// Programs of systemd, with what they are told before the rest.
#[derive(Debug, Clone)]
struct Programs {
    sysupdate: PathBuf,
    bless_boot: PathBuf,
    /// Which transfers write root and hash tree.
    slot: String,
    /// Which transfer writes the kernel.
    kernel: String,
}

/// Where things are when it is not a device: for tests.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// The release that runs.
    pub running: ReleaseVersion,
    /// The device of the disk with the two slots.
    pub disk: PathBuf,
    /// Numbers of the partitions that the running root is made of.
    pub in_use: Vec<usize>,
    /// Where the boot partition is mounted, and where variables of the firmware are.
    pub esp: [PathBuf; 2],
    /// Where the release lies.
    pub staged: PathBuf,
    /// Where answers go.
    pub answers: PathBuf,
    /// systemd-sysupdate and systemd-bless-boot.
    pub programs: [PathBuf; 2],
    /// Folders with the transfers of root and hash tree, and of the kernel.
    pub transfers: [PathBuf; 2],
}

impl Machine {
    /// Looks at the device that this runs on, which has this release of Hearth's own image.
    ///
    /// # Errors
    /// When the disk of the running system is not found.
    pub fn this(running: ReleaseVersion) -> Result<Self> {
        let disk = Disk::of_running_root(Path::new("/sys"), Path::new("/dev"), Path::new("/"))?;
        let systemd = Path::new("/usr/lib/systemd");
        Ok(Self {
            running,
            disk,
            esp: Esp { path: "/boot".into(), variables: "/sys/firmware/efi/efivars".into() },
            staged: STAGED.into(),
            answers: ANSWERS.into(),
            programs: Programs {
                sysupdate: systemd.join("systemd-sysupdate"),
                bless_boot: systemd.join("systemd-bless-boot"),
                slot: "--component=slot".to_owned(),
                kernel: "--component=kernel".to_owned(),
            },
        })
    }

    /// Takes another machine than the one that this runs on.
    pub fn elsewhere(it: Elsewhere) -> Self {
        let Elsewhere { running, disk, in_use, esp: [esp, variables], staged, answers, programs, transfers } =
            it;
        let [sysupdate, bless_boot] = programs;
        let [slot, kernel] = transfers.map(|folder| format!("--definitions={}", folder.display()));
        Self {
            running,
            disk: Disk { path: disk, in_use },
            esp: Esp { path: esp, variables },
            staged,
            answers,
            programs: Programs { sysupdate, bless_boot, slot, kernel },
        }
    }

    /// Does a task, one at a time, and leaves the answer where the agent reads it.
    ///
    /// # Errors
    /// Says why it was not done; the answer says the same.
    pub fn perform(&self, task: SlotTask) -> Result<()> {
        let answers = Answers(&self.answers);
        let _one_at_a_time = answers.lock()?;
        answers.forget(task.verb)?;
        let done = self.do_task(task);
        let reason = done.as_ref().err().map(Error::to_string);
        answers.leave(&SlotAnswer { verb: task.verb, version: task.version, ok: done.is_ok(), reason })?;
        done
    }

    fn do_task(&self, SlotTask { verb, version }: SlotTask) -> Result<()> {
        match verb {
            SlotVerb::Write => self.write(version),
            SlotVerb::Enable => self.enable(version),
            SlotVerb::Withdraw => self.withdraw(version),
            SlotVerb::Bless => self.bless(version),
            SlotVerb::Bad => self.bad(version),
            SlotVerb::Boot => self.boot(version),
        }
    }

    /// Returns when the other slot may be changed: another release than the running one is meant, and the running one is
    /// known to start without it.
    fn check_other_may_change(&self, version: ReleaseVersion) -> Result<()> {
        if version == self.running {
            return Err(Error::Runs(version));
        }
        match self.esp.kernel(self.running)? {
            Some(Kernel { entry, .. }) if entry.tries_left.is_some() => Err(Error::OnTrial(self.running)),
            Some(_) => Ok(()),
            None => Err(Error::NoWayBack(self.running)),
        }
    }
}

/// Answers a task that cannot even begin, because this is no device that has slots.
///
/// # Errors
/// When the answer cannot be left where the agent reads it.
pub fn refuse(task: SlotTask, error: &Error) -> Result<()> {
    let reason = Some(error.to_string());
    Answers(Path::new(ANSWERS)).leave(&SlotAnswer {
        verb: task.verb,
        version: task.version,
        ok: false,
        reason,
    })
}

/// The folder where the agent reads what came of a task.
struct Answers<'a>(&'a Path);

impl Answers<'_> {
    fn failed(&self, what: &'static str) -> impl Fn(io::Error) -> Error + use<'_> {
        move |source| Error::Io { what, path: self.0.to_owned(), source }
    }

    /// Waits until no other task goes on; the lock is held until the file is dropped.
    fn lock(&self) -> Result<File> {
        let failed = self.failed("take the lock in");
        fs::create_dir_all(self.0).map_err(&failed)?;
        let file = File::create(self.0.join("lock")).map_err(&failed)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(io::Error::from).map_err(&failed)?;
        Ok(file)
    }

    fn forget(&self, verb: SlotVerb) -> Result<()> {
        for name in [verb.name(), PROGRESS] {
            match fs::remove_file(self.0.join(format!("{name}.json"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(self.failed("remove an old answer from")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn leave(&self, answer: &SlotAnswer) -> Result<()> {
        self.put(answer.verb.name(), answer)
    }

    /// Writes a file as a whole: who reads it sees the old one or the new one.
    fn put(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let put = || {
            fs::create_dir_all(self.0)?;
            let beside = self.0.join(format!(".{name}.new"));
            fs::write(&beside, serde_json::to_vec(value)?)?;
            fs::rename(&beside, self.0.join(format!("{name}.json")))
        };
        put().map_err(self.failed("leave an answer in"))
    }
}

/// The name of the file that says how far a task is.
const PROGRESS: &str = "progress";
