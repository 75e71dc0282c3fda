use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::process::run;

/// A machine of its own for one test: a network with nothing but loopback, mounts that end with the test, and a folder.
///
/// The calling thread moves into it, and with it every process that the test starts from now on. So two tests may use
/// one port, one container name and one Hearth each, and none of them touches the engine of the machine they run on.
/// Needs root.
#[derive(Debug)]
pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Moves the calling thread onto a new machine.
    ///
    /// # Errors
    /// Without root.
    pub fn new() -> Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .context("failed to make a network for the test; black-box tests run as root")?;
        // What is mounted here stays here, and is seen by the engine, which has mounts of its own below these.
        for flags in [MsFlags::MS_SLAVE, MsFlags::MS_SHARED] {
            mount(None::<&str>, "/", None::<&str>, flags | MsFlags::MS_REC, None::<&str>)
                .context("failed to separate the test's mounts")?;
        }
        run("ip", &["link", "set", "lo", "up"])?;
        // Not /tmp, which may be in memory; short, as socket paths have at most 107 bytes.
        let parent =
            std::env::var_os("HEARTH_TEST_DIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let folder = tempfile::Builder::new()
            .prefix("hearth-")
            .tempdir_in(parent)
            .context("failed to make a folder")?;
        Ok(Self { folder })
    }

    /// Returns the test's own folder; it goes when the test ends.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Prints the end of every log in the folder, for a test that failed.
    pub fn print_logs(&self) {
        let Ok(entries) = fs::read_dir(self.folder.path()) else { return };
        let mut logs: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.sort();
        for log in logs {
            let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {}, last lines", log.file_name().unwrap_or_default().to_string_lossy());
            eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// Runs `test` on a machine of its own; when it fails, prints the logs of everything that ran there.
///
/// # Errors
/// Those of `test`.
pub fn on_a_machine(test: impl FnOnce(&Machine) -> Result<()>) -> Result<()> {
    let machine = Machine::new()?;
    let result = test(&machine);
    if result.is_err() {
        machine.print_logs();
    }
    result
}
