//! What is mounted in an app's folder: a disk, a folder of the same disk. Nothing of it is ever moved, copied or deleted.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_host::data::{Borders, Error, Lost, delete_tree, look};
use hearth_model::AppId;

use crate::support::{Mounted, State, app, describe, fill, precious, run};

/// What is mounted at `data/photos` of an app.
struct Photos {
    mounted: Vec<Mounted>,
    path: PathBuf,
    // Dropped last.
    _elsewhere: tempfile::TempDir,
}

/// An app on each file system, with a disk, or a folder of the same disk, mounted in its folder.
fn each_with_photos() -> Vec<(State, AppId, Photos)> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: mounting needs root");
        return Vec::new();
    }
    let mut all = Vec::new();
    for is_disk in [true, false] {
        for state in State::each() {
            let immich = app("immich");
            state.data.create(&immich).expect("made");
            fill(&state.folder(&immich));
            let path = state.folder(&immich).join("data/photos");
            let elsewhere = tempfile::tempdir().expect("a temporary folder");
            let mounted = if is_disk {
                Mounted::disk(&elsewhere.path().join("disk"), "ext4", &path)
            } else {
                let same = state.dir.join("pictures");
                precious(&same);
                Mounted::bind(&same, &path)
            };
            fs::write(state.folder(&immich).join("data/index"), "one").expect("written");
            all.push((state, immich, Photos { mounted: vec![mounted], path, _elsewhere: elsewhere }));
        }
    }
    all
}

fn names_the_mount(error: &Error, path: &Path) {
    assert!(matches!(error, Error::Mounted { .. }), "{error}");
    let message = error.reason().message;
    assert!(message.contains(&format!("umount {}", path.display())), "{message}");
}

#[test]
fn data_with_a_mount_in_it_is_not_removed_until_it_is_unmounted() {
    for (state, immich, mut photos) in each_with_photos() {
        state.data.snapshot(&immich, "s1").expect("copied");
        let (before, all) = (describe(&photos.path), describe(&state.dir.join("snapshots")));
        let error = state.data.remove(&immich).expect_err("refused");
        names_the_mount(&error, &photos.path);
        assert_eq!(describe(&photos.path), before);
        assert_eq!(describe(&state.dir.join("snapshots")), all, "a part was removed");
        assert_eq!(state.data.trash().expect("read"), []);

        let elsewhere = state.dir.join("seen-from-here");
        let _second = Mounted::bind(&photos.path, &elsewhere);
        photos.mounted.clear();
        state.data.remove(&immich).expect("removed");
        state.empty_trash().expect("emptied");
        assert!(!state.folder(&immich).exists());
        assert_eq!(describe(&elsewhere), before);
    }
}

#[test]
fn an_update_and_going_back_leave_what_is_mounted_where_and_as_it_is() {
    for (state, immich, photos) in each_with_photos() {
        let dir = state.folder(&immich);
        let before = describe(&dir);
        let left_out = state.data.snapshot(&immich, "s1").expect("copied");
        assert!(
            left_out.iter().any(|left| left.path == photos.path && matches!(left.what, Lost::Mount(Some(_)))),
            "{left_out:?}"
        );
        let copy = state.snapshots(&immich).join("s1/data/photos");
        assert_eq!(fs::read_dir(&copy).expect("a folder").count(), 0, "the mount was copied");

        // The new version changes, adds and removes files beside the mount.
        fs::write(dir.join("data/index"), "two").expect("written");
        fs::write(dir.join("data/new"), "new").expect("written");
        fs::remove_file(dir.join("old")).expect("removed");
        fs::create_dir(dir.join("db/later")).expect("made");
        for _ in 0..2 {
            state.data.restore(&immich, "s1").expect("put back");
            assert_eq!(describe(&dir), before, "on {}", dir.display());
            assert_eq!(state.data.restored_from(&immich).expect("read").as_deref(), Some("s1"));
            assert!(state.names_of_snapshots(&immich).is_empty());
        }
        let replaced = dir.join(".hearth/replaced");
        assert_eq!(fs::read_to_string(replaced.join("data/index")).expect("kept"), "two");
        assert_eq!(fs::read_to_string(replaced.join("data/new")).expect("kept"), "new");

        // The next update does not take that along, and deletes it once its own copy is whole.
        state.data.snapshot(&immich, "s2").expect("copied");
        assert!(!state.snapshots(&immich).join("s2/.hearth/replaced").exists());
        assert!(!replaced.exists());
        state.empty_trash().expect("emptied");
        assert_eq!(describe(&dir), before);
    }
}

#[test]
fn a_going_back_around_a_mount_goes_on_where_it_was_cut_off() {
    for (state, immich, photos) in each_with_photos() {
        let dir = state.folder(&immich);
        let before = describe(&dir);
        state.data.snapshot(&immich, "s1").expect("copied");
        fs::write(dir.join("data/index"), "two").expect("written");

        // Cut off while files were put out of the way.
        let marker = dir.join(".hearth/app.json");
        let mut text: serde_json::Value =
            serde_json::from_slice(&fs::read(&marker).expect("read")).expect("JSON");
        text["restoring"] = serde_json::json!({ "snapshot": "s1", "is_emptied": false });
        fs::write(&marker, text.to_string()).expect("written");
        fs::create_dir_all(dir.join(".hearth/replaced/data")).expect("made");
        fs::rename(dir.join("db"), dir.join(".hearth/replaced/db")).expect("moved");
        fs::rename(dir.join("data/index"), dir.join(".hearth/replaced/data/index")).expect("moved");
        // And what was mounted is not, after the restart that cut it off.
        let elsewhere = state.dir.join("seen-from-here");
        let _second = Mounted::bind(&photos.path, &elsewhere);
        let mounted = describe(&elsewhere);
        drop(photos);

        state.data.restore(&immich, "s1").expect("goes on");
        let after = describe(&dir);
        let beside: Vec<_> = before.iter().filter(|(path, _)| !path.starts_with("data/photos/")).collect();
        for (path, what) in beside {
            if path != "data/photos" {
                assert_eq!(after.get(path), Some(what), "{path} on {}", dir.display());
            }
        }
        assert_eq!(fs::read_dir(dir.join("data/photos")).expect("there").count(), 0);
        assert_eq!(describe(&elsewhere), mounted);
    }
}

#[test]
fn a_folder_that_is_a_mount_itself_is_updated_and_put_back_but_not_removed() {
    let Some(state) = State::on("ext4", "256M") else { return };
    for file_system in ["ext4", "btrfs"] {
        let media = app(&format!("media-{file_system}"));
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let dir = state.folder(&media);
        let _disk = Mounted::disk(&elsewhere.path().join("disk"), file_system, &dir);
        state.data.create(&media).expect("its marker");
        fill(&dir.join("app"));
        fs::hard_link(dir.join("app/db/deep/table"), dir.join("2024/third-name")).expect("linked");
        let before = describe(&dir);
        let left_out = state.data.snapshot(&media, "s1").expect("copied");
        assert_eq!(left_out, [], "the whole folder is what was asked for");
        fs::write(dir.join("list"), "changed").expect("written");
        fs::remove_dir_all(dir.join("app/db")).expect("removed");
        state.data.restore(&media, "s1").expect("put back");
        let after = describe(&dir);
        assert_eq!(
            after.keys().filter(|name| *name != "lost+found").count(),
            before.keys().filter(|name| *name != "lost+found").count()
        );
        for (path, what) in before {
            assert_eq!(after.get(&path), Some(&what), "{path}");
        }
        names_the_mount(&state.data.remove(&media).expect_err("refused"), &dir);
    }
}

#[test]
fn a_mount_in_the_trash_is_kept_and_the_rest_goes() {
    for (state, immich, _photos) in each_with_photos() {
        let wiki = app("wiki");
        state.data.create(&wiki).expect("made");
        fill(&state.folder(&wiki));
        state.data.remove(&wiki).expect("moved to the trash");
        let trashed = state.data.trash().expect("read").remove(0);
        // As an older version left it, or a mount that came a moment ago.
        let precious_dir = state.dir.join("more");
        precious(&precious_dir);
        let mount = Mounted::bind(&precious_dir, &trashed.path.join("db/disk"));
        let before = describe(&precious_dir);
        let error = state.empty_trash().expect_err("something is mounted");
        names_the_mount(&error, &mount.0);
        assert_eq!(describe(&precious_dir), before);
        assert!(!trashed.path.join("sparse").exists(), "what could be deleted stayed");
        assert!(state.data.trashed_bytes(&trashed).expect("measured") < 1_000_000);
        drop(mount);
        state.empty_trash().expect("emptied");
        assert_eq!(describe(&precious_dir), before);
        assert!(state.data.mounts(&immich).expect("read").len() == 1, "another app's mount was touched");
    }
}

#[test]
fn snapshots_that_something_is_mounted_in_are_neither_put_back_nor_discarded() {
    let state = State::here();
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    state.data.snapshot(&blog, "s1").expect("copied");
    let elsewhere = state.dir.join("elsewhere");
    precious(&elsewhere);
    let before = describe(&elsewhere);
    let mount = Mounted::bind(&elsewhere, &state.snapshots(&blog).join("s1/looked-at"));
    names_the_mount(&state.data.restore(&blog, "s1").expect_err("refused"), &mount.0);
    names_the_mount(&state.data.remove_snapshot(&blog, "s1").expect_err("refused"), &mount.0);
    names_the_mount(&state.data.remove(&blog).expect_err("refused"), &mount.0);
    assert!(state.folder(&blog).exists(), "a part was removed");
    drop(mount);
    state.data.remove(&blog).expect("removed");
    state.empty_trash().expect("emptied");
    assert_eq!(describe(&elsewhere), before);
}

#[test]
fn subvolumes_in_an_apps_folder_belong_to_it() {
    let Some(state) = State::on("btrfs", "512M") else { return };
    let engine = app("engine");
    state.data.create(&engine).expect("made");
    let dir = state.folder(&engine);
    fs::create_dir_all(dir.join("var/lib")).expect("made");
    let subvolume = |path: &Path| run(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(path));
    subvolume(&dir.join("var/lib/layers"));
    for number in 0..3 {
        subvolume(&dir.join(format!("var/lib/layers/{number}")));
        fill(&dir.join(format!("var/lib/layers/{number}")));
    }
    let before = describe(&dir);
    state.data.snapshot(&engine, "s1").expect("copied");
    assert_eq!(describe(&state.snapshots(&engine).join("s1")), before, "the copy lacks a subvolume");
    fs::write(dir.join("var/lib/layers/1/old"), "spoiled").expect("written");
    state.data.restore(&engine, "s1").expect("put back");
    assert_eq!(describe(&dir), before);

    // A read-only one, as package managers and container engines make them.
    run(Command::new("btrfs")
        .args(["property", "set"])
        .arg(dir.join("var/lib/layers/2"))
        .args(["ro", "true"]));
    state.data.remove(&engine).expect("removed");
    state.empty_trash().expect("emptied");
    assert_eq!(state.data.trash().expect("read"), []);
}

#[test]
fn an_import_names_what_is_mounted_in_its_source_and_copies_it_only_when_asked() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (outer, state) = (tempfile::tempdir().expect("a temporary folder"), State::here());
    let (source, blog) = (outer.path().join("blog"), app("blog"));
    fill(&source);
    let disk = Mounted::disk(&outer.path().join("image"), "ext4", &source.join("data/photos"));
    let found = look::measure(&source).expect("measured");
    assert_eq!(found.mounts.iter().map(|mount| &mount.path).collect::<Vec<_>>(), [&disk.0]);
    assert!(found.mounts[0].used_bytes().is_some_and(|bytes| bytes > 0));
    let without = found.size_bytes;

    names_the_mount(
        &state.data.import(&blog, &source, Borders::Refuse, &|_| true).expect_err("refused"),
        &disk.0,
    );
    assert!(!state.folder(&blog).exists());
    state.data.import(&blog, &source, Borders::Cross, &|_| true).expect("copied");
    assert_eq!(describe(&state.folder(&blog)), describe(&source));
    assert!(look::measure(&state.folder(&blog)).expect("measured").size_bytes > without);
}

#[test]
fn a_folder_of_ours_elsewhere_is_deleted_up_to_the_mount_in_it() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let outer = tempfile::tempdir().expect("a temporary folder");
    let (dir, precious_dir) = (outer.path().join("scratch"), outer.path().join("precious"));
    precious(&precious_dir);
    let before = describe(&precious_dir);
    let mount = Mounted::bind(&precious_dir, &dir.join("a/b"));
    fs::write(dir.join("a/f"), "x").expect("written");
    names_the_mount(&delete_tree(&dir, &|| true).expect_err("refused"), &mount.0);
    assert!(!dir.join("a/f").exists());
    assert_eq!(describe(&precious_dir), before);
}

#[test]
fn a_mount_that_comes_during_a_deletion_is_kept() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for state in State::each() {
        let (blog, precious_dir) = (app("blog"), state.dir.join("precious"));
        precious(&precious_dir);
        let before = describe(&precious_dir);
        state.data.create(&blog).expect("made");
        for folder in ["a", "b", "c"] {
            fill(&state.folder(&blog).join(folder));
        }
        state.data.remove(&blog).expect("moved to the trash");
        let trashed = state.data.trash().expect("read").remove(0);
        let mounted = RefCell::new(Vec::new());
        let asked = Cell::new(0);
        // It is asked before each file, and before a subvolume is deleted in one go.
        let go_on = || {
            asked.set(asked.get() + 1);
            if asked.get() == 2 {
                for target in ["a", "b", "c"].map(|folder| trashed.path.join(folder).join("db/deep")) {
                    if target.exists() {
                        mounted.borrow_mut().push(Mounted::bind(&precious_dir, &target));
                    }
                }
            }
            true
        };
        let deleted = state.data.delete_trashed(&trashed, &go_on);
        assert!(!mounted.borrow().is_empty(), "nothing was mounted meanwhile");
        assert!(matches!(deleted, Err(Error::Mounted { .. })), "{deleted:?}");
        assert_eq!(describe(&precious_dir), before);
        drop(mounted);
        state.empty_trash().expect("emptied");
        assert_eq!(describe(&precious_dir), before);
    }
}

#[test]
fn an_update_is_refused_where_going_back_could_not_work() {
    let Some(state) = State::on("btrfs", "512M") else { return };
    let engine = app("engine");
    state.data.create(&engine).expect("made");
    let (inner, elsewhere) = (state.folder(&engine).join("layers"), state.dir.join("elsewhere"));
    run(Command::new("btrfs").args(["-q", "subvolume", "create"]).arg(&inner));
    precious(&elsewhere);
    state.data.check_copies(&engine).expect("nothing is mounted");
    let mount = Mounted::bind(&elsewhere, &inner.join("disk"));
    names_the_mount(&state.data.check_copies(&engine).expect_err("refused"), &mount.0);
    names_the_mount(&state.data.snapshot(&engine, "s1").expect_err("refused"), &mount.0);
    drop(mount);
    // As a version of Hearth left it that moved a disk along with the folder.
    state.data.snapshot(&engine, "s1").expect("copied");
    let mount = Mounted::bind(&elsewhere, &state.snapshots(&engine).join("s1/disk"));
    names_the_mount(&state.data.check_copies(&engine).expect_err("refused"), &mount.0);
}
