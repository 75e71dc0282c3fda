use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use hearth_host::sandbox::{Content, Ended, Limits, Sandbox, Script};
use tempfile::TempDir;

/// An app's folder `<tmp>/apps/wiki` beside `<tmp>/apps/other`, and a file beside both.
fn sandbox(tmp: &TempDir) -> Sandbox {
    let apps = tmp.path().join("apps");
    for app in ["wiki", "other"] {
        fs::create_dir_all(apps.join(app)).expect("a folder");
    }
    fs::write(apps.join("other/word"), "of the other").expect("a file");
    fs::write(tmp.path().join("secret"), "of the box").expect("a file");
    Sandbox {
        scratch: tmp.path().join("scratch"),
        folder: apps.join("wiki"),
        content: Content::Writable,
        commands: BTreeMap::from([(
            PathBuf::from("/run/hearth/bin/greet"),
            "#!/bin/sh\necho hello\n".to_owned(),
        )]),
        found: BTreeMap::new(),
        links: BTreeMap::from([(apps.join("app-data"), PathBuf::from("."))]),
        environment: BTreeMap::from([("WORD".to_owned(), "it's $HOME\nand \"more\"".to_owned())]),
        limits: Limits { time: Duration::from_secs(20), memory_mb: 256, processes: 64 },
    }
}

fn bash(sandbox: &Sandbox, text: &str) -> Ended {
    sandbox.run(Script::Bash(text)).expect("bubblewrap is installed")
}

fn text(ended: &Ended) -> String {
    assert_eq!(ended.failure, None, "{}", String::from_utf8_lossy(&ended.errors));
    String::from_utf8_lossy(&ended.output).into_owned()
}

#[test]
fn a_script_sees_its_folder_and_what_it_is_given() {
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    let ended = bash(&sandbox, "echo made >file; printf '%s|' \"$WORD\"; greet; ls ../app-data");
    assert_eq!(text(&ended), "it's $HOME\nand \"more\"|hello\napp-data\nwiki\n");
    assert_eq!(fs::read_to_string(sandbox.folder.join("file")).expect("the script made it"), "made\n");
    assert_eq!(fs::read_dir(&sandbox.scratch).expect("the folder").count(), 0, "the run left something");
}

#[test]
fn a_script_reaches_nothing_else() {
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    let secret = tmp.path().join("secret");
    for forbidden in [
        format!("cat {}", secret.display()),
        "cat ../other/word".to_owned(),
        "echo x >../other/word".to_owned(),
        "echo x >/usr/bin/x".to_owned(),
        "ls /var/run/docker.sock".to_owned(),
        "ls /root".to_owned(),
        "mount -t tmpfs none /tmp".to_owned(),
        "mknod device b 7 0".to_owned(),
        "unshare --user true".to_owned(),
        "unshare --mount true".to_owned(),
        "python3 -c 'import ctypes; l = ctypes.CDLL(None, use_errno=True); exit(l.ptrace(0, 0, 0, 0) != 0)'"
            .to_owned(),
        "exec 3<>/dev/tcp/127.0.0.1/22".to_owned(),
        format!("ln -s {} link; cat link", secret.display()),
    ] {
        let ended = bash(&sandbox, &forbidden);
        assert!(ended.failure.is_some(), "{forbidden}: {}", String::from_utf8_lossy(&ended.output));
    }
    let interfaces = text(&bash(&sandbox, "tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' '"));
    assert_eq!(interfaces, "lo\n");
}

#[test]
fn owners_of_files_can_be_set_by_root() {
    if !is_root() {
        return;
    }
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    text(&bash(
        &sandbox,
        "mkdir data && chown 1000:33 data && touch data/x && chown 70 data/x && chmod 600 data/x",
    ));
    let data = fs::metadata(sandbox.folder.join("data")).expect("the script made it");
    assert_eq!((data.uid(), data.gid()), (1000, 33));
}

#[test]
fn a_script_ends_when_its_time_is_over() {
    let tmp = tempfile::tempdir().expect("a folder");
    let mut sandbox = sandbox(&tmp);
    sandbox.limits.time = Duration::ZERO;
    let ended = bash(&sandbox, "echo begun; (sleep 100; touch late) & sleep 100");
    assert_eq!(ended.failure.as_deref(), Some("it took longer than 0 seconds"));
    assert_eq!(ended.output, b"begun\n");
}

#[test]
fn a_folder_that_is_not_there_yet_has_a_stand_in() {
    let tmp = tempfile::tempdir().expect("a folder");
    let mut sandbox = sandbox(&tmp);
    sandbox.folder = tmp.path().join("apps/new");
    let files = [("hooks/pre-start", "#!/bin/sh\necho \"from $(basename \"$PWD\")\" | tee made\n")];
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    sandbox.content = Content::StandIn(files.collect());
    let ended = sandbox.run(Script::File(&sandbox.folder.join("hooks/pre-start"))).expect("it runs");
    assert_eq!(text(&ended), "from new\n");
    assert!(!sandbox.folder.exists());
}

#[test]
fn a_folder_that_is_only_read_stays_as_it_is() {
    let tmp = tempfile::tempdir().expect("a folder");
    let mut sandbox = sandbox(&tmp);
    fs::write(sandbox.folder.join("word"), "of the wiki").expect("a file");
    sandbox.content = Content::ReadOnly;
    assert_eq!(
        text(&bash(&sandbox, "cat word; ! echo x 2>/dev/null >word; ! rm -f word 2>/dev/null")),
        "of the wiki"
    );
    assert_eq!(fs::read_to_string(sandbox.folder.join("word")).expect("it is there"), "of the wiki");
}

#[test]
fn a_script_finds_files_and_sockets_that_it_is_given() {
    let tmp = tempfile::tempdir().expect("a folder");
    let mut sandbox = sandbox(&tmp);
    let socket = tmp.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let answers = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        stream.write_all(b"hello").expect("it listens");
    });
    sandbox.found = BTreeMap::from([
        (PathBuf::from("/run/hearth/agent.sock"), socket),
        (PathBuf::from("/run/hearth/word"), tmp.path().join("secret")),
        (PathBuf::from("/run/hearth/absent"), tmp.path().join("absent")),
    ]);
    let ended = bash(
        &sandbox,
        "python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/hearth/agent.sock'); \
         print(s.recv(9).decode())\"; cat /run/hearth/word; ! echo x 2>/dev/null >/run/hearth/word; ls /run/hearth/absent",
    );
    assert_eq!(ended.output, b"hello\nof the box");
    assert_eq!(ended.failure.as_deref(), Some("exit code 2"), "the absent one is absent");
    answers.join().expect("it answered");
}

#[test]
fn what_a_file_leaves_behind_has_a_while_and_no_more() {
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    let path = sandbox.folder.join("hook");
    let file = |text: &str| {
        fs::write(&path, format!("#!/bin/bash\n{text}\n")).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may run");
        sandbox.run(Script::File(&path)).expect("bubblewrap is installed")
    };
    let ended = file("(sleep 1; echo late >late) & echo soon; exit 4");
    assert_eq!((ended.failure.as_deref(), &ended.output[..]), (Some("exit code 4"), &b"soon\n"[..]));
    assert_eq!(fs::read_to_string(sandbox.folder.join("late")).expect("it came to its end"), "late\n");
    text(&file("(sleep 1000; echo never >never) &"));
    assert!(!sandbox.folder.join("never").exists());
}

#[test]
fn what_words_leave_behind_goes_at_once() {
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    let ended = bash(&sandbox, "(sleep 1; echo late >late) >/dev/null 2>&1 & echo soon; exit 4");
    assert_eq!((ended.failure.as_deref(), &ended.output[..]), (Some("exit code 4"), &b"soon\n"[..]));
    assert!(!sandbox.folder.join("late").exists());
}

#[test]
fn a_failure_says_how_and_keeps_what_was_written() {
    let tmp = tempfile::tempdir().expect("a folder");
    let ended = bash(&sandbox(&tmp), "echo a problem >&2; exit 3");
    assert_eq!(ended.failure.as_deref(), Some("exit code 3"));
    assert_eq!(ended.errors, b"a problem\n");
}

#[test]
fn memory_is_bounded() {
    let tmp = tempfile::tempdir().expect("a folder");
    let ended = bash(&sandbox(&tmp), "x=$(head -c 600000000 /dev/zero | tr '\\0' x); echo ${#x}");
    assert!(ended.failure.is_some(), "{}", String::from_utf8_lossy(&ended.output));
}

fn is_root() -> bool {
    fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

#[test]
fn a_script_that_is_not_wanted_any_more_is_killed_with_all_it_started() {
    let tmp = tempfile::tempdir().expect("a folder");
    let sandbox = sandbox(&tmp);
    let begun = std::time::Instant::now();
    let is_wanted = || !sandbox.folder.join("begun").exists();
    let script = Script::Bash("touch begun; sleep 15 & sleep 15; touch ended");
    let ended = sandbox.run_while(script, &is_wanted).expect("bubblewrap is installed");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(ended.failure.is_some_and(|failure| failure.contains("not wanted any more")));
    assert!(!sandbox.folder.join("ended").exists());
}
