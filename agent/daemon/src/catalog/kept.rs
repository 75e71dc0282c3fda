use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use hearth_fetch::Revision;
use hearth_host::data::delete_tree;
use hearth_model::StoreId;
use hearth_model::api::store::{StoreChanges, StoreProblem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const RECORD_FILE: &str = "record.json";
const CONTENT_PREFIX: &str = "content-";
const SCRATCH_PREFIX: &str = "scratch-";

/// What is remembered of a store from one start to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What it is about: a store that moved is another one.
    pub(crate) location: String,
    /// Name of the folder beside the record that has the store's files; `None` for a store that is a folder.
    pub(crate) content: Option<String>,
    /// Which state of its source that is.
    pub(crate) revision: Option<Revision>,
    /// When a refresh last began.
    pub(crate) tried_at: Option<Timestamp>,
    /// When a refresh last worked, whether it brought something new or not.
    pub(crate) refreshed_at: Option<Timestamp>,
    /// Why the last refresh did not work.
    pub(crate) problem: Option<StoreProblem>,
    /// What the last refresh that brought something new brought.
    pub(crate) changes: Option<StoreChanges>,
}

/// The folder with a record for each of the owner's stores, and the files of those that are fetched.
///
/// The record names the folder with the files, and is replaced by a rename: so a store is as it was or as it is now,
/// whenever power fails.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns what is remembered of a store; a blank record when nothing is, or when it was elsewhere then.
    pub(crate) fn record(&self, id: &StoreId, location: &str) -> Record {
        let blank = Record { location: location.to_owned(), ..Record::default() };
        let path = self.folder_of(id).join(RECORD_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return blank,
            Err(error) => {
                tracing::warn!(store = %id, "`{}` cannot be read: {error}; the store is fetched anew", path.display());
                return blank;
            }
        };
        match serde_json::from_slice::<Record>(&text) {
            Ok(record) if record.location == location => record,
            Ok(_) => blank,
            Err(error) => {
                tracing::warn!(store = %id, "`{}` is damaged: {error}; the store is fetched anew", path.display());
                blank
            }
        }
    }

    /// Returns the folder with a store's files, when they are there.
    pub(crate) fn content(&self, id: &StoreId, record: &Record) -> Option<PathBuf> {
        let path = self.folder_of(id).join(record.content.as_deref()?);
        path.is_dir().then_some(path)
    }

    /// Makes an empty folder for a fetch. What earlier ones left is removed.
    pub(crate) fn scratch(&self, id: &StoreId, now: Timestamp) -> Result<PathBuf, String> {
        let folder = self.folder_of(id);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| cannot("make", &folder, &error))?;
        self.tidy(id, |name| !name.starts_with(SCRATCH_PREFIX));
        let scratch = folder.join(format!("{SCRATCH_PREFIX}{}", now.as_nanosecond()));
        fs::create_dir(&scratch).map_err(|error| cannot("make", &scratch, &error))?;
        Ok(scratch)
    }

    /// Puts fetched files in place, with the record that says what they are. Returns the record as it was written.
    pub(crate) fn keep(
        &self,
        id: &StoreId,
        tree: &Path,
        record: Record,
        now: Timestamp,
    ) -> Result<Record, String> {
        let name = format!("{CONTENT_PREFIX}{}", now.as_nanosecond());
        let content = self.folder_of(id).join(&name);
        fs::rename(tree, &content).map_err(|error| cannot("move", &content, &error))?;
        // The record must not name files that a power failure empties.
        File::open(&content)
            .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
            .map_err(|error| cannot("write", &content, &error))?;
        let record = Record { content: Some(name), ..record };
        self.note(id, &record)?;
        self.tidy(id, |name| name == RECORD_FILE || Some(name) == record.content.as_deref());
        Ok(record)
    }

    /// Writes a store's record.
    pub(crate) fn note(&self, id: &StoreId, record: &Record) -> Result<(), String> {
        let folder = self.folder_of(id);
        let path = folder.join(RECORD_FILE);
        let unfinished = folder.join("record-unfinished");
        let write = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            let mut file = File::create(&unfinished)?;
            serde_json::to_writer_pretty(&mut file, record)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&folder)?.sync_all()
        };
        write().map_err(|error| cannot("write", &path, &error))
    }

    /// Removes everything that is kept of a store.
    pub(crate) fn forget(&self, id: &StoreId) {
        let folder = self.folder_of(id);
        if let Err(error) = delete_tree(&folder, &|| true) {
            tracing::warn!(store = %id, "{}", error.reason().message);
        }
    }

    /// Removes everything that is kept of stores that are not wanted.
    pub(crate) fn forget_all_but(&self, wanted: &BTreeSet<StoreId>) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries {
            let id = entry.file_name().to_str().and_then(|name| name.parse::<StoreId>().ok());
            if let Some(id) = id.filter(|id| !wanted.contains(id)) {
                self.forget(&id);
            }
        }
    }

    /// Removes a store's files and folders but those that `stays` names. What cannot be removed is tried again next time.
    fn tidy(&self, id: &StoreId, stays: impl Fn(&str) -> bool) {
        let entries = fs::read_dir(self.folder_of(id)).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|entry| !entry.file_name().to_str().is_some_and(&stays)) {
            if let Err(error) = delete_tree(&entry.path(), &|| true) {
                tracing::warn!(store = %id, "{}", error.reason().message);
            }
        }
    }

    fn folder_of(&self, id: &StoreId) -> PathBuf {
        self.folder.join(id.as_str())
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("failed to {what} `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> StoreId {
        name.parse().expect("an id")
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_newer_files_take_the_place_of_the_older() {
        let folder = tempfile::tempdir().expect("a folder");
        let (shelf, mine) = (Shelf::new(folder.path().join("stores")), id("mine"));
        let blank = shelf.record(&mine, "https://example.org/a.zip");
        assert_eq!((blank.content.clone(), blank.location.as_str()), (None, "https://example.org/a.zip"));
        let mut last = blank;
        for text in ["one", "two"] {
            let now = Timestamp::now();
            let scratch = shelf.scratch(&mine, now).expect("a folder");
            fs::create_dir(scratch.join("tree")).expect("a folder");
            fs::write(scratch.join("tree/file"), text).expect("a file");
            last = shelf.keep(&mine, &scratch.join("tree"), last, now).expect("kept");
            let read = shelf.record(&mine, "https://example.org/a.zip");
            assert_eq!(read, last);
            let content = shelf.content(&mine, &read).expect("its files");
            assert_eq!(fs::read_to_string(content.join("file")).expect("the file"), text);
        }
        let kept = last.content.expect("a folder");
        assert_eq!(names(&folder.path().join("stores/mine")), [kept, "record.json".to_owned()]);
    }

    #[test]
    fn what_a_broken_fetch_left_is_removed_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (shelf, mine) = (Shelf::new(folder.path().to_owned()), id("mine"));
        let record = Record { location: "x".into(), ..Record::default() };
        shelf.note(&mine, &record).expect("noted");
        let first = shelf.scratch(&mine, Timestamp::from_second(1).expect("a time")).expect("a folder");
        fs::write(first.join("half"), "x").expect("a file");
        assert_eq!(shelf.record(&mine, "x"), record);
        shelf.scratch(&mine, Timestamp::from_second(2).expect("a time")).expect("a folder");
        assert!(!first.exists());
    }

    #[test]
    fn a_record_that_is_damaged_or_of_another_place_is_a_blank_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (shelf, mine) = (Shelf::new(folder.path().to_owned()), id("mine"));
        let record = Record { location: "x".into(), content: Some("content-1".into()), ..Record::default() };
        shelf.note(&mine, &record).expect("noted");
        assert_eq!(shelf.content(&mine, &record), None);
        assert_eq!(shelf.record(&mine, "y").content, None);
        fs::write(folder.path().join("mine/record.json"), "{").expect("damaged");
        assert_eq!(shelf.record(&mine, "x").content, None);
    }

    #[test]
    fn only_stores_that_are_wanted_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::new(folder.path().to_owned());
        for name in ["mine", "yours", "theirs"] {
            shelf.note(&id(name), &Record::default()).expect("noted");
        }
        shelf.forget(&id("theirs"));
        shelf.forget(&id("theirs"));
        shelf.forget_all_but(&BTreeSet::from([id("mine")]));
        assert_eq!(names(folder.path()), ["mine"]);
    }
}
