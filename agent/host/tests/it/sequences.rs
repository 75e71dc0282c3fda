//! Random sequences of what owners, apps and Hearth do with an app's folder. What lies on another mount is the same, byte
//! for byte, after each of them, and no mount has moved; a snapshot that was put back is what it was.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_host::data::{AppData, Borders, delete_tree};
use hearth_model::AppId;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Mounted, State, app, describe, precious};

/// Sequences for each file system in an ordinary run; `HEARTH_SEQUENCES` asks for more.
const SEQUENCES: u32 = 60;

/// Places in the app's folder, so that sequences meet at the same ones.
const PLACES: [&str; 8] = ["a", "a/b", "a/b/c", "a/b/d", "e", "e/f", "e/f/g/h", "i"];

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A part of another disk.
    Disk,
    /// A folder of the same disk.
    SameDisk,
}

#[derive(Debug, Clone)]
enum Operation {
    Write(usize, u8),
    MakeFolder(usize),
    MakeSubvolume(usize),
    Delete(usize),
    Mount(usize, Source),
    /// In the newest thing in the trash or among the snapshots.
    MountElsewhere(bool, Source),
    /// The last one: an earlier one may be covered by it.
    Unmount,
    Snapshot(u8),
    Restore(u8),
    RemoveSnapshot(u8),
    Remove,
    EmptyTrash,
    Import(bool),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let place = || 0..PLACES.len();
    let source = || prop_oneof![Just(Source::Disk), Just(Source::SameDisk)];
    let one = prop_oneof![
        6 => (place(), any::<u8>()).prop_map(|(at, byte)| Operation::Write(at, byte)),
        3 => place().prop_map(Operation::MakeFolder),
        1 => place().prop_map(Operation::MakeSubvolume),
        2 => place().prop_map(Operation::Delete),
        4 => (place(), source()).prop_map(|(at, source)| Operation::Mount(at, source)),
        1 => (any::<bool>(), source()).prop_map(|(trash, source)| Operation::MountElsewhere(trash, source)),
        2 => Just(Operation::Unmount),
        4 => (0..3_u8).prop_map(Operation::Snapshot),
        4 => (0..3_u8).prop_map(Operation::Restore),
        1 => (0..3_u8).prop_map(Operation::RemoveSnapshot),
        2 => Just(Operation::Remove),
        2 => Just(Operation::EmptyTrash),
        1 => any::<bool>().prop_map(Operation::Import),
    ];
    prop::collection::vec(one, 1..24)
}

/// A state folder, and what is mounted in it.
struct World {
    data: AppData,
    dir: PathBuf,
    app: AppId,
    sources: BTreeMap<&'static str, PathBuf>,
    mounts: Vec<Mounted>,
    /// What was copied, by the snapshot's name, with the mounts of then.
    copied: BTreeMap<String, (Vec<PathBuf>, BTreeMap<String, String>)>,
}

impl World {
    fn new(dir: PathBuf, disk: &Path, same_disk: &Path) -> Self {
        let app = app("immich");
        let data = AppData::new(&dir).expect("folders");
        data.create(&app).expect("made");
        let sources = BTreeMap::from([("disk", disk.to_owned()), ("same", same_disk.to_owned())]);
        Self { data, dir, app, sources, mounts: Vec::new(), copied: BTreeMap::new() }
    }

    fn folder(&self) -> PathBuf {
        self.data.path(&self.app)
    }

    fn source(&self, source: Source) -> &Path {
        match source {
            Source::Disk => &self.sources["disk"],
            Source::SameDisk => &self.sources["same"],
        }
    }

    fn mount_points(&self) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| mount.0.clone()).collect()
    }

    /// Tells whether an app would write onto a mount there: that is its right, and no part of this test.
    fn is_on_a_mount(&self, path: &Path) -> bool {
        self.mounts.iter().any(|mount| path.starts_with(&mount.0))
    }

    fn mount(&mut self, path: &Path, source: Source) {
        let is_folder = fs::symlink_metadata(path).is_ok_and(|there| there.is_dir());
        if self.mounts.len() < 4 && is_folder && !self.is_on_a_mount(path) {
            self.mounts.push(Mounted::bind(self.source(source), path));
        }
    }

    fn apply(&mut self, operation: &Operation) {
        let at = |place: &usize| self.folder().join(PLACES[*place]);
        match operation {
            Operation::Write(place, byte) => {
                let path = at(place).join("file");
                if !self.is_on_a_mount(&path) && self.folder().exists() {
                    let _taken = fs::create_dir_all(at(place));
                    let _taken = fs::write(path, vec![*byte; usize::from(*byte) * 40]);
                }
            }
            Operation::MakeFolder(place) | Operation::MakeSubvolume(place) => {
                let path = at(place);
                if self.is_on_a_mount(&path) || !self.folder().exists() {
                    return;
                }
                let _taken = path.parent().map(fs::create_dir_all);
                if matches!(operation, Operation::MakeSubvolume(_)) && !path.exists() {
                    // Fails but on btrfs.
                    let _other =
                        Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(&path).output();
                }
                let _taken = fs::create_dir_all(&path);
            }
            Operation::Delete(place) => {
                let path = at(place).join("file");
                if !self.is_on_a_mount(&path) {
                    let _absent = fs::remove_file(path);
                }
            }
            Operation::Mount(place, source) => {
                let path = at(place);
                self.mount(&path, *source);
            }
            Operation::MountElsewhere(in_trash, source) => {
                let list = |dir: &Path| -> Vec<PathBuf> {
                    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
                    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
                };
                let dir = if *in_trash { self.dir.join("trash") } else { self.dir.join("snapshots/immich") };
                if let Some(path) = list(&dir).first().and_then(|path| list(path).into_iter().max()) {
                    self.mount(&path, *source);
                }
            }
            Operation::Unmount => drop(self.mounts.pop()),
            Operation::Snapshot(number) => {
                let name = format!("s{number}");
                let (is_new, now) = (!self.copied.contains_key(&name), self.beside_mounts());
                // It fails as well when the copy is there and an older one cannot be thrown away.
                let _mounted = self.data.snapshot(&self.app, &name);
                let there = self.data.snapshots(&self.app).expect("read");
                if is_new && there.iter().any(|snapshot| snapshot.name == name) {
                    self.copied.insert(name, (self.mount_points(), now));
                }
            }
            Operation::Restore(number) => self.restore(&format!("s{number}")),
            Operation::RemoveSnapshot(number) => {
                let name = format!("s{number}");
                if self.data.remove_snapshot(&self.app, &name).is_ok() {
                    self.copied.remove(&name);
                }
            }
            Operation::Remove => {
                let is_free = self.mounts.iter().all(|mount| mount.0.starts_with(self.dir.join("trash")));
                let removed = self.data.remove(&self.app);
                assert_eq!(removed.is_ok(), is_free, "{removed:?} with {:?}", self.mount_points());
                if removed.is_ok() {
                    self.copied.clear();
                    self.data.create(&self.app).expect("made again");
                }
            }
            Operation::EmptyTrash => {
                for trashed in self.data.trash().expect("read") {
                    let is_free = !self.mounts.iter().any(|mount| mount.0.starts_with(&trashed.path));
                    let deleted = self.data.delete_trashed(&trashed, &|| true);
                    assert_eq!(deleted.is_ok(), is_free, "{deleted:?} with {:?}", self.mount_points());
                }
            }
            Operation::Import(across) => {
                let borders = if *across { Borders::Cross } else { Borders::Refuse };
                let (other, source) = (app("other"), self.folder());
                let _mounted = self.data.import(&other, &source, borders, &|_| true);
                let _mounted = self.data.turn_back(&other);
            }
        }
    }

    fn restore(&mut self, name: &str) {
        if self.data.restored_from(&self.app).expect("read").as_deref() == Some(name) {
            return;
        }
        let restored = self.data.restore(&self.app, name);
        if restored.is_err() {
            return;
        }
        let (mounts, before) = self.copied.remove(name).expect("only what was copied is put back");
        if mounts == self.mount_points() {
            assert_eq!(self.beside_mounts(), before, "{name} is not what was copied");
        }
    }

    /// Files of the app's folder with their content, without what is mounted in it.
    fn beside_mounts(&self) -> BTreeMap<String, String> {
        fn walk(world: &World, dir: &Path, all: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
                let path = entry.path();
                if world.is_on_a_mount(&path) || entry.file_name() == ".hearth" {
                    continue;
                }
                let name = path.strip_prefix(world.folder()).expect("below").display().to_string();
                if path.is_dir() {
                    walk(world, &path, all);
                } else {
                    all.insert(name, format!("{:?}", fs::read(&path).expect("read")));
                }
            }
        }
        let mut all = BTreeMap::new();
        walk(self, &self.folder(), &mut all);
        all
    }

    /// Checks that everything that was mounted is mounted at the same path.
    fn check_mounts(&self) {
        let table = fs::read_to_string("/proc/thread-self/mountinfo").expect("read");
        let prefix = self.dir.display().to_string();
        let mut there: Vec<PathBuf> = table
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .filter(|path| path.starts_with(&format!("{prefix}/")))
            .map(PathBuf::from)
            .collect();
        let mut expected = self.mount_points();
        there.sort();
        expected.sort();
        assert_eq!(there, expected, "a mount was moved or taken away");
    }
}

fn hold_on(file_system: &str) {
    let Some(state) = State::on_memory(file_system, "512M") else { return };
    let other = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
    let disk = Mounted::disk(&other.path().join("disk"), "ext4", &other.path().join("mounted"));
    let same_disk = state.dir.join("pictures");
    precious(&same_disk);
    let precious_before = (describe(&disk.0), describe(&same_disk));

    let sequences = std::env::var("HEARTH_SEQUENCES").ok().and_then(|number| number.parse().ok());
    let sequences = sequences.unwrap_or(SEQUENCES);
    let config = Config { cases: sequences, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let number = Cell::new(0_u32);
    let result = runner.run(&operations(), |operations| {
        number.set(number.get() + 1);
        let dir = state.dir.join(format!("sequence-{}", number.get()));
        let mut world = World::new(dir.clone(), &disk.0, &same_disk);
        for operation in &operations {
            world.apply(operation);
            world.check_mounts();
        }
        prop_assert_eq!(&precious_before, &(describe(&disk.0), describe(&same_disk)));
        while world.mounts.pop().is_some() {}
        delete_tree(&dir, &|| true).expect("nothing is mounted any more");
        prop_assert_eq!(&precious_before, &(describe(&disk.0), describe(&same_disk)));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    eprintln!("{file_system}: {} sequences, 0 bytes changed on other mounts", number.get());
}

#[test]
fn no_sequence_on_ext4_changes_what_is_mounted() {
    hold_on("ext4");
}

#[test]
fn no_sequence_on_btrfs_changes_what_is_mounted() {
    hold_on("btrfs");
}
