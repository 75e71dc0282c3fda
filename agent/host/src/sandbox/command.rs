use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::scratch::Scratch;
use super::{Content, Error, Sandbox, Script};

/// Where the script finds what belongs to its run.
const RUN: &str = "/run/hearth";
/// Where programs of the host are.
const PROGRAMS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Folders beside `/usr` that are links into it, or hold the same on older systems.
const BESIDE_USR: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];
/// Files of `/etc` that programs need to run at all.
const ETC: [&str; 8] = [
    "alternatives",
    "group",
    "ld.so.cache",
    "localtime",
    "nsswitch.conf",
    "passwd",
    "ssl/openssl.cnf",
    "mke2fs.conf",
];
/// What root may still do: owners and rights of files below the app's folder, which packages set as they please.
const RIGHTS: [&str; 3] = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"];
/// Opens the files of the filters, and runs the rest.
const OPEN_FILTERS: &str = "exec 8<\"$0\" 9<\"$1\"; shift; exec \"$@\"";
/// The largest file that a script may write, in bytes: room for a dump of a database, and an end to a runaway.
const LARGEST_FILE_BYTES: u64 = 32 * 1024 * 1024 * 1024;
/// Reads the environment from its file, so that no list of processes shows it, and runs the script.
const BEGIN: &str = "source /run/hearth/environment; exec \"$@\"";
/// The same for a file, which may leave something in the background: that has ten more seconds; then it goes with the
/// sandbox, whose first process waits for this one alone.
const BEGIN_FILE: &str = "source /run/hearth/environment; \"$@\"; ended=$?; \
    for ((wait = 0; wait < 100; wait++)); do left=(/proc/[0-9]*); ((${#left[@]} > 2)) || break; sleep 0.1; done; \
    exit $ended";

/// Returns the whole command: limits, sandbox, script.
pub(super) fn line(sandbox: &Sandbox, scratch: &Scratch, script: Script<'_>) -> Result<Command, Error> {
    let bwrap = find("bwrap", "bubblewrap")?;
    let mut command = limited(sandbox, scratch)?;
    // bwrap reads filters from open files, and systemd passes on none but its own three.
    command.args(["/bin/bash", "-c", OPEN_FILTERS]).args(scratch.filters());
    command.arg(bwrap).args(arguments(sandbox, scratch, script));
    command.env_clear().env("PATH", PROGRAMS.join(":")).current_dir("/").stdin(Stdio::null());
    Ok(command)
}

/// Returns a command that runs another within limits: as a unit of its own where systemd runs, so that neither its memory
/// nor its processes count as the agent's, else with the kernel's limits for each process.
fn limited(sandbox: &Sandbox, scratch: &Scratch) -> Result<Command, Error> {
    let limits = sandbox.limits;
    if has_systemd() {
        let mut command = Command::new(find("systemd-run", "systemd")?);
        command.args(["--quiet", "--pipe", "--wait", "--collect", "--service-type=exec"]);
        command.arg(format!("--unit={}", scratch.unit()));
        command.arg(format!("--property=MemoryMax={}M", limits.memory_mb));
        command.arg(format!("--property=TasksMax={}", limits.processes));
        command.arg(format!("--property=RuntimeMaxSec={}", limits.time.as_secs().max(1)));
        command.arg(format!("--property=LimitFSIZE={LARGEST_FILE_BYTES}"));
        command.args(["--property=CPUWeight=20", "--property=PrivateNetwork=yes", "--"]);
        return Ok(command);
    }
    let mut command = Command::new(find("prlimit", "util-linux")?);
    command.arg(format!("--data={}", limits.memory_mb * 1024 * 1024));
    command.arg(format!("--cpu={}", limits.time.as_secs().max(1)));
    command.arg(format!("--fsize={LARGEST_FILE_BYTES}"));
    command.arg("--core=0").arg("--");
    Ok(command)
}

/// Kills what a run has started. Where systemd runs that is a unit, which outlives the command that asked for it.
pub(super) fn kill(scratch: &Scratch) {
    if !has_systemd() {
        return;
    }
    // One that cannot be killed ends with its time.
    let _ended = Command::new("systemctl")
        .args(["kill", "--signal=SIGKILL", &scratch.unit()])
        .env("PATH", PROGRAMS.join(":"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn arguments(sandbox: &Sandbox, scratch: &Scratch, script: Script<'_>) -> Vec<OsString> {
    let mut line = Line(Vec::new());
    line.words(&["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]);
    line.words(&["--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv"]);
    line.words(&["--add-seccomp-fd", "8", "--add-seccomp-fd", "9"]);
    line.words(&["--cap-drop", "ALL"]);
    if rustix::process::geteuid().is_root() {
        RIGHTS.iter().for_each(|right| line.words(&["--cap-add", right]));
    } else {
        line.words(&["--unshare-user"]);
    }
    line.words(&["--ro-bind", "/usr", "/usr"]);
    for name in BESIDE_USR {
        let path = format!("/{name}");
        match std::fs::read_link(&path) {
            Ok(target) => line.link(&target, Path::new(&path)),
            Err(_) => line.words(&["--ro-bind-try", &path, &path]),
        }
    }
    for name in ETC {
        let path = format!("/etc/{name}");
        line.words(&["--ro-bind-try", &path, &path]);
    }
    line.words(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    match &sandbox.content {
        Content::Writable => line.bind("--bind", &sandbox.folder, &sandbox.folder),
        Content::ReadOnly => line.bind("--ro-bind", &sandbox.folder, &sandbox.folder),
        Content::StandIn(_) => line.bind("--bind", &scratch.stand_in(), &sandbox.folder),
    }
    for (number, path) in sandbox.commands.keys().enumerate() {
        line.bind("--ro-bind", &scratch.command(number), path);
    }
    for (path, from) in &sandbox.found {
        line.bind("--ro-bind-try", from, path);
    }
    for (link, target) in &sandbox.links {
        line.link(target, link);
    }
    line.bind("--ro-bind", &scratch.environment(), &Path::new(RUN).join("environment"));
    let file = match script {
        Script::File(path) => path.to_owned(),
        Script::Bash(_) => {
            let path = Path::new(RUN).join("script");
            line.bind("--ro-bind", &scratch.script(), &path);
            path
        }
    };
    line.words(&["--remount-ro", "/", "--chdir"]);
    line.path(&sandbox.folder);
    let ours =
        sandbox.commands.keys().filter_map(|path| path.parent()).map(|path| path.display().to_string());
    let mut path: Vec<String> = ours.filter(|folder| folder.starts_with(RUN)).collect();
    path.dedup();
    path.extend(PROGRAMS.map(str::to_owned));
    line.words(&["--setenv", "PATH", &path.join(":"), "--setenv", "HOME", "/tmp"]);
    match script {
        Script::File(_) => line.words(&["--", "/bin/bash", "-c", BEGIN_FILE, "hearth"]),
        Script::Bash(_) => line.words(&["--", "/bin/bash", "-c", BEGIN, "hearth", "/bin/bash"]),
    }
    line.path(&file);
    line.0
}

/// A command line in the making.
struct Line(Vec<OsString>);

impl Line {
    fn words(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }

    fn path(&mut self, path: &Path) {
        self.0.push(path.into());
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        self.words(&[how]);
        self.path(from);
        self.path(to);
    }

    fn link(&mut self, target: &Path, link: &Path) {
        self.bind("--symlink", target, link);
    }
}

fn find(program: &'static str, package: &'static str) -> Result<PathBuf, Error> {
    let candidates = PROGRAMS.iter().map(|folder| Path::new(folder).join(program));
    candidates.into_iter().find(|path| path.is_file()).ok_or(Error::Missing { program, package })
}
