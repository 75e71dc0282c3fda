use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::output_of;

/// A git repository that a test commits to, with the branch `main`.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// Makes an empty repository in the folder `folder`, which does not exist yet.
    ///
    /// # Errors
    /// Without git.
    pub fn new(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let repository = Self { folder };
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// Returns the work tree; what is written there is in the next commit.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Commits everything in the work tree, and returns the commit's hash.
    ///
    /// # Errors
    /// When nothing changed.
    pub fn commit(&self, message: &str) -> Result<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        // What a server that is a plain folder needs to know.
        self.git(&["update-server-info"])?;
        Ok(self.git(&["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// Runs git in the repository and returns what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(&self.folder).envs([
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.org"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.org"),
        ]);
        let output = output_of(command).context("`.ci/setup tests` installs git")?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`git {}` failed: {words}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }
}
