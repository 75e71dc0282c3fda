use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::machine::Machine;
use crate::process::{Process, run};
use crate::wait::{Answer, wait_for};

/// Runs dockerd, ends it on SIGTERM, and reaps what containers leave behind, as dockerd does not.
const FIRST_PROCESS: &str = r#"
    dockerd "$@" &
    trap 'kill $!' TERM
    while kill -0 $! 2>/dev/null; do wait $!; done
"#;

/// A Docker engine of its own. Its processes and containers have process ids of their own and end with it.
#[derive(Debug)]
pub struct Engine {
    folder: PathBuf,
    cgroup: String,
    process: Option<Process>,
}

/// A container as the engine lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The engine's id.
    pub id: String,
    /// `running`, `exited`, `created` …
    pub state: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Starts an engine without images and waits until it answers. What it keeps stands in the machine's folder `engine`.
    ///
    /// # Errors
    /// When Docker is not installed or does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        let folder = machine.path("engine");
        // May be there: a disk of the test's choice.
        fs::create_dir_all(&folder)?;
        let name =
            machine.folder().file_name().context("the folder has a name")?.to_string_lossy().into_owned();
        let mut engine = Self { folder, cgroup: name, process: None };
        engine.start_again()?;
        Ok(engine)
    }

    /// Starts the engine with what it had when it ended.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the engine runs");
        let path = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        // What a killed engine leaves here is gone after a power failure too; its process ids are taken again by now.
        let _absent = fs::remove_dir_all(self.folder.join("exec"));
        let _absent = fs::remove_file(self.folder.join("docker.pid"));
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "slave"])
            .args(["sh", "-c", FIRST_PROCESS, "engine"])
            .args([
                "--data-root",
                &path("data"),
                "--exec-root",
                &path("exec"),
                "--pidfile",
                &path("docker.pid"),
            ])
            // Names outside are refused at once rather than after a while.
            .args(["--log-level", "warn", "--dns", "127.0.0.1"])
            .args([
                "--host",
                &format!("unix://{}", path("docker.sock")),
                "--cgroup-parent",
                &format!("/{}", self.cgroup),
            ]);
        let mut process = Process::start(command, &self.folder.with_extension("log"))?;
        wait_for("the engine to answer", Duration::from_secs(60), || {
            if let Some(status) = process.ended()? {
                anyhow::bail!("the engine ended: {status}");
            }
            Ok(Answer::when(self.docker(&["version"]).is_ok(), "no answer"))
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the engine and every container at once, as a power failure does.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Ends the engine as `systemctl stop docker` does: containers are stopped.
    ///
    /// # Errors
    /// When it takes longer than 60 s.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            // The signal is for the first process inside, which passes it on.
            let id = process.id();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
            run("kill", &["-TERM", children.split(' ').next().context("unshare has a child")?])?;
            wait_for("the engine to end", Duration::from_secs(60), || {
                Ok(Answer::some(process.ended()?, "it runs"))
            })?;
        }
        Ok(())
    }

    /// Returns its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// Runs Docker's command line against this engine and returns what it printed.
    ///
    /// # Errors
    /// When the command fails.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        let host = format!("unix://{}", self.socket().display());
        let mut all = vec!["--host", &host];
        all.extend(arguments);
        run("docker", &all)
    }

    /// Posts to the engine's API, for what Docker's command line refuses to do. Returns the answer, an error's too.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<String> {
        let socket = self.socket();
        let url = format!("http://engine{path}");
        let arguments = ["--silent", "--show-error", "--json", &body.to_string(), &url, "--unix-socket"];
        run("curl", &[&arguments[..], &[&*socket.to_string_lossy()]].concat())
    }

    /// Lists all containers, stopped ones too, by name.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn containers(&self) -> Result<BTreeMap<String, Container>> {
        let ids = self.docker(&["ps", "--all", "--quiet", "--no-trunc"])?;
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut arguments = vec!["inspect", "--type", "container"];
        arguments.extend(ids.lines());
        // A container that went in between is an error of the command; what it printed is whole all the same.
        let text = self.docker(&arguments)?;
        let list: Vec<Value> =
            serde_json::from_str(&text).context("failed to read what docker inspect printed")?;
        Ok(list.iter().map(container).map(|container| (container.name.clone(), container)).collect())
    }

    /// Lists what there is of `kind` (`network`, `volume`), by name.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn names(&self, kind: &str) -> Result<Vec<String>> {
        let text = self.docker(&[kind, "ls", "--format", "{{.Name}}"])?;
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ended = self.kill();
        remove_cgroups(&self.cgroup);
    }
}

fn container(value: &Value) -> Container {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let labels = value.pointer("/Config/Labels").and_then(Value::as_object);
    Container {
        name: text("/Name").trim_start_matches('/').to_owned(),
        id: text("/Id"),
        state: text("/State/Status"),
        image: text("/Config/Image"),
        labels: labels
            .map(|labels| {
                labels.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect()
            })
            .unwrap_or_default(),
    }
}

/// Removes the cgroups of containers that were killed; `rmdir` takes only empty ones.
fn remove_cgroups(name: &str) {
    let Ok(controllers) = fs::read_dir("/sys/fs/cgroup") else { return };
    let mut roots: Vec<PathBuf> =
        controllers.filter_map(Result::ok).map(|entry| entry.path().join(name)).collect();
    roots.push(Path::new("/sys/fs/cgroup").join(name));
    for root in roots {
        for entry in fs::read_dir(&root).into_iter().flatten().filter_map(Result::ok) {
            let _in_use = fs::remove_dir(entry.path());
        }
        let _in_use = fs::remove_dir(&root);
    }
}
