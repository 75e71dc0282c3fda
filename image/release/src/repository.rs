use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use hearth_model::os::{Channel, ReleaseVersion};
use hearth_update::release::{Description, FileRole, Pointer, ReleaseFile, description_name, pointer_name};
use hearth_update::verity;
use jiff::{SignedDuration, Timestamp};
use tough::editor::RepositoryEditor;
use tough::{ExpirationEnforcement, FilesystemTransport, RepositoryLoader, TargetName};

use crate::keys::{Keys, runtime};
use crate::pack::pack;

/// How long a list of releases counts without a new signature.
const TARGETS_DAYS: i64 = 365;
/// How long an answer counts unless said otherwise: whoever holds a channel back is found out after that, and whoever serves one has to renew it
/// (`hearth-release renew`) before.
pub const TIMESTAMP_DAYS: i64 = 14;

/// What a release is made from.
#[derive(Debug, Clone)]
pub struct NewRelease<'a> {
    /// Its number.
    pub version: ReleaseVersion,
    /// For which kind of box.
    pub board: &'a str,
    /// The channel that offers it.
    pub channel: Channel,
    /// Folder with `hearth_<version>.root`, `.verity` and `.efi`, as `nix-build -A update` makes it.
    pub files: &'a Path,
    /// What is new, in Markdown.
    pub notes: &'a str,
    /// The bill of materials, published beside it.
    pub sbom: Option<&'a Path>,
    /// When it was made.
    pub released_at: Timestamp,
}

/// The folder that a web server serves.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
    keys: Keys,
    valid_days: i64,
}

impl Repository {
    /// Names a folder; it is made when something is published.
    pub fn new(folder: &Path, keys: Keys) -> Self {
        Self { folder: folder.to_owned(), keys, valid_days: TIMESTAMP_DAYS }
    }

    /// Sets for how many days what is signed counts.
    #[must_use]
    pub fn valid_for_days(self, valid_days: i64) -> Self {
        Self { valid_days, ..self }
    }

    /// Publishes a release on a channel.
    ///
    /// # Errors
    /// When a file is missing or does not belong to the others, when that version is published already with other files, or
    /// something cannot be written.
    pub fn publish(&self, new: &NewRelease<'_>) -> Result<Description> {
        let staging = self.folder.join(".staging");
        let _absent = fs::remove_dir_all(&staging);
        fs::create_dir_all(&staging).with_context(|| format!("failed to make {}", staging.display()))?;
        let description = describe(new, &staging)?;
        let name = description_name(new.board, new.version);
        fs::write(staging.join(&name), serde_json::to_vec_pretty(&description)?)?;
        if let Some(sbom) = new.sbom {
            let name = format!("hearth_{}.{}.sbom.json", new.version, new.board);
            fs::copy(sbom, staging.join(name))
                .with_context(|| format!("failed to read {}", sbom.display()))?;
        }
        point(&staging, new.board, new.channel, new.version)?;
        self.sign(&staging, Some(&name))?;
        Ok(description)
    }

    /// Offers a release that is published already on another channel as well: the same bits.
    ///
    /// # Errors
    /// When no such release is published.
    pub fn promote(&self, board: &str, version: ReleaseVersion, channel: Channel) -> Result<()> {
        let staging = self.folder.join(".staging");
        let _absent = fs::remove_dir_all(&staging);
        fs::create_dir_all(&staging)?;
        let name = TargetName::new(description_name(board, version))?;
        let published = runtime()?.block_on(self.load())?;
        ensure!(
            published.targets().signed.targets.contains_key(&name),
            "release {version} for {board} is not published; publish it with `hearth-release publish`"
        );
        point(&staging, board, channel, version)?;
        self.sign(&staging, None)
    }

    /// Signs what is published anew, so that it goes on to count.
    ///
    /// # Errors
    /// When nothing is published, or keys are missing.
    pub fn renew(&self) -> Result<()> {
        let staging = self.folder.join(".staging");
        fs::create_dir_all(&staging)?;
        self.sign(&staging, None)
    }

    /// Moves what is staged into the repository and signs it; `once` may not be published already with other bytes.
    fn sign(&self, staging: &Path, once: Option<&str>) -> Result<()> {
        let metadata = self.folder.join("metadata");
        let targets = self.folder.join("targets");
        for folder in [&metadata, &targets] {
            fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        }
        runtime()?.block_on(async {
            let root = self.keys.root_path();
            let mut version = NonZeroU64::MIN;
            let mut editor = if metadata.join("timestamp.json").exists() {
                let published = self.load().await?;
                version = published.timestamp().signed.version.saturating_add(1);
                RepositoryEditor::from_repo(&root, published).await?
            } else {
                RepositoryEditor::new(&root).await?
            };
            let already =
                if metadata.join("timestamp.json").exists() { Some(self.load().await?) } else { None };
            for entry in fs::read_dir(staging)? {
                let path = entry?.path();
                let (name, target) = RepositoryEditor::build_target(&path).await?;
                let before = already.as_ref().and_then(|repo| repo.targets().signed.targets.get(&name));
                if once == Some(name.raw()) && before.is_some_and(|before| before.hashes != target.hashes) {
                    bail!("{} is published already with other files; give it another number", name.raw());
                }
                let file = format!("{}.{}", hex::encode(&target.hashes.sha256[..]), name.raw());
                fs::rename(&path, targets.join(file))?;
                editor.add_target(name, target)?;
            }
            let now = Timestamp::now();
            let days = |days: i64| now + SignedDuration::from_hours(24 * days);
            editor.targets_version(version)?.targets_expires(days(TARGETS_DAYS))?;
            editor.snapshot_version(version).snapshot_expires(days(TARGETS_DAYS));
            editor.timestamp_version(version).timestamp_expires(days(self.valid_days));
            let signed = editor
                .sign(&self.keys.online())
                .await
                .context("failed to sign; are the keys those of root.json?")?;
            // The timestamp comes last: until then a server goes on with what it had.
            for root in self.keys.roots()? {
                let name = root.file_name().unwrap_or_default();
                fs::copy(&root, metadata.join(name))
                    .with_context(|| format!("failed to read {}", root.display()))?;
            }
            signed.write(&metadata).await?;
            Ok(())
        })?;
        fs::remove_dir_all(staging)?;
        Ok(())
    }

    async fn load(&self) -> Result<tough::Repository> {
        let first = self.folder.join("metadata/1.root.json");
        let root =
            fs::read(&first).with_context(|| format!("nothing is published in {}", self.folder.display()))?;
        let address = |folder: &str| {
            let path = fs::canonicalize(self.folder.join(folder))?;
            format!("file://{}/", path.display()).parse().context("the folder has no address")
        };
        let loader = RepositoryLoader::new(&root, address("metadata")?, address("targets")?);
        // What has expired is renewed here.
        let loader =
            loader.transport(FilesystemTransport).expiration_enforcement(ExpirationEnforcement::Unsafe);
        loader.load().await.context("what is published cannot be read")
    }
}

fn point(staging: &Path, board: &str, channel: Channel, version: ReleaseVersion) -> Result<()> {
    let pointer = serde_json::to_vec(&Pointer { version })?;
    Ok(fs::write(staging.join(pointer_name(board, channel)), pointer)?)
}

/// Cuts the files of a release into chunks in a folder, and describes them.
fn describe(new: &NewRelease<'_>, staging: &Path) -> Result<Description> {
    let path = |role: FileRole| new.files.join(format!("hearth_{}.{}", new.version, role.suffix()));
    let open =
        |role| fs::File::open(path(role)).with_context(|| format!("failed to open {}", path(role).display()));
    let root_hash = hex::encode(verity::root_hash(open(FileRole::Verity)?)?);
    let uki = fs::read(path(FileRole::Uki))
        .with_context(|| format!("failed to open {}", path(FileRole::Uki).display()))?;
    let wanted = format!("roothash={root_hash}");
    ensure!(
        uki.windows(wanted.len()).any(|window| window == wanted.as_bytes()),
        "{} does not start the root of {}: its command line lacks {wanted}",
        path(FileRole::Uki).display(),
        path(FileRole::Verity).display()
    );
    let mut files = Vec::new();
    for role in FileRole::ALL {
        let stem = format!("hearth_{}.{}.{}", new.version, new.board, role.suffix());
        let (index, pack_name) = (format!("{stem}.index"), format!("{stem}.pack"));
        let packed = pack(role.cutter(), &path(role), &staging.join(&index), &staging.join(&pack_name))?;
        files.push(ReleaseFile {
            role,
            size_bytes: packed.size_bytes,
            sha256: packed.sha256,
            index,
            pack: pack_name,
        });
    }
    let description = Description {
        version: new.version,
        board: new.board.to_owned(),
        released_at: new.released_at,
        notes: new.notes.to_owned(),
        root_hash,
        files,
    };
    description
        .check(new.board, new.version)
        .map_err(|why| anyhow::anyhow!("the release cannot be: {why}"))?;
    Ok(description)
}
