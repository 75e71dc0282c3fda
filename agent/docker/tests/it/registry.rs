use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Cleanup, PATIENCE, docker, docker_may_fail, import};

/// Debian's `docker-registry` on a port and a folder of its own.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    dir: tempfile::TempDir,
    process: Child,
}

impl Registry {
    pub(crate) fn open() -> Self {
        Self::with("")
    }

    /// One that wants `me` and this password; made with bcrypt, `htpasswd -nbB`.
    pub(crate) fn with_password(htpasswd: &str) -> Self {
        let users = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(users.path(), htpasswd).expect("written");
        let (_, path) = users.keep().expect("kept");
        Self::with(&format!("auth:\n  htpasswd:\n    realm: hearth\n    path: {}\n", path.display()))
    }

    fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n{more}",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).expect("written");
        let process = serve(&file, address);
        Self { address, dir, process }
    }

    pub(crate) fn name(&self, image: &str) -> String {
        format!("127.0.0.1:{}/{image}", self.address.port())
    }

    /// Makes an image with this much that cannot be compressed, pushes it, and takes it away from the engine.
    pub(crate) fn push(&self, image: &str, bytes: usize) -> Pushed {
        let name = self.name(image);
        import(&name, &[("noise", &noise(bytes)), ("name", image.as_bytes())]);
        docker(["push", "-q", &name]);
        let digest = docker(["image", "inspect", "-f", "{{index .RepoDigests 0}}", &name]);
        let digest = digest.split_once('@').expect("a digest").1.to_owned();
        docker(["rmi", "-f", &name]);
        Pushed { digest, _cleanup: Cleanup(vec!["rmi".to_owned(), "-f".to_owned(), name.clone()]), name }
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("ended");
    }

    pub(crate) fn start(&mut self) {
        self.process = serve(&self.dir.path().join("config.yml"), self.address);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An image in a registry.
pub(crate) struct Pushed {
    pub(crate) name: String,
    pub(crate) digest: String,
    _cleanup: Cleanup,
}

impl Pushed {
    pub(crate) fn is_on_engine(&self) -> bool {
        !docker_may_fail(["image", "inspect", "-f", "{{.Id}}", &self.name]).is_empty()
    }
}

fn serve(config: &std::path::Path, address: SocketAddr) -> Child {
    let process = Command::new("docker-registry")
        .arg("serve")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker-registry is installed");
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "the registry never answered");
        std::thread::sleep(Duration::from_millis(20));
    }
    process
}

/// Bytes that do not repeat (xorshift), so that a layer is as large on the wire.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15 ^ bytes as u64;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(state.to_le_bytes());
    }
    noise
}
