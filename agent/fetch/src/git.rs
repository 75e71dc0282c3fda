//! The host's `git` rather than a library: in a process of its own it has bounds of its own (memory, file size, processor),
//! it speaks to every kind of server, and it brings no second TLS library. It runs in a sandbox of its own, which sees
//! the repository and no other file of the box but programs. It never checks anything out: what it fetched
//! leaves it as a tar stream and goes the way of every other archive.

/// What git may see and change.
mod confined;
/// What it signs in with.
mod login;
/// Processes that end with their owner.
mod process;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use confined::Access;
use login::Login;
use process::{Done, MAX_LIST_BYTES, Process};

use crate::address::without_password;
use crate::{Error, Job, Phase, Result, unpack};

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
const INHERITED: [&str; 8] =
    ["PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
/// Variables that say whom to trust, as the rest of Hearth reads them, and git's own names for the same.
const TRUST: [(&str, &str); 2] = [("SSL_CERT_FILE", "GIT_SSL_CAINFO"), ("SSL_CERT_DIR", "GIT_SSL_CAPATH")];

/// A repository on a server, and the bare one that it is fetched into.
pub(crate) struct Repository<'a> {
    folder: PathBuf,
    /// Its address, without a password.
    url: String,
    login: Option<Login>,
    job: &'a Job<'a>,
}

impl<'a> Repository<'a> {
    /// `folder` does not exist yet.
    ///
    /// # Errors
    /// When the password in the address cannot be one.
    pub(crate) fn new(folder: PathBuf, url: &str, job: &'a Job<'a>) -> Result<Self> {
        let login = Login::of(url);
        let url = without_password(url);
        match login {
            Ok(login) => Ok(Self { folder, url, login, job }),
            Err(why) => Err(Error::Git { what: "read", url, why: why.to_owned() }),
        }
    }

    /// Asks the server for the commit that a branch or tag, or its own choice, stands at.
    pub(crate) fn remote_commit(&self, branch: Option<&str>) -> Result<String> {
        self.job.tell(Phase::Fetching, 0, None);
        let mut list = self.git(Access::None)?;
        list.args(["ls-remote", "--exit-code", "--", &self.url]);
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
            let url = self.url.clone();
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
        fs::create_dir(&self.folder).map_err(|source| Error::Write { path: self.folder.clone(), source })?;
        let mut init = self.git(Access::Write(&self.folder))?;
        init.args(["init", "--quiet", "--bare", "--template=", "--"]).arg(&self.folder);
        let done = self.run(init, "prepare for")?;
        self.expect(&done, "prepare for")?;
        let mut done = self.run(self.fetch_command(branch, Depth::One)?, "fetch")?;
        if !done.status.success() && done.words.contains("does not support shallow") {
            // A server that is a plain folder behind HTTP.
            done = self.run(self.fetch_command(branch, Depth::All)?, "fetch")?;
        }
        self.expect(&done, "fetch")?;
        let mut parse = self.git_inside(Access::Read(&self.folder))?;
        parse.args(["rev-parse", "--verify", "FETCH_HEAD^{commit}"]);
        let done = self.run(parse, "read")?;
        self.expect(&done, "read")?;
        let commit = done.output.trim().to_owned();
        if is_hash(&commit) { Ok(commit) } else { Err(self.failed("read", "it has no commit")) }
    }

    /// Writes the files of the fetched commit into the empty folder `tree`. Returns how many entries were left out.
    pub(crate) fn unpack(&self, tree: &Path) -> Result<usize> {
        self.job.tell(Phase::Unpacking, 0, None);
        let mut archive = self.git_inside(Access::Read(&self.folder))?;
        archive.args(["archive", "--format=tar", "FETCH_HEAD"]);
        let mut process = Process::start(archive)?;
        let result = match process.take_output() {
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

    fn fetch_command(&self, branch: Option<&str>, depth: Depth) -> Result<Command> {
        let mut fetch = self.git_inside(Access::Write(&self.folder))?;
        fetch.args(["fetch", "--quiet", "--no-tags", "--no-write-commit-graph", "--no-recurse-submodules"]);
        if depth == Depth::One {
            fetch.arg("--depth=1");
        }
        fetch.args(["--", &self.url, branch.unwrap_or("HEAD")]);
        Ok(fetch)
    }

    /// Git in the fetched repository.
    fn git_inside(&self, access: Access<'_>) -> Result<Command> {
        let mut git = self.git(access)?;
        git.arg("--git-dir").arg(&self.folder);
        Ok(git)
    }

    /// Git with bounds that its helpers inherit, away from everything else.
    fn git(&self, access: Access<'_>) -> Result<Command> {
        let mut command = Command::new("prlimit");
        command.args([
            format!("--as={MEMORY_BYTES}"),
            format!("--fsize={}", self.job.limits.download_bytes),
            format!("--cpu={}", self.job.limits.time.as_secs().max(1)),
            "--core=0".to_owned(),
        ]);
        command.arg("--").args(confined::prefix(access)?).arg("git");
        for setting in [
            format!("core.bigFileThreshold={BIG_FILE_BYTES}"),
            // One pack is one file, which the bound on files holds for.
            "fetch.unpackLimit=1".to_owned(),
            "pack.threads=1".to_owned(),
            "core.packedGitLimit=64m".to_owned(),
            "gc.auto=0".to_owned(),
            "maintenance.auto=false".to_owned(),
            "http.lowSpeedLimit=1".to_owned(),
            "http.lowSpeedTime=30".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        command.env_clear().envs(ENVIRONMENT).env("HOME", "/nonexistent").current_dir("/");
        let same = INHERITED.map(|name| (name, name));
        for (ours, its) in same.into_iter().chain(TRUST) {
            if let Some(value) = std::env::var_os(ours) {
                command.env(its, value);
            }
        }
        if let Some(login) = &self.login {
            command.envs(login.environment());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that its helpers end with it.
        command.process_group(0);
        Ok(command)
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
        if done.status.code() == Some(127) || done.words.contains("bwrap: execvp git") {
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
        Error::Git { what, why: why.to_owned(), url: self.url.clone() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    One,
    All,
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
    let mut lines = done.words.lines().map(str::trim).filter(|line| !line.is_empty());
    let words = ["fatal: ", "error: ", "remote: "];
    let told = lines.clone().find(|line| line.starts_with("fatal: ")).or_else(|| lines.next_back());
    let told = told.map(|line| words.iter().fold(line, |line, word| line.trim_start_matches(word)));
    told.map_or_else(|| format!("it ended with {}", done.status), |line| line.chars().take(300).collect())
}

#[cfg(test)]
mod tests;
