use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::{Error, Result};

/// Where programs of the host are.
const PROGRAMS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Folders beside `/usr` that are links into it, or hold the same on older systems.
const BESIDE_USR: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];
/// What git needs of `/etc`: to find servers, and to know whom it may trust.
const ETC: [&str; 8] = [
    "alternatives",
    "ca-certificates",
    "gai.conf",
    "hosts",
    "ld.so.cache",
    "nsswitch.conf",
    "resolv.conf",
    "ssl",
];
/// Opens the files of the filters, and runs the rest.
const OPEN_FILTERS: &str = "exec 8<\"$0\" 9<\"$1\"; shift; exec \"$@\"";
/// Variables that name files with certificates.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What git may do with the repository that it works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access<'a> {
    /// There is none yet.
    None,
    /// It reads what is there.
    Read(&'a Path),
    /// It changes what is there.
    Write(&'a Path),
}

/// How git is kept from the rest of the box.
#[derive(Debug)]
enum Means {
    /// By [bubblewrap](https://github.com/containers/bubblewrap), with filters of system calls.
    Bubblewrap(Bubblewrap),
    /// By nothing but the rights of the agent's user, who is not root: this box gives such a user no sandbox.
    Rights,
}

#[derive(Debug)]
struct Bubblewrap {
    program: PathBuf,
    /// The filters, in memory.
    filters: [File; 2],
}

/// Returns the words before git's own: what a server sends cannot make git see or change anything but its repository and
/// the host's programs, read-only; nor has it any of root's rights, nor system calls that git has no use for.
///
/// # Errors
/// [`Error::NoGit`] when the agent is root and there is no bubblewrap: git never runs as root without.
pub(super) fn prefix(access: Access<'_>) -> Result<Vec<OsString>> {
    static MEANS: OnceLock<Option<Means>> = OnceLock::new();
    match MEANS.get_or_init(means) {
        Some(Means::Bubblewrap(bubblewrap)) => Ok(sandbox(bubblewrap, access)),
        Some(Means::Rights) => Ok(Vec::new()),
        None => Err(Error::NoGit { command: "bwrap" }),
    }
}

fn means() -> Option<Means> {
    let found = PROGRAMS.iter().map(|folder| Path::new(folder).join("bwrap")).find(|path| path.is_file());
    let found = found.zip(filters().ok()).map(|(program, filters)| Bubblewrap { program, filters });
    if rustix::process::geteuid().is_root() {
        return found.map(Means::Bubblewrap);
    }
    let works = |bubblewrap: &Bubblewrap| {
        let words = sandbox(bubblewrap, Access::None);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    Some(found.filter(works).map_or(Means::Rights, Means::Bubblewrap))
}

fn filters() -> io::Result<[File; 2]> {
    let file = |filter: Vec<u8>| {
        let mut file = File::from(memfd_create("hearth-filter", MemfdFlags::CLOEXEC)?);
        file.write_all(&filter).map(|()| file)
    };
    let [refused, absent] = hearth_seccomp::filters()?;
    Ok([file(refused)?, file(absent)?])
}

fn sandbox(bubblewrap: &Bubblewrap, access: Access<'_>) -> Vec<OsString> {
    let mut line: Vec<OsString> = ["sh", "-c", OPEN_FILTERS].map(OsString::from).into();
    // Each run opens them anew, since bubblewrap reads an open file from where the last reader left it.
    let ours = std::process::id();
    let opened = bubblewrap.filters.iter().map(|file| format!("/proc/{ours}/fd/{}", file.as_raw_fd()));
    line.extend(opened.map(OsString::from));
    line.push(bubblewrap.program.clone().into());
    let mut words = |words: &[&str]| line.extend(words.iter().map(OsString::from));
    words(&["--add-seccomp-fd", "8", "--add-seccomp-fd", "9"]);
    words(&["--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]);
    words(&["--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    if !rustix::process::geteuid().is_root() {
        words(&["--unshare-user"]);
    }
    words(&["--ro-bind", "/usr", "/usr"]);
    for name in BESIDE_USR {
        let path = format!("/{name}");
        match std::fs::read_link(&path) {
            Ok(target) => words(&["--symlink", &target.to_string_lossy(), &path]),
            Err(_) => words(&["--ro-bind-try", &path, &path]),
        }
    }
    for name in ETC {
        let path = format!("/etc/{name}");
        words(&["--ro-bind-try", &path, &path]);
    }
    words(&["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]);
    let certificates = CERTIFICATES.iter().filter_map(std::env::var_os);
    let bind = |how: &str, path: OsString| [how.into(), path.clone(), path];
    line.extend(certificates.flat_map(|path| bind("--ro-bind-try", path)));
    match access {
        Access::None => {}
        Access::Read(folder) => line.extend(bind("--ro-bind", folder.into())),
        Access::Write(folder) => line.extend(bind("--bind", folder.into())),
    }
    line.extend(["--remount-ro", "/", "--chdir", "/", "--"].map(OsString::from));
    line
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Runs a shell where git would run; returns what it printed.
    fn run(access: Access<'_>, script: &str) -> String {
        let words = prefix(access).expect("bubblewrap");
        let mut words = words.into_iter().chain(["sh", "-c", script].map(OsString::from));
        let output = Command::new(words.next().expect("a program")).args(words).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn nothing_but_the_repository_is_seen_or_changed() {
        if !matches!(means(), Some(Means::Bubblewrap(_))) {
            eprintln!("left out: this user gets no sandbox here");
            return;
        }
        let outer = tempfile::tempdir().expect("a folder");
        let repository = outer.path().join("repository");
        fs::create_dir(&repository).expect("a folder");
        fs::write(outer.path().join("secret"), "x").expect("a file");
        let (inside, outside) = (repository.display(), outer.path().display());
        let script = format!(
            "touch {inside}/mine && echo mine; cat {outside}/secret; touch {outside}/theirs; \
             touch /usr/x /etc/x && echo usr; cat /etc/shadow; ls /home /root /var /run; \
             unshare --user true && echo namespace; grep CapEff /proc/self/status"
        );
        let seen = run(Access::Write(&repository), &script);
        assert_eq!(seen, "mine\nCapEff:\t0000000000000000\n");
        assert!(repository.join("mine").exists() && !outer.path().join("theirs").exists());
        let script = format!("touch {inside}/again && echo again; ls {inside}");
        assert_eq!(run(Access::Read(&repository), &script), "mine\n");
    }
}
