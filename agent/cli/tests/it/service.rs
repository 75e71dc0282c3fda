//! The service as a process: it starts, says where it is, is alone on its folder, and stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running service in a folder of its own, without an engine.
pub(crate) struct Service {
    process: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Service {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, arguments)
    }

    pub(crate) fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut process = hearth(folder.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--docker-socket"])
            .arg(folder.path().join("no-docker.sock"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Hearth listens on http://").expect(&line);
        let address = address.trim_end_matches('/').to_owned();
        Self { process, address, folder }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        hearth(self.folder.path()).args(arguments).output().unwrap()
    }

    /// Sends SIGTERM and returns what the process ended with.
    pub(crate) fn stop(mut self) -> (std::process::ExitStatus, tempfile::TempDir) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.process.wait().unwrap();
        (status, std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn hearth(state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    command.env("HEARTH_STATE_DIR", state_dir).env_remove("HEARTH_LOG");
    command
}

#[test]
fn a_service_says_where_it_is_and_leaves_nothing_behind() {
    let service = Service::start(&[]);
    let written = std::fs::read_to_string(service.folder.path().join("address")).unwrap();
    assert_eq!(written.trim(), service.address);
    assert!(ask(&service.address, "GET /api/v1/session HTTP/1.1").contains("{\"state\":\"needs_setup\"}"));
    assert!(ask(&service.address, "GET /store HTTP/1.1").contains("make run"));

    let began = Instant::now();
    let (status, folder) = service.stop();
    assert!(status.success(), "{status}");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
    for gone in ["address", "hearth.sock", "hearth.db-wal"] {
        assert!(!folder.path().join(gone).exists(), "{gone} is still there");
    }
}

#[test]
fn an_open_stream_does_not_hold_up_the_end() {
    let service = Service::start(&[]);
    let mut stream =
        std::os::unix::net::UnixStream::connect(service.folder.path().join("hearth.sock")).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut begin = [0; 200];
    stream.read_exact(&mut begin).unwrap();
    assert!(String::from_utf8_lossy(&begin).contains("text/event-stream"));
    let began = Instant::now();
    assert!(service.stop().0.success());
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
}

#[test]
fn a_second_service_on_the_same_folder_is_refused_by_name() {
    let service = Service::start(&[]);
    let second = service.command(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains(&format!("(process {})", service.process.id())), "{said}");
    assert!(
        ask(&service.address, "GET /api/v1/session HTTP/1.1").contains("200 OK"),
        "the first one goes on"
    );
}

#[test]
fn a_taken_port_is_said_before_anything_is_made() {
    let service = Service::start(&[]);
    let other = tempfile::tempdir().unwrap();
    let refused = hearth(other.path()).args(["serve", "--listen", &service.address]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("is taken by another program"), "{said}");
    assert!(!other.path().join("hearth.db").exists());
}

#[test]
fn a_killed_service_starts_again_on_its_folder() {
    let mut service = Service::start(&[]);
    service.process.kill().unwrap();
    service.process.wait().unwrap();
    let folder = std::mem::replace(&mut service.folder, tempfile::tempdir().unwrap());
    let again = Service::start_in(folder, &[]);
    assert!(again.command(&["status"]).status.success());
}

#[test]
fn a_damaged_database_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hearth.db"), "no database at all, and long enough to look like one")
        .unwrap();
    let refused = hearth(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("hearth.db is damaged or is not a database"), "{said}");
}

/// One request over a connection of its own.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
