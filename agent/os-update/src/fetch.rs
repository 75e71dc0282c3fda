use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hearth_fetch::Cancel;
use hearth_host::data::delete_tree;
use hearth_model::Chain;
use hearth_model::api::os::OsProgress;
use hearth_model::os::{Release, ReleaseVersion};
use hearth_planner::os_update::Event;
use hearth_update::download::{Job, Progress, download};
use hearth_update::release::{Description, FileRole};
use hearth_update::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::OsUpdates;
use crate::check::ask;

/// How often a download says how far it is, at most: a chunk is 4 KiB.
const SHOW_EVERY: Duration = Duration::from_millis(250);

/// Fetches what is missing of a release. `None` when it was stopped; what is there stays.
pub(crate) async fn fetch(os: &OsUpdates, release: &Release, stop: &CancellationToken) -> Option<Event> {
    let cancel = Cancel::default();
    let work = tokio::task::spawn_blocking({
        let (os, release, cancel) = (os.clone(), release.clone(), cancel.clone());
        move || {
            let progressed = Cell::new(false);
            let result = fetch_now(&os, &release, cancel, &progressed);
            (result, progressed.get())
        }
    });
    let mut work = std::pin::pin!(work);
    // Two downloads must not share a folder, so one that is stopped is waited for.
    let ended = tokio::select! {
        ended = &mut work => ended,
        () = stop.cancelled() => {
            cancel.cancel();
            work.await
        }
    };
    match ended {
        Ok((Ok(Outcome::Whole), _)) => Some(Event::Downloaded),
        Ok((Ok(Outcome::Replaced(by)), _)) => Some(Event::DownloadRefused(format!(
            "The channel has release {by} now, in place of {}; check again to be offered it.",
            release.version
        ))),
        Ok((Err(Error::Cancelled), _)) => None,
        Ok((Err(error), progressed)) if error.is_passing() => {
            tracing::warn!("the download of release {} broke off: {}", release.version, Chain(&error));
            Some(Event::DownloadBroke { reason: format!("{error}."), progressed })
        }
        Ok((Err(error), _)) => Some(Event::DownloadRefused(format!("{error}."))),
        Err(error) => Some(Event::DownloadBroke { reason: format!("{error}."), progressed: false }),
    }
}

/// What a download came to.
enum Outcome {
    /// Every file is there and checked.
    Whole,
    /// The channel has another release by now, which nobody asked for.
    Replaced(ReleaseVersion),
}

fn fetch_now(os: &OsUpdates, release: &Release, cancel: Cancel, progressed: &Cell<bool>) -> Result<Outcome> {
    let paths = &os.paths;
    let offer = ask(os)?;
    if offer.release.digest != release.digest {
        return Ok(Outcome::Replaced(offer.release.version));
    }
    unstage(&paths.staged, &paths.partial, release.version)?;
    let running = hearth_host::os::observe(&paths.root).image_version;
    let shown: Cell<Option<Instant>> = Cell::new(None);
    let show = |progress: Progress| {
        let Progress { done_bytes, total_bytes, fetched_bytes, fetch_bytes } = progress;
        progressed.set(fetched_bytes > 0);
        if shown.get().is_none_or(|at| at.elapsed() >= SHOW_EVERY) || done_bytes == total_bytes {
            shown.set(Some(Instant::now()));
            os.show_progress(OsProgress { done_bytes, total_bytes, fetched_bytes, fetch_bytes });
        }
    };
    let done = download(&Job {
        offer: &offer,
        folder: &paths.partial,
        have: &running.map(|version| paths.running(version)).unwrap_or_default(),
        rate: os.stored().metadata.bytes_per_second,
        cancel,
        progress: &show,
    })?;
    let Progress { total_bytes, fetched_bytes, .. } = done.progress;
    tracing::info!(
        "release {} is there: {fetched_bytes} of {total_bytes} bytes were fetched this time",
        release.version
    );
    write_description(&paths.partial, &offer.description)?;
    Ok(Outcome::Whole)
}

/// Writes what the release is made of beside its files, for whoever writes the slot and reads it back.
fn write_description(folder: &Path, description: &Description) -> Result<()> {
    let path = folder.join(description_name(description.version));
    let json = serde_json::to_vec(description)
        .map_err(|error| Error::Broke(format!("the description cannot be written: {error}")))?;
    let unfinished = path.with_extension("unfinished");
    let written = fs::write(&unfinished, json).and_then(|()| {
        fs::File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, &path)
    });
    written.map_err(|source| Error::Disk { what: "written", path, source })
}

/// Puts the checked files of a release where they are installed from; blocks. Files that are there already stay.
pub(crate) fn stage(partial: &Path, staged: &Path, version: ReleaseVersion) -> Event {
    let moved = clear_but(staged, version).and_then(|()| move_files(partial, staged, version));
    let there = |name: &String| staged.join(name).is_file();
    match moved {
        Ok(()) if names(version).iter().all(there) => Event::Staged,
        Ok(()) => Event::InstallFailed(
            "Files of the release that were downloaded are not there any more; update again to fetch them."
                .to_owned(),
        ),
        Err(error) => Event::InstallFailed(format!(
            "The files of the release cannot be laid out in {}: {error}. Look at the disk of this box.",
            staged.display()
        )),
    }
}

/// Takes files back that were laid out and are not wanted just now: nothing needs to be fetched again.
fn unstage(staged: &Path, partial: &Path, version: ReleaseVersion) -> Result<()> {
    move_files(staged, partial, version).map_err(|source| Error::Disk {
        what: "written",
        path: partial.to_owned(),
        source,
    })
}

/// Removes folders with files of releases, which are of no use any more.
pub(crate) fn tidy(folders: &[PathBuf]) {
    for folder in folders {
        if let Err(error) = delete_tree(folder, &|| true) {
            tracing::warn!("{} stays, and takes space: {}", folder.display(), error.reason().message);
        }
    }
}

fn names(version: ReleaseVersion) -> Vec<String> {
    let files = FileRole::ALL.iter().map(|role| format!("hearth_{version}.{}", role.suffix()));
    // The description comes first: whoever finds the kernel finds everything.
    [description_name(version)].into_iter().chain(files).collect()
}

fn description_name(version: ReleaseVersion) -> String {
    format!("hearth_{version}.json")
}

fn move_files(from: &Path, to: &Path, version: ReleaseVersion) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for name in names(version) {
        match fs::rename(from.join(&name), to.join(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::File::open(to)?.sync_all()
}

fn clear_but(folder: &Path, version: ReleaseVersion) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let wanted = names(version);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !wanted.iter().any(|name| entry.file_name().to_string_lossy() == *name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_laid_out_whatever_was_cut_off_before() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, staged) = (folder.path().join("partial"), folder.path().join("staged"));
        let version = ReleaseVersion::new(1, 2, 3);
        fs::create_dir_all(&partial).unwrap();
        fs::create_dir_all(&staged).unwrap();
        fs::write(staged.join("hearth_1.2.2.root"), "old").unwrap();
        for name in names(version) {
            fs::write(partial.join(&name), &name).unwrap();
        }
        fs::rename(partial.join("hearth_1.2.3.root"), staged.join("hearth_1.2.3.root")).unwrap();
        assert_eq!(stage(&partial, &staged, version), Event::Staged);
        assert_eq!(stage(&partial, &staged, version), Event::Staged);
        assert!(!staged.join("hearth_1.2.2.root").exists());

        unstage(&staged, &partial, version).unwrap();
        assert_eq!(fs::read(partial.join("hearth_1.2.3.efi")).unwrap(), b"hearth_1.2.3.efi");
        fs::remove_file(partial.join("hearth_1.2.3.verity")).unwrap();
        let Event::InstallFailed(reason) = stage(&partial, &staged, version) else {
            panic!("a file is missing")
        };
        assert!(reason.contains("not there any more"), "{reason}");
        tidy(&[partial.clone(), staged.clone()]);
        assert!(!partial.exists() && !staged.exists());
    }
}
