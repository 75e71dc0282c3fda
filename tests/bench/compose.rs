use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hearth_tests::engine::Engine;
use hearth_tests::machine::Machine;
use hearth_tests::paths;

use crate::site::compose_file;

/// Projects of Docker Compose, one folder each.
pub(crate) struct Compose {
    program: PathBuf,
    socket: PathBuf,
    folder: PathBuf,
}

impl Compose {
    /// Finds Docker Compose 2.26.1 where `.ci/setup oracle` puts it.
    pub(crate) fn new(machine: &Machine, engine: &Engine) -> Result<Self> {
        let program = paths::target().join("tools/docker-compose");
        ensure!(program.is_file(), "`{}` is missing; `.ci/setup oracle` fetches it", program.display());
        let folder = machine.path("projects");
        fs::create_dir_all(&folder)?;
        Ok(Self { program, socket: engine.socket(), folder })
    }

    /// Writes a project of `services` services that do nothing.
    pub(crate) fn write(&self, name: &str, image: &str, services: usize) -> Result<()> {
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join("compose.yml"), compose_file(image, services))?)
    }

    /// Runs `up -d` and returns how long it took.
    pub(crate) fn up(&self, name: &str) -> Result<Duration> {
        self.run(&self.folder.join(name), &["up", "--detach", "--quiet-pull"])
    }

    /// Takes a project away at once.
    pub(crate) fn down(&self, name: &str) -> Result<()> {
        self.run(&self.folder.join(name), &["down", "--timeout", "0"])?;
        Ok(())
    }

    fn run(&self, project: &Path, arguments: &[&str]) -> Result<Duration> {
        let started = Instant::now();
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(project)
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .stdin(Stdio::null())
            .output()
            .context("failed to start Docker Compose")?;
        let took = started.elapsed();
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "docker compose {}: {error}", arguments.join(" "));
        Ok(took)
    }
}
