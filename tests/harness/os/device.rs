use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::Client;
use crate::hearth::HearthSetup;
use crate::machine::Machine;
use crate::wait::{Answer, wait_for};
use crate::web::{Page, WebServer};
use anyhow::{Result, anyhow};
use hearth_model::api::os::{OsStatus, UpdatePhase};
use hearth_model::os::{Channel, ReleaseVersion};
use hearth_release::keys::Keys;
use hearth_release::repository::{NewRelease, Repository};
use hearth_update::verity;
use jiff::Timestamp;

const BOARD: &str = "x86-64";
/// Size of the roots of test releases, in bytes.
pub const ROOT_BYTES: usize = 3_000_000;

/// Returns release 1.0.`patch`.
pub fn version(patch: u32) -> ReleaseVersion {
    ReleaseVersion::new(1, 0, patch)
}

/// Bytes without a pattern, the same for the same seed.
pub fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push((seed >> 56) as u8);
    }
    noise
}

/// A channel with keys of its own: what a release server has.
pub struct Publisher {
    folder: PathBuf,
}

impl Publisher {
    /// Makes the keys in a folder.
    ///
    /// # Errors
    /// When the disk cannot be written or read.
    pub fn new(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        Keys::make(&folder.join("keys"))?;
        Ok(Self { folder })
    }

    /// Returns the folder that a web server serves.
    pub fn served(&self) -> PathBuf {
        self.folder.join("served")
    }

    /// Returns what an image carries of the keys.
    ///
    /// # Errors
    /// When the disk cannot be written or read.
    pub fn root_of_trust(&self) -> Result<Vec<u8>> {
        Ok(fs::read(Keys::open(&self.folder.join("keys")).root_path())?)
    }

    /// Writes the three files of a release and returns their folder.
    pub fn files(&self, version: ReleaseVersion, root: &[u8]) -> Result<PathBuf> {
        let folder = self.folder.join(version.to_string());
        fs::create_dir_all(&folder)?;
        let tree = tree(root);
        let hash: String = verity::root_hash(&tree[..])?.iter().map(|byte| format!("{byte:02x}")).collect();
        let kernel = [&noise(300_000, 99)[..], format!("roothash={hash} quiet").as_bytes()].concat();
        for (suffix, bytes) in [("root", root), ("verity", &tree), ("efi", &kernel)] {
            fs::write(folder.join(format!("hearth_{version}.{suffix}")), bytes)?;
        }
        Ok(folder)
    }

    /// Publishes a release that is made of this root.
    ///
    /// # Errors
    /// When the disk cannot be written or read.
    pub fn publish(&self, version: ReleaseVersion, channel: Channel, root: &[u8]) -> Result<()> {
        let files = self.files(version, root)?;
        let new = NewRelease {
            version,
            board: BOARD,
            channel,
            files: &files,
            notes: "Faster.",
            sbom: None,
            released_at: Timestamp::UNIX_EPOCH,
        };
        Repository::new(&self.served(), Keys::open(&self.folder.join("keys"))).publish(&new)?;
        Ok(())
    }
}

/// As much of a hash tree as is looked at.
fn tree(root: &[u8]) -> Vec<u8> {
    let mut tree = vec![0; 4096];
    tree[..8].copy_from_slice(b"verity\0\0");
    (tree[8], tree[12]) = (1, 1);
    tree[32..38].copy_from_slice(b"sha256");
    tree[68..72].copy_from_slice(&4096_u32.to_le_bytes());
    tree.extend(noise(4096, root.len() as u64 + u64::from(root[0])));
    tree
}

/// A root file system, as far as it is looked at: an erofs by its magic number.
pub fn root(seed: u64) -> Vec<u8> {
    let mut root = noise(ROOT_BYTES, seed);
    root[1024..1028].copy_from_slice(&[0xe2, 0xe1, 0xf5, 0xe0]);
    root
}

/// A root that differs from that of release 1.0.1 in the middle.
pub fn changed_root() -> Vec<u8> {
    let mut changed = root(1);
    let (from, to) = (1_000_000, 1_200_000);
    changed[from..to].copy_from_slice(&noise(to - from, 7));
    changed
}

/// A box that runs release 1.0.1 of Hearth's own image, as far as the agent sees of it, and a channel that it asks.
pub struct Device {
    /// The folder that stands for the root of the system.
    pub root: PathBuf,
    /// How Hearth is started on it.
    pub setup: HearthSetup,
    /// Who makes its releases.
    pub publisher: Publisher,
    /// Where they are served, below `/os/`.
    pub server: WebServer,
}

impl Device {
    /// Lays the box out. It has neither an engine nor a bus that answers.
    ///
    /// # Errors
    /// When the disk cannot be written or read.
    pub fn new(machine: &Machine) -> Result<Self> {
        let root_dir = machine.path("system");
        let mut setup = HearthSetup::new(machine, machine.path("no-engine.sock"), machine.folder())?;
        setup.stores.clear();
        setup.os_root = Some(root_dir.clone());
        let no_bus = format!("unix:path={}", machine.path("no-bus.sock").display());
        setup.environment.push(("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), no_bus));
        let publisher = Publisher::new(machine.path("publisher"))?;
        let server = WebServer::start()?;
        server.serve("/os/", Page::Folder(publisher.served()));
        let device = Self { root: root_dir, setup, publisher, server };
        let files = device.publisher.files(version(1), &root(1))?;
        device.write("dev/disk/by-partlabel/hearth_1.0.1", &[root(1), vec![0; 500_000]].concat())?;
        device.write("boot/EFI/Linux/hearth_1.0.1.efi", &fs::read(files.join("hearth_1.0.1.efi"))?)?;
        device.write("proc/sys/kernel/random/boot_id", b"5f1b0a3c\n")?;
        device.write("usr/share/hearth/releases/root.json", &device.publisher.root_of_trust()?)?;
        device.write("usr/share/hearth/releases/address", device.server.url("/os/").as_bytes())?;
        device.runs(version(1))?;
        Ok(device)
    }

    /// Makes a release the one that runs.
    pub fn runs(&self, version: ReleaseVersion) -> Result<()> {
        let text = format!(
            "PRETTY_NAME=\"Hearth {version}\"\nIMAGE_ID=hearth\nIMAGE_VERSION={version}\nVARIANT_ID={BOARD}\n"
        );
        self.write("etc/os-release", text.as_bytes())
    }

    /// Has the next start of Hearth be one of the box, with a release that the boot loader took.
    pub fn boots(&self, version: ReleaseVersion, boot_id: &str) -> Result<()> {
        self.runs(version)?;
        self.write("proc/sys/kernel/random/boot_id", boot_id.as_bytes())
    }

    /// Writes a file of the root.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        Ok(fs::write(path, bytes)?)
    }

    /// Returns the folder of the state where updates lie.
    pub fn updates(&self) -> PathBuf {
        self.setup.state.join("updates")
    }
}

/// Returns what the API says about the system.
///
/// # Errors
/// When it does not answer.
pub fn status(client: &Client) -> Result<OsStatus> {
    client.get("os")
}

/// Waits until an update is in a state.
pub fn wait_for_phase(client: &Client, phase: UpdatePhase) -> Result<OsStatus> {
    wait_for_phase_within(client, phase, 60)
}

/// The same, within so many seconds.
pub fn wait_for_phase_within(client: &Client, phase: UpdatePhase, secs: u64) -> Result<OsStatus> {
    wait_for(&format!("the update to be {phase:?}"), Duration::from_secs(secs), || {
        let status = status(client)?;
        if status.update.state == phase {
            return Ok(Answer::Is(status));
        }
        let reason = status.update.reason.unwrap_or_default();
        Ok(Answer::NotYet(format!("{:?} {reason}", status.update.state)))
    })
}

/// Returns the reason of a refusal.
pub fn reason(status: &OsStatus) -> Result<&str> {
    status.update.reason.as_deref().ok_or_else(|| anyhow!("no reason: {:?}", status.update))
}
