use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_host::sandbox::{Content, Ended, Error, Limits, Sandbox};
use hearth_model::condition::ReasonCode;
use hearth_model::package::Package;
use hearth_model::{AppId, Chain, Reason};

use super::calls::{self, Calls};
use super::yq;
use crate::hearth::Hearth;
use crate::resolve::{Circle, Surroundings};

/// Memory of a script in mebibytes.
const MEMORY_MB: u64 = 512;
/// Processes of a script.
const PROCESSES: u64 = 256;
/// A program that scripts of packages look for and cannot have.
const REFUSED_PROGRAM: &str = "systemctl";
/// Lines of a failed script that the owner sees.
const SHOWN_LINES: usize = 20;

/// Which folder a script writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    /// The app's own where it is there.
    Own,
    /// The app's own where it is there, to read: the script runs for another app.
    ReadOnly,
    /// One that holds the package's files and goes with the run: somebody only asks.
    StandIn,
}

/// What a run is made from.
pub(super) struct Run<'a> {
    pub(super) app: &'a AppId,
    pub(super) package: &'a Package,
    pub(super) around: &'a Surroundings,
    pub(super) circle: &'a Circle,
    pub(super) folder: Folder,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) time: Duration,
    /// Further files that it finds, by absolute path.
    pub(super) files: BTreeMap<PathBuf, String>,
    /// Where it may ask for more than is known beforehand.
    pub(super) calls: Option<&'a Calls>,
}

impl Run<'_> {
    /// Returns what the script sees: the app's folder, and what stands in for the system that its package was written for.
    pub(super) fn sandbox(self, hearth: &Hearth) -> Sandbox {
        let apps_dir = Path::new(&self.around.apps_dir);
        let above = apps_dir.parent().unwrap_or(apps_dir);
        let own = hearth.data.path(self.app);
        let content = match self.folder {
            Folder::Own if own.is_dir() => Content::Writable,
            Folder::ReadOnly if own.is_dir() => Content::ReadOnly,
            Folder::Own | Folder::ReadOnly | Folder::StandIn => Content::StandIn(self.package.files.clone()),
        };
        let shim = shim(self.circle);
        // Packages find the platform's command both by its variable and two folders above their own.
        let mut commands = BTreeMap::from([
            (own_program(REFUSED_PROGRAM), refusal(REFUSED_PROGRAM)),
            (own_program("docker"), docker(self.circle)),
            (own_program("yq"), yq::command(&self.package.compose)),
            (apps_dir.join("scripts/app"), shim.clone()),
            (above.join("scripts/app"), shim),
            (own_program("hostname"), hostname(self.around)),
        ]);
        commands.extend(self.files);
        Sandbox {
            scratch: hearth.options.state_dir.join("scripts"),
            folder: own,
            content,
            commands,
            found: self.calls.map(found).unwrap_or_default(),
            links: BTreeMap::from([
                (apps_dir.join("app-data"), PathBuf::from(".")),
                (above.join("app-data"), apps_dir.to_owned()),
            ]),
            environment: self.environment,
            limits: Limits { time: self.time, memory_mb: MEMORY_MB, processes: PROCESSES },
        }
    }
}

/// Returns where a script finds a program of ours, before that of the host.
fn own_program(name: &str) -> PathBuf {
    Path::new("/run/hearth/bin").join(name)
}

/// Returns a command that says that it is not for scripts.
fn refusal(program: &str) -> String {
    format!("#!/bin/sh\n{}", refused(program))
}

fn refused(program: &str) -> String {
    format!(
        "echo 'hearth: {program} is not for scripts: Hearth itself makes, starts and stops containers' >&2\nexit 1\n"
    )
}

/// Returns a `docker` that lists containers of apps that this one talks to, for scripts that wait for them with
/// `docker ps --filter name=…`, and refuses everything else.
fn docker(circle: &Circle) -> String {
    let listed: String = circle
        .talks_to
        .iter()
        .map(|(app, _)| format!("*name={app}_* | *name={app}-*) echo {app} ;;\n"))
        .collect();
    format!(
        "#!/bin/sh\nif [ \"${{1-}}\" = ps ]; then\ncase \"$*\" in\n{listed}esac\nexit 0\nfi\n{}",
        refused("docker")
    )
}

/// Returns the command by which scripts ask umbrelOS.
fn shim(circle: &Circle) -> String {
    let installed: String = circle.installed.iter().map(|app| format!("{app}\n")).collect();
    let (program, socket) = (calls::PROGRAM, calls::SOCKET);
    format!(
        "#!/bin/sh\nif [ \"${{1-}}\" = ls-installed ]; then\ncat <<'END'\n{installed}END\n\
         elif [ -S {socket} ]; then exec {program} script \"$@\"\n\
         else echo \"hearth: ${{1-}} is not for this script\" >&2; exit 1\nfi\n"
    )
}

/// Returns what the script finds of the box to ask it: this program itself, and the socket.
fn found(calls: &Calls) -> BTreeMap<PathBuf, PathBuf> {
    let mut found = BTreeMap::from([(PathBuf::from(calls::SOCKET), calls.path().to_owned())]);
    match std::env::current_exe() {
        Ok(program) => drop(found.insert(PathBuf::from(calls::PROGRAM), program)),
        Err(error) => tracing::warn!("scripts of packages cannot ask anything: {error}"),
    }
    found
}

/// Returns a command that knows the host's name and address, which the sandbox itself has not.
fn hostname(around: &Surroundings) -> String {
    format!(
        "#!/bin/sh\ncase \"${{1-}}\" in\n-I|-i|--all-ip-addresses|--ip-address) echo '{}' ;;\n*) echo '{}' ;;\nesac\n",
        around.address, around.hostname
    )
}

/// Runs a sandbox where it does not hold up anything else.
pub(super) async fn run(
    work: impl FnOnce() -> Result<Ended, Error> + Send + 'static,
) -> Result<Ended, Reason> {
    let failed = |message: String| Reason::new(ReasonCode::ScriptFailed, message);
    let ended = tokio::task::spawn_blocking(work).await;
    ended
        .map_err(|error| failed(format!("A script of the package broke off: {error}.")))?
        .map_err(|error| failed(format!("A script of the package cannot run: {}.", Chain(&error))))
}

/// Returns the reason for a script that failed, with the end of what it wrote.
pub(super) fn reason(message: String, ended: &Ended) -> Reason {
    let written = [&ended.output[..], &ended.errors[..]].concat();
    let lines: Vec<String> = String::from_utf8_lossy(&written)
        .lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect();
    let log = lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec();
    Reason { log, ..Reason::new(ReasonCode::ScriptFailed, message) }
}
