use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_fetch::Cancel;
use hearth_model::os::{Channel, ReleaseVersion};
use hearth_release::keys::Keys;
use hearth_release::repository::{NewRelease, Repository};
use hearth_update::download::{Downloaded, Job, download};
use hearth_update::release::FileRole;
use hearth_update::source::{Patience, Source};
use hearth_update::trust::{Offer, Trust};
use hearth_update::{Result, verity};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) const BOARD: &str = "x86-64";

/// Bytes without a pattern, the same for the same seed.
pub(crate) fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push((seed >> 56) as u8);
    }
    noise
}

/// A folder with keys, a folder that a web server would serve, and what releases are made from.
pub(crate) struct Maker {
    pub(crate) dir: TempDir,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let maker = Self { dir: tempfile::tempdir().expect("a folder") };
        Keys::make(&maker.dir.path().join("keys")).expect("keys");
        maker
    }

    pub(crate) fn keys(&self) -> Keys {
        Keys::open(&self.dir.path().join("keys"))
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.dir.path().join("served")
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::new(&self.served(), self.keys())
    }

    /// Writes the three files of a release and returns their folder.
    pub(crate) fn files(&self, version: ReleaseVersion, root: &[u8]) -> PathBuf {
        let folder = self.dir.path().join(version.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        let tree = tree(root);
        let hash = hex(&verity::root_hash(&tree[..]).expect("a tree"));
        let uki = [&noise(300_000, 99)[..], format!("roothash={hash} quiet").as_bytes()].concat();
        for (suffix, bytes) in [("root", root), ("verity", &tree), ("efi", &uki)] {
            fs::write(folder.join(format!("hearth_{version}.{suffix}")), bytes).expect("a file");
        }
        folder
    }

    pub(crate) fn publish(&self, version: ReleaseVersion, channel: Channel, root: &[u8]) {
        let files = self.files(version, root);
        let new = NewRelease {
            version,
            board: BOARD,
            channel,
            files: &files,
            notes: "Faster.",
            sbom: None,
            released_at: Timestamp::UNIX_EPOCH,
        };
        self.repository().publish(&new).expect("published");
    }

    /// A box that trusts these keys.
    pub(crate) fn new_box(&self) -> TestBox {
        new_box(&self.keys().root_path())
    }

    /// A box whose image came with this version of the root of trust.
    pub(crate) fn new_box_of(&self, root: u32) -> TestBox {
        new_box(&self.dir.path().join(format!("keys/{root}.root.json")))
    }
}

fn new_box(root: &Path) -> TestBox {
    let dir = tempfile::tempdir().expect("a folder");
    let root = fs::read(root).expect("a root");
    let trust = Trust {
        root,
        memory: dir.path().join("trust"),
        board: BOARD.to_owned(),
        built_at: Timestamp::UNIX_EPOCH,
    };
    TestBox { dir, trust, have: BTreeMap::new() }
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

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn version(patch: u32) -> ReleaseVersion {
    ReleaseVersion::new(1, 0, patch)
}

/// A web server that is given up on quickly.
pub(crate) fn web(url: &str) -> Source {
    let patience =
        Patience { silence: Duration::from_secs(2), window: Duration::from_millis(600), least_bytes: 10_000 };
    Source::Web { url: url.trim_end_matches('/').to_owned(), patience }
}

pub(crate) struct TestBox {
    pub(crate) dir: TempDir,
    pub(crate) trust: Trust,
    pub(crate) have: BTreeMap<FileRole, PathBuf>,
}

impl TestBox {
    pub(crate) fn ask(&self, source: &Source) -> Result<Offer> {
        self.trust.ask(source, Channel::Stable)
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.dir.path().join("partial")
    }

    pub(crate) fn download(&self, offer: &Offer) -> Result<Downloaded> {
        self.download_at(offer, None, &Cancel::default())
    }

    pub(crate) fn download_at(
        &self,
        offer: &Offer,
        rate: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Downloaded> {
        download(&Job {
            offer,
            folder: &self.partial(),
            have: &self.have,
            rate,
            cancel: cancel.clone(),
            progress: &|_| {},
        })
    }

    /// Everything that the box has written, by path.
    pub(crate) fn written(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn below(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    below(&path, found);
                } else {
                    found.insert(path.clone(), fs::read(&path).expect("a file"));
                }
            }
        }
        let mut found = BTreeMap::new();
        below(self.dir.path(), &mut found);
        // Where an answer is looked at before it is believed.
        found.retain(|path, _| !path.components().any(|part| part.as_os_str() == "trust.fresh"));
        found
    }
}
