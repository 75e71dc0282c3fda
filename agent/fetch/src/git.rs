//! The host's `git` rather than a library: in a process of its own it has bounds of its own (memory, file size, processor),
//! it speaks to every kind of server, and it brings no second TLS library. It never checks anything out: what it fetched
//! leaves it as a tar stream and goes the way of every other archive.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::address::without_password;
use crate::{Error, Job, Phase, Result, unpack};

/// How often a process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Most bytes that are kept of what git says.
const MAX_WORDS_BYTES: u64 = 64 * 1024;
/// Most bytes of a list of branches and tags: the answer for one name has a line or two, more is a server that misbehaves.
const MAX_LIST_BYTES: u64 = 1024 * 1024;
/// Memory that git may have, in bytes. The largest public stores need a tenth.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Larger files of a repository are not kept in memory while the pack is checked, in bytes.
const BIG_FILE_BYTES: u64 = 1024 * 1024;

/// What keeps git from doing anything but speak HTTP: no settings of this box, no questions, no hooks, no other protocol.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "true"),
    ("GIT_ALLOW_PROTOCOL", "http:https"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("LC_ALL", "C"),
];
/// Variables that git needs of ours: where programs are, and how to get out of this network.
const INHERITED: [&str; 10] = [
    "PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// A repository on a server, and the bare one that it is fetched into.
pub(crate) struct Repository<'a> {
    folder: PathBuf,
    url: &'a str,
    job: &'a Job<'a>,
}

impl<'a> Repository<'a> {
    /// `folder` does not exist yet.
    pub(crate) fn new(folder: PathBuf, url: &'a str, job: &'a Job<'a>) -> Self {
        Self { folder, url, job }
    }

    /// Asks the server for the commit that a branch or tag, or its own choice, stands at.
    pub(crate) fn remote_commit(&self, branch: Option<&str>) -> Result<String> {
        self.job.tell(Phase::Fetching, 0, None);
        let mut list = self.git();
        list.args(["ls-remote", "--exit-code", "--", self.url]);
        match branch {
            Some(branch) => {
                list.args([format!("refs/heads/{branch}"), format!("refs/tags/{branch}")]);
                list.arg(format!("refs/tags/{branch}^{{}}"));
            }
            None => _ = list.arg("HEAD"),
        }
        let done = self.run(list, "read")?;
        // "Exit with status 2 when no matching refs are found" (git-ls-remote).
        if done.status.code() == Some(2) {
            let url = without_password(self.url);
            return Err(Error::NoBranch { url, branch: branch.map(str::to_owned) });
        }
        self.expect(&done, "read")?;
        // A tag that is an object of its own is followed to its commit, which comes behind it.
        let lines: Vec<(&str, &str)> = done.output.lines().filter_map(|line| line.split_once('\t')).collect();
        let branch_line = lines.iter().find(|(_, name)| name.starts_with("refs/heads/"));
        let line = branch_line.or(lines.last());
        line.map(|(commit, _)| (*commit).to_owned())
            .filter(|commit| is_hash(commit))
            .ok_or_else(|| self.failed("read", "the server's list of branches makes no sense"))
    }

    /// Fetches a branch or tag, or the server's own choice, without its history. Returns its commit.
    pub(crate) fn fetch(&self, branch: Option<&str>) -> Result<String> {
        let mut init = self.git();
        init.args(["init", "--quiet", "--bare", "--template=", "--"]).arg(&self.folder);
        let done = self.run(init, "prepare for")?;
        self.expect(&done, "prepare for")?;
        let mut done = self.run(self.fetch_command(branch, Depth::One), "fetch")?;
        if !done.status.success() && done.words.contains("does not support shallow") {
            // A server that is a plain folder behind HTTP.
            done = self.run(self.fetch_command(branch, Depth::All), "fetch")?;
        }
        self.expect(&done, "fetch")?;
        let mut parse = self.git_inside();
        parse.args(["rev-parse", "--verify", "FETCH_HEAD^{commit}"]);
        let done = self.run(parse, "read")?;
        self.expect(&done, "read")?;
        let commit = done.output.trim().to_owned();
        if is_hash(&commit) { Ok(commit) } else { Err(self.failed("read", "it has no commit")) }
    }

    /// Writes the files of the fetched commit into the empty folder `tree`. Returns how many entries were left out.
    pub(crate) fn unpack(&self, tree: &Path) -> Result<usize> {
        self.job.tell(Phase::Unpacking, 0, None);
        let mut archive = self.git_inside();
        archive.args(["archive", "--format=tar", "FETCH_HEAD"]);
        let mut process = Process::start(archive)?;
        let result = match process.child.stdout.take() {
            Some(stdout) => unpack::stream(stdout, tree, self.job),
            None => Ok(0),
        };
        if result.is_err() {
            process.kill();
        }
        let done = process.wait(self.job, || ())?;
        // What git says explains a stream that ends early.
        let is_cut = matches!(result, Ok(_) | Err(Error::Damaged(_)));
        if is_cut && !done.status.success() {
            self.expect(&done, "unpack")?;
        }
        result
    }

    fn fetch_command(&self, branch: Option<&str>, depth: Depth) -> Command {
        let mut fetch = self.git_inside();
        fetch.args(["fetch", "--quiet", "--no-tags", "--no-write-commit-graph", "--no-recurse-submodules"]);
        if depth == Depth::One {
            fetch.arg("--depth=1");
        }
        fetch.args(["--", self.url, branch.unwrap_or("HEAD")]);
        fetch
    }

    /// Git in the fetched repository.
    fn git_inside(&self) -> Command {
        let mut git = self.git();
        git.arg("--git-dir").arg(&self.folder);
        git
    }

    /// Git with bounds that its helpers inherit.
    fn git(&self) -> Command {
        let mut command = Command::new("prlimit");
        command.args([
            format!("--as={MEMORY_BYTES}"),
            format!("--fsize={}", self.job.limits.download_bytes),
            format!("--cpu={}", self.job.limits.time.as_secs().max(1)),
            "--core=0".to_owned(),
        ]);
        command.args(["--", "git"]);
        for setting in [
            format!("core.bigFileThreshold={BIG_FILE_BYTES}"),
            // One pack is one file, which the bound on files holds for.
            "fetch.unpackLimit=1".to_owned(),
            "pack.threads=1".to_owned(),
            "core.packedGitLimit=64m".to_owned(),
            "gc.auto=0".to_owned(),
            "maintenance.auto=false".to_owned(),
            "credential.helper=".to_owned(),
            "http.lowSpeedLimit=1".to_owned(),
            "http.lowSpeedTime=30".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        command.env_clear().envs(ENVIRONMENT).env("HOME", "/nonexistent").current_dir("/");
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that its helpers end with it.
        command.process_group(0);
        command
    }

    fn run(&self, command: Command, what: &'static str) -> Result<Done> {
        let mut process = Process::start(command)?;
        let packs = self.folder.join("objects/pack");
        let mut told = 0;
        let limit = self.job.limits.download_bytes;
        let done = process.wait(self.job, || {
            let bytes = size(&packs);
            if bytes > told {
                told = bytes;
                self.job.tell(Phase::Fetching, bytes, None);
            }
        })?;
        if !done.status.success() && (done.words.contains("File size limit") || size(&packs) >= limit) {
            return Err(Error::TooLarge { what: "the repository", limit_bytes: limit });
        }
        if done.status.code() == Some(127) {
            return Err(Error::NoGit { command: "git" });
        }
        if done.output.len() as u64 > MAX_LIST_BYTES {
            return Err(self.failed(what, "it answers without an end"));
        }
        Ok(done)
    }

    fn expect(&self, done: &Done, what: &'static str) -> Result<()> {
        if done.status.success() { Ok(()) } else { Err(self.failed(what, &last_words(done))) }
    }

    fn failed(&self, what: &'static str, why: &str) -> Error {
        let shown = without_password(self.url);
        Error::Git { what, why: why.replace(self.url, &shown), url: shown }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    One,
    All,
}

/// A process that ended.
struct Done {
    status: ExitStatus,
    output: String,
    words: String,
}

/// A process that runs. It is killed with its helpers when this value goes.
struct Process {
    child: Child,
    is_over: bool,
}

impl Process {
    fn start(mut command: Command) -> Result<Self> {
        let child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::NoGit { command: "prlimit" },
            _ => Error::Write { path: Path::new("git").to_owned(), source },
        })?;
        Ok(Self { child, is_over: false })
    }

    /// Waits until it ends, looking at it now and then.
    fn wait(&mut self, job: &Job<'_>, mut look: impl FnMut()) -> Result<Done> {
        let output = self.child.stdout.take().map(|stdout| collect(stdout, MAX_LIST_BYTES + 1));
        let words = self.child.stderr.take().map(|stderr| collect(stderr, MAX_WORDS_BYTES));
        let failed = |source| Error::Write { path: OsStr::new("git").into(), source };
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                break status;
            }
            if let Err(ended) = job.check() {
                self.kill();
                return Err(ended);
            }
            look();
            thread::sleep(LOOK_EVERY);
        };
        self.is_over = true;
        let text = |reader: Option<thread::JoinHandle<String>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        Ok(Done { status, output: text(output), words: text(words) })
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself meanwhile.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_over {
            self.kill();
            // It is killed; this takes it off the list of processes.
            let _ = self.child.wait();
        }
    }
}

/// Reads a stream to its end and keeps its beginning.
fn collect(mut stream: impl Read + Send + 'static, limit: u64) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = (&mut stream).take(limit).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(io::Result::ok);
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn is_hash(text: &str) -> bool {
    // SHA-1 or SHA-256.
    [40, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns what git says last, without its `fatal:`.
fn last_words(done: &Done) -> String {
    let lines = done.words.lines().map(str::trim).filter(|line| !line.is_empty());
    let words = ["fatal: ", "error: ", "remote: "];
    let told = lines.clone().find(|line| line.starts_with("fatal: ")).or_else(|| lines.last());
    let told = told.map(|line| words.iter().fold(line, |line, word| line.trim_start_matches(word)));
    told.map_or_else(|| format!("it ended with {}", done.status), |line| line.chars().take(300).collect())
}

#[cfg(test)]
mod tests;
