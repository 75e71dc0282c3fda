use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::{SignedDuration, Timestamp};
use tough::editor::signed::SignedRole;
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::{KeyHolder, RoleKeys, RoleType, Root, Signed};
use tough::sign::parse_keypair;

/// How long a root of trust counts: boxes that were off for years still find their way.
const ROOT_DAYS: i64 = 5 * 365;
/// Keys of the root role.
const ROOT_KEYS: usize = 3;
/// How many of them a root of trust needs: one may be lost, and who steals one has nothing.
const ROOT_THRESHOLD: NonZeroU64 = NonZeroU64::MIN.saturating_add(1);

/// A folder with the keys that sign releases, and every root of trust that named them.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
}

impl Keys {
    /// Opens a folder that [`Keys::make`] made.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes keys for every role and the first root of trust. Do it on a machine without a network.
    ///
    /// # Errors
    /// When the folder exists already, or cannot be written.
    pub fn make(folder: &Path) -> Result<Self> {
        let made = fs::DirBuilder::new().mode(0o700).create(folder);
        made.with_context(|| format!("failed to make the folder {}", folder.display()))?;
        let keys = Self::open(folder);
        let mut root = Root {
            spec_version: "1.0.0".to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: Timestamp::UNIX_EPOCH,
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        for role in [RoleType::Root, RoleType::Targets, RoleType::Snapshot, RoleType::Timestamp] {
            keys.replace(&mut root, role)?;
        }
        keys.sign_root(root, None)?;
        Ok(keys)
    }

    /// Gives a role new keys. The next root of trust says so, signed by the root keys before and after, and is published with
    /// the next release.
    ///
    /// # Errors
    /// When too few root keys are in the folder, or the folder cannot be written.
    pub fn rotate(&self, role: RoleType) -> Result<()> {
        let before = self.root()?.signed;
        self.expect_root_keys(&before)?;
        let mut root = before.clone();
        root.version = root.version.saturating_add(1);
        if let Some(old) = root.roles.remove(&role) {
            root.keys.retain(|id, _| !old.keyids.contains(id));
        }
        self.replace(&mut root, role)?;
        self.sign_root(root, Some(before))
    }

    /// Makes the root of trust count for five more years.
    ///
    /// # Errors
    /// When too few root keys are in the folder, or the folder cannot be written.
    pub fn renew_root(&self) -> Result<()> {
        let before = self.root()?.signed;
        self.expect_root_keys(&before)?;
        let root = Root { version: before.version.saturating_add(1), ..before.clone() };
        self.sign_root(root, Some(before))
    }

    /// Returns the newest root of trust: what an image carries.
    pub fn root_path(&self) -> PathBuf {
        self.folder.join("root.json")
    }

    /// Returns every root of trust, in order: boxes follow them one by one.
    pub(crate) fn roots(&self) -> Result<Vec<PathBuf>> {
        let newest = self.root()?.signed.version.get();
        Ok((1..=newest).map(|version| self.folder.join(format!("{version}.root.json"))).collect())
    }

    /// Returns the keys that sign what is published. Root keys need not be there.
    pub(crate) fn online(&self) -> Vec<Box<dyn KeySource>> {
        let source = |role: &str| self.source(&format!("{role}.pk8"));
        vec![source("targets"), source("snapshot"), source("timestamp")]
    }

    fn source(&self, name: &str) -> Box<dyn KeySource> {
        Box::new(LocalKeySource { path: self.folder.join(name) })
    }

    fn root(&self) -> Result<Signed<Root>> {
        let path = self.root_path();
        let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no root of trust", path.display()))
    }

    /// Refuses to begin what could not be signed, before a key is replaced.
    fn expect_root_keys(&self, root: &Root) -> Result<()> {
        let needed = root.roles.get(&RoleType::Root).map_or(ROOT_THRESHOLD, |role| role.threshold).get();
        let paths = (1..=ROOT_KEYS).map(|number| self.folder.join(root_key(number)));
        let found = paths.filter(|path| path.exists()).count() as u64;
        if found < needed {
            bail!("{needed} root keys are needed, and {found} are in {}", self.folder.display());
        }
        Ok(())
    }

    /// Makes the keys of a role; those that it had are kept with the version that they were of.
    fn replace(&self, root: &mut Root, role: RoleType) -> Result<()> {
        let names: Vec<String> = match role {
            RoleType::Root => (1..=ROOT_KEYS).map(root_key).collect(),
            RoleType::Targets | RoleType::Snapshot | RoleType::Timestamp => vec![format!("{role}.pk8")],
            RoleType::DelegatedTargets => bail!("there are no delegated targets here"),
        };
        let mut ids = Vec::new();
        for name in names {
            let path = self.folder.join(&name);
            if path.exists() {
                let kept = self.folder.join(format!("{name}.before-{}", root.version));
                fs::rename(&path, &kept).with_context(|| format!("failed to write {}", kept.display()))?;
            }
            let secret = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
            let secret = secret.map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
            let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(secret.as_ref())?;
            file.sync_all()?;
            let key = tough::sign::Sign::tuf_key(&parse_keypair(secret.as_ref())?);
            let id = key.key_id()?;
            root.keys.insert(id.clone(), key);
            ids.push(id);
        }
        let threshold = if role == RoleType::Root { ROOT_THRESHOLD } else { NonZeroU64::MIN };
        root.roles.insert(role, RoleKeys { keyids: ids, threshold, _extra: HashMap::new() });
        Ok(())
    }

    /// Signs a root by the keys that it names, and by those of the one before.
    fn sign_root(&self, root: Root, before: Option<Root>) -> Result<()> {
        let now = Timestamp::now();
        let root = Root { expires: now + SignedDuration::from_hours(24 * ROOT_DAYS), ..root };
        let version = root.version;
        let mut sources = Vec::new();
        for number in 1..=ROOT_KEYS {
            let name = root_key(number);
            for name in [format!("{name}.before-{version}"), name] {
                if self.folder.join(&name).exists() {
                    sources.push(self.source(&name));
                }
            }
        }
        let sign = async {
            let rng = SystemRandom::new();
            let holder = KeyHolder::Root(root.clone());
            let mut signed = SignedRole::new(root.clone(), &holder, &sources, &rng).await?;
            if let Some(before) = before {
                let by_old = SignedRole::new(root, &KeyHolder::Root(before), &sources, &rng).await?;
                signed = signed.add_old_signatures(by_old.signed().signatures.clone())?;
            }
            Ok::<_, anyhow::Error>(signed)
        };
        let signed = runtime()?.block_on(sign)?;
        for name in [format!("{version}.root.json"), "root.json".to_owned()] {
            let path = self.folder.join(name);
            fs::write(&path, signed.buffer())
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }
}

fn root_key(number: usize) -> String {
    format!("root-{number}.pk8")
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")
}
