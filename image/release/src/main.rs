//! `hearth-release`: makes and serves nothing, only writes the files that a channel is.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use hearth_model::os::{Channel, ReleaseVersion};
use hearth_release::compare::compare;
use hearth_release::keys::Keys;
use hearth_release::repository::{NewRelease, Repository, TIMESTAMP_DAYS};
use hearth_update::chunk::Cutter;
use jiff::Timestamp;
use tough::schema::RoleType;

/// Makes what a channel of releases serves.
#[derive(Debug, Parser)]
#[command(name = "hearth-release", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes the keys of a channel, once, on a machine without a network.
    Keys {
        /// A folder that does not exist yet.
        folder: PathBuf,
    },
    /// Gives a role new keys; published with the next release or `renew`. Needs two root keys.
    Rotate {
        /// The folder with the keys.
        #[arg(long)]
        keys: PathBuf,
        /// Whose keys.
        role: Role,
    },
    /// Makes the root of trust count for five more years. Needs two root keys.
    RenewRoot {
        /// The folder with the keys.
        #[arg(long)]
        keys: PathBuf,
    },
    /// Publishes a release.
    Publish {
        /// Where to.
        #[command(flatten)]
        to: To,
        /// Its number.
        version: ReleaseVersion,
        /// The folder with its three files.
        files: PathBuf,
        /// What is new, a Markdown file.
        #[arg(long)]
        notes: PathBuf,
        /// The bill of materials.
        #[arg(long)]
        sbom: Option<PathBuf>,
        /// Which boxes are offered it.
        #[arg(long, value_enum, default_value_t = ChannelName::Beta)]
        channel: ChannelName,
    },
    /// Offers a published release on another channel as well: the same bits.
    Promote {
        /// Where to.
        #[command(flatten)]
        to: To,
        /// Its number.
        version: ReleaseVersion,
        /// Which boxes are offered it.
        #[arg(long, value_enum, default_value_t = ChannelName::Stable)]
        channel: ChannelName,
    },
    /// Signs what is published anew; once a week, or boxes take the channel for one that is held back.
    Renew {
        /// Where to.
        #[command(flatten)]
        to: To,
    },
    /// Says what a box that has one file fetches to get another.
    Compare {
        /// What it has.
        old: PathBuf,
        /// What it gets.
        new: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct To {
    /// The folder that a web server serves.
    #[arg(long)]
    repository: PathBuf,
    /// The folder with the keys of targets, snapshot and timestamp; root keys need not be in it.
    #[arg(long)]
    keys: PathBuf,
    /// Kind of box: a folder of `hardware/`.
    #[arg(long, default_value = "x86-64")]
    board: String,
    /// For how many days what is signed counts: it has to be renewed before.
    #[arg(long, default_value_t = TIMESTAMP_DAYS, value_name = "DAYS")]
    valid_for: i64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChannelName {
    Stable,
    Beta,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Root,
    Targets,
    Snapshot,
    Timestamp,
}

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Stable => Channel::Stable,
            ChannelName::Beta => Channel::Beta,
        }
    }
}

fn main() -> Result<()> {
    let said = match Cli::parse().command {
        Command::Keys { folder } => {
            let keys = Keys::make(&folder)?;
            let folder = folder.display();
            format!(
                "{} is the root of trust: it goes into the image.\n{folder}/root-1.pk8, root-2.pk8 and root-3.pk8 stay offline, apart from each \
                 other; any two of them are enough.\nThe other keys in {folder} sign releases.",
                keys.root_path().display()
            )
        }
        Command::Rotate { keys, role } => {
            let role = match role {
                Role::Root => RoleType::Root,
                Role::Targets => RoleType::Targets,
                Role::Snapshot => RoleType::Snapshot,
                Role::Timestamp => RoleType::Timestamp,
            };
            Keys::open(&keys).rotate(role)?;
            format!("{role} has new keys; `hearth-release renew` publishes that")
        }
        Command::RenewRoot { keys } => {
            Keys::open(&keys).renew_root()?;
            "the root of trust counts for five more years; `hearth-release renew` publishes that".to_owned()
        }
        Command::Publish { to, version, files, notes, sbom, channel } => {
            let notes =
                fs::read_to_string(&notes).with_context(|| format!("failed to read {}", notes.display()))?;
            let released = to.repository().publish(&NewRelease {
                version,
                board: &to.board,
                channel: channel.into(),
                files: &files,
                notes: &notes,
                sbom: sbom.as_deref(),
                released_at: Timestamp::now(),
            })?;
            let bytes: u64 = released.files.iter().map(|file| file.size_bytes).sum();
            format!("published {version} for {}, {bytes} bytes, root hash {}", to.board, released.root_hash)
        }
        Command::Promote { to, version, channel } => {
            to.repository().promote(&to.board, version, channel.into())?;
            format!("offered {version} on {}", Channel::from(channel).name())
        }
        Command::Renew { to } => {
            to.repository().renew()?;
            "signed anew".to_owned()
        }
        Command::Compare { old, new } => {
            // Only the kernel is no file system.
            let cutter = if new.extension().is_some_and(|suffix| suffix == "efi") {
                Cutter::Content
            } else {
                Cutter::Blocks
            };
            let found = compare(cutter, &old, &new)?;
            let share = |part: u64, of: u64| 100.0 * part as f64 / (of.max(1)) as f64;
            format!(
                "{} bytes in {} chunks; {} copied ({:.1}%), {} fetched of {} packed ({:.2}%), and {} for the list of chunks",
                found.size_bytes,
                found.chunks,
                found.copied_bytes,
                share(found.copied_bytes, found.size_bytes),
                found.fetched_bytes,
                found.whole_bytes,
                share(found.fetched_bytes, found.whole_bytes),
                found.index_bytes
            )
        }
    };
    writeln!(std::io::stdout(), "{said}").context("failed to write the answer")
}

impl To {
    fn repository(&self) -> Repository {
        Repository::new(&self.repository, Keys::open(&self.keys)).valid_for_days(self.valid_for)
    }
}
