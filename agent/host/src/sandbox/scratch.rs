use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Content, Error, Sandbox, Script};

/// Files that are made for one run and removed after it.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Writes what the run needs: readable by root alone, since the environment holds secrets.
    pub(super) fn make(sandbox: &Sandbox, script: Script<'_>) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = sandbox.scratch.join(format!("{}-{number}", std::process::id()));
        make_folder(&folder)?;
        let scratch = Self { folder };
        write(&scratch.environment(), environment(sandbox).as_bytes(), 0o600)?;
        let filters = hearth_seccomp::filters();
        let filters = filters.map_err(Error::at("make the filter of a script's system calls"))?;
        for (path, filter) in scratch.filters().iter().zip(filters) {
            write(path, &filter, 0o600)?;
        }
        if let Script::Bash(text) = script {
            write(&scratch.script(), text.as_bytes(), 0o700)?;
        }
        for (number, text) in sandbox.commands.values().enumerate() {
            write(&scratch.command(number), text.as_bytes(), 0o755)?;
        }
        if let Content::StandIn(files) = &sandbox.content {
            scratch.write_stand_in(files)?;
        }
        Ok(scratch)
    }

    fn write_stand_in(&self, files: &BTreeMap<String, String>) -> Result<(), Error> {
        make_folder(&self.stand_in())?;
        for (path, text) in files {
            let path = self.stand_in().join(path);
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            write(&path, text.as_bytes(), if text.starts_with("#!") { 0o755 } else { 0o644 })?;
        }
        Ok(())
    }

    /// Returns the name of the unit that the run has where systemd runs.
    pub(super) fn unit(&self) -> String {
        let own = self.folder.file_name().unwrap_or_default();
        format!("hearth-script-{}.service", own.to_string_lossy())
    }

    /// Returns the file with the environment, as bash reads it.
    pub(super) fn environment(&self) -> PathBuf {
        self.folder.join("environment")
    }

    /// Returns the files with the filters of system calls.
    pub(super) fn filters(&self) -> [PathBuf; 2] {
        ["filter-0", "filter-1"].map(|name| self.folder.join(name))
    }

    /// Returns the file with the script that came as text.
    pub(super) fn script(&self) -> PathBuf {
        self.folder.join("script")
    }

    /// Returns the file of a command of ours, by its place among them.
    pub(super) fn command(&self, number: usize) -> PathBuf {
        self.folder.join(format!("command-{number}"))
    }

    /// Returns the folder that stands in for the app's.
    pub(super) fn stand_in(&self) -> PathBuf {
        self.folder.join("stand-in")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed with the scratch folder at the next start.
        let _ = crate::data::delete_tree(&self.folder, &|| true);
    }
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::at("make a folder for a script's run"))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(Error::at("write a file for a script's run"))
}

fn environment(sandbox: &Sandbox) -> String {
    let lines = sandbox.environment.iter().map(|(name, value)| {
        // Within single quotes nothing is special to a shell but the quote itself.
        format!("export {name}='{}'\n", value.replace('\'', r"'\''"))
    });
    lines.collect()
}
