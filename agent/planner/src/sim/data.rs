use std::collections::{BTreeMap, BTreeSet};

use hearth_model::AppId;
use hearth_model::observed::{DataState, Snapshot};
use jiff::Timestamp;

/// Folders of apps and their snapshots.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    folders: BTreeMap<AppId, Folder>,
    snapshots: BTreeMap<AppId, Vec<(Snapshot, Folder)>>,
    made_once: BTreeSet<AppId>,
    away: BTreeSet<AppId>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Folder {
    content: Vec<String>,
    /// What services keep in volumes that nobody named.
    volumes: BTreeMap<String, Vec<String>>,
    restored_from: Option<String>,
}

impl Disk {
    pub(super) fn state(&self, app: &AppId) -> DataState {
        if self.folders.contains_key(app) && !self.away.contains(app) {
            DataState::Present
        } else if self.made_once.contains(app) {
            DataState::Missing
        } else {
            DataState::New
        }
    }

    pub(super) fn content(&self, app: &AppId) -> Option<&[String]> {
        self.folders.get(app).map(|folder| folder.content.as_slice())
    }

    pub(super) fn volume(&self, app: &AppId, service: &str) -> &[String] {
        self.folders.get(app).and_then(|folder| folder.volumes.get(service)).map_or(&[], Vec::as_slice)
    }

    /// Puts what a volume outside holds into the folder.
    pub(super) fn keep_volume(&mut self, app: &AppId, service: &str, content: Vec<String>) {
        if let Some(folder) = self.folders.get_mut(app) {
            folder.volumes.insert(service.to_owned(), content);
        }
    }

    /// Notes that a version of a service wrote to its volume in the folder.
    pub(super) fn write_volume(&mut self, app: &AppId, service: &str, image: &str) {
        if let Some(folder) = self.folders.get_mut(app) {
            note(folder.volumes.entry(service.to_owned()).or_default(), image);
        }
    }

    pub(super) fn snapshots(&self) -> BTreeMap<AppId, Vec<Snapshot>> {
        let names =
            |list: &Vec<(Snapshot, Folder)>| list.iter().map(|(snapshot, _)| snapshot.clone()).collect();
        self.snapshots.iter().map(|(app, list)| (app.clone(), names(list))).collect()
    }

    pub(super) fn restored_from(&self) -> BTreeMap<AppId, String> {
        let restored =
            self.folders.iter().filter_map(|(app, folder)| Some((app, folder.restored_from.clone()?)));
        restored.map(|(app, name)| (app.clone(), name)).collect()
    }

    pub(super) fn set_away(&mut self, app: &AppId, away: bool) {
        if away {
            self.away.insert(app.clone());
        } else {
            self.away.remove(app);
        }
    }

    pub(super) fn create(&mut self, app: &AppId) {
        if self.made_once.insert(app.clone()) {
            self.folders.insert(app.clone(), Folder::default());
        }
    }

    /// Notes that a version of a service wrote to the folder. The same version again changes nothing.
    pub(super) fn write(&mut self, app: &AppId, service: &str, image: &str) {
        let Some(folder) = self.folders.get_mut(app) else { return };
        let line = format!("{service} {image}");
        let own = format!("{service} ");
        if folder.content.iter().rev().find(|known| known.starts_with(&own)) != Some(&line) {
            folder.content.push(line);
        }
    }

    pub(super) fn snapshot(&mut self, app: &AppId, name: &str, at: Timestamp) {
        let Some(folder) = self.folders.get(app).cloned() else { return };
        let snapshots = self.snapshots.entry(app.clone()).or_default();
        if !snapshots.iter().any(|(snapshot, _)| snapshot.name == name) {
            snapshots.push((Snapshot { name: name.to_owned(), at }, folder));
        }
    }

    pub(super) fn restore(&mut self, app: &AppId, name: &str) -> bool {
        let is_back = |folder: &Folder| folder.restored_from.as_deref() == Some(name);
        if self.folders.get(app).is_some_and(is_back) {
            return true;
        }
        let snapshots = self.snapshots.get(app).into_iter().flatten();
        let Some(mut folder) = snapshots
            .into_iter()
            .find(|(snapshot, _)| snapshot.name == name)
            .map(|(_, folder)| folder.clone())
        else {
            return false;
        };
        folder.restored_from = Some(name.to_owned());
        self.folders.insert(app.clone(), folder);
        true
    }

    pub(super) fn remove_snapshot(&mut self, app: &AppId, name: &str) {
        if let Some(snapshots) = self.snapshots.get_mut(app) {
            snapshots.retain(|(snapshot, _)| snapshot.name != name);
        }
    }

    pub(super) fn remove(&mut self, app: &AppId) {
        self.folders.remove(app);
        self.snapshots.remove(app);
        self.made_once.remove(app);
    }
}

/// Adds a line unless it is the last one.
pub(super) fn note(lines: &mut Vec<String>, line: &str) {
    if lines.last().is_none_or(|last| last != line) {
        lines.push(line.to_owned());
    }
}
