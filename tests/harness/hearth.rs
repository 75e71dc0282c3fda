use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use crate::client::Client;
use crate::machine::Machine;
use crate::paths;
use crate::process::{Process, output_of};
use crate::wait::{Answer, wait_for};

/// How a test starts Hearth.
#[derive(Debug, Clone)]
pub struct HearthSetup {
    /// The `hearth` command.
    pub command: PathBuf,
    /// Where it keeps its state.
    pub state: PathBuf,
    /// Where it finds the engine.
    pub docker_socket: PathBuf,
    /// Where it listens: `host:port`.
    pub listen: String,
    /// Stores that it offers.
    pub stores: Vec<PathBuf>,
    /// The dashboard's files, for tests with a browser.
    pub assets: Option<PathBuf>,
    /// The root of the operating system that it sees; the machine's own when `None`.
    pub os_root: Option<PathBuf>,
    /// Variables of its environment besides the test's.
    pub environment: Vec<(String, String)>,
    /// Its log.
    pub log: PathBuf,
}

impl HearthSetup {
    /// Returns a set-up of the `hearth` that tests use, with its state in the machine's folder, without a dashboard.
    ///
    /// # Errors
    /// When `hearth` was not built.
    pub fn new(machine: &Machine, docker_socket: PathBuf, store: &Path) -> Result<Self> {
        Self::of(paths::hearth_command("debug")?, machine, docker_socket, store)
    }

    /// Returns a set-up of the `hearth` that is released, for measurements.
    ///
    /// # Errors
    /// When it was not built.
    pub fn released(machine: &Machine, docker_socket: PathBuf, store: &Path) -> Result<Self> {
        Self::of(paths::hearth_command("release")?, machine, docker_socket, store)
    }

    fn of(command: PathBuf, machine: &Machine, docker_socket: PathBuf, store: &Path) -> Result<Self> {
        Ok(Self {
            command,
            state: machine.path("state"),
            docker_socket,
            listen: "127.0.0.1:0".to_owned(),
            stores: vec![store.to_owned()],
            assets: None,
            os_root: None,
            environment: Vec::new(),
            log: machine.path("hearth.log"),
        })
    }

    /// Starts Hearth and waits until it answers.
    ///
    /// # Errors
    /// When it ends, or does not answer within 30 s.
    pub fn start(&self) -> Result<Hearth> {
        let mut command = Command::new(&self.command);
        command.arg("serve").arg("--state-dir").arg(&self.state).args(["--listen", &self.listen]);
        command.arg("--docker-socket").arg(&self.docker_socket);
        for store in &self.stores {
            command.arg("--store").arg(store);
        }
        if let Some(assets) = &self.assets {
            command.arg("--assets").arg(assets);
        }
        if let Some(root) = &self.os_root {
            command.arg("--os-root").arg(root);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let address_file = self.state.join("address");
        // What an earlier, killed Hearth has left would be taken for this one's.
        let _absent = fs::remove_file(&address_file);
        let mut process = Process::start(command, &self.log)?;
        let address = wait_for("Hearth to answer", Duration::from_secs(30), || {
            if let Some(status) = process.ended()? {
                anyhow::bail!("Hearth ended: {status}");
            }
            let Ok(address) = fs::read_to_string(&address_file) else {
                return Ok(Answer::NotYet("no address".to_owned()));
            };
            let address = address.trim().to_owned();
            let answers = ureq::get(format!("http://{address}/api/v1/session")).call();
            Ok(match answers {
                Ok(_) => Answer::Is(address),
                Err(error) => Answer::NotYet(format!("{address}: {error}")),
            })
        })?;
        Ok(Hearth { process, address, setup: self.clone() })
    }
}

/// Hearth as a process. It is killed when this value goes; apps go on running.
#[derive(Debug)]
pub struct Hearth {
    process: Process,
    address: String,
    setup: HearthSetup,
}

impl Hearth {
    /// Returns where it answers, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns a client that is not signed in.
    pub fn client(&self) -> Client {
        Client::of_state(&self.address, &self.setup.state)
    }

    /// Returns the set-up code, while there is no owner.
    ///
    /// # Errors
    /// When there is one.
    pub fn setup_code(&self) -> Result<String> {
        crate::client::setup_code(&self.setup.state)
    }

    /// Returns where it keeps an app's data.
    pub fn app_folder(&self, app: &str) -> PathBuf {
        self.setup.state.join("apps").join(app)
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it as a power failure would.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Presses Ctrl-C and waits until it has ended.
    ///
    /// # Errors
    /// When it does not end within 10 s, or ends with an error.
    pub fn stop(mut self) -> Result<()> {
        let status = self.process.end(Signal::SIGINT, Duration::from_secs(10))?;
        ensure!(status.success(), "Hearth ended with {status} after Ctrl-C");
        Ok(())
    }

    /// Runs the `hearth` command against this Hearth and returns what it did.
    ///
    /// # Errors
    /// As [`output_of`].
    pub fn command_line(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.setup.command);
        command.args(arguments).env("HEARTH_STATE_DIR", &self.setup.state);
        output_of(command)
    }

    /// Returns its resident memory in bytes, its program's own pages among them.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel counts VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }
}
