use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use hearth_host::data::Error;
use hearth_model::ContainerSpec;
use hearth_model::container::Mount;
use hearth_model::observed::DataState;
use hearth_model::plan::DataStep;
use hearth_model::spec::{FileSpec, FolderSpec};

use crate::support::{State, app};

fn file(content: &str, mode: u32, seed: bool) -> FileSpec {
    FileSpec { content: content.as_bytes().to_vec(), mode, uid: None, gid: None, seed }
}

#[test]
fn a_folder_is_new_then_present_then_missing() {
    for state in State::each() {
        let blog = app("blog");
        assert_eq!(state.data.state(&blog, false).expect("read"), DataState::New);
        for _ in 0..2 {
            state.data.execute(&DataStep::CreateData { app: blog.clone() }).expect("made");
            assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present);
        }
        // The disk is gone: an empty folder in its place is not the app's.
        fs::rename(state.folder(&blog), state.dir.join("away")).expect("renamed");
        assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Missing);
        fs::create_dir(state.folder(&blog)).expect("made");
        assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Missing);
    }
}

#[test]
fn a_kill_while_the_folder_is_made_leaves_nothing_that_counts() {
    let state = State::here();
    let blog = app("blog");
    fs::create_dir(state.dir.join("apps/.blog.new")).expect("half made");
    assert_eq!(state.data.state(&blog, false).expect("read"), DataState::New);
    state.data.create(&blog).expect("made anew");
    assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present);
    assert!(!state.dir.join("apps/.blog.new").exists());
}

#[test]
fn a_folder_of_another_app_is_not_taken() {
    let state = State::here();
    state.data.create(&app("blog")).expect("made");
    fs::rename(state.folder(&app("blog")), state.folder(&app("wiki"))).expect("renamed");
    assert_eq!(state.data.state(&app("wiki"), false).expect("read"), DataState::Missing);
}

#[test]
fn a_broken_marker_is_an_error_and_never_a_new_folder() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    fs::write(state.folder(&blog).join(".hearth/app.json"), "{").expect("written");
    assert!(state.data.state(&blog, true).is_err());
    assert!(state.data.create(&blog).is_err());
}

#[test]
fn data_put_there_by_hand_becomes_the_apps() {
    let state = State::here();
    let blog = app("blog");
    fs::create_dir(state.folder(&blog)).expect("made");
    fs::write(state.folder(&blog).join("posts"), "mine").expect("written");
    assert_eq!(state.data.state(&blog, false).expect("read"), DataState::New);
    state.data.create(&blog).expect("made");
    assert_eq!(fs::read_to_string(state.folder(&blog).join("posts")).expect("kept"), "mine");
}

#[test]
fn files_are_kept_equal_and_seeds_belong_to_the_app() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let dir = state.folder(&blog);
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let folders =
        BTreeMap::from([(path("data/db"), FolderSpec { mode: Some(0o700), ..FolderSpec::default() })]);
    let files = BTreeMap::from([
        (path("conf/app.ini"), file("one", 0o640, false)),
        (path("conf/seed.ini"), file("seed", 0o600, true)),
    ]);
    state.data.write_files(&blog, &folders, &files).expect("written");
    assert_eq!(fs::metadata(dir.join("data/db")).expect("there").permissions().mode() & 0o7777, 0o700);
    assert_eq!(fs::metadata(dir.join("conf/app.ini")).expect("there").permissions().mode() & 0o7777, 0o640);
    let before = fs::metadata(dir.join("conf/app.ini")).expect("there");

    fs::write(dir.join("conf/seed.ini"), "changed by the app").expect("written");
    fs::set_permissions(dir.join("data/db"), fs::Permissions::from_mode(0o770)).expect("changed by the app");
    state.data.write_files(&blog, &folders, &files).expect("written again");
    let after = fs::metadata(dir.join("conf/app.ini")).expect("there");
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec()),
        "an equal file was touched"
    );
    assert_eq!(fs::read_to_string(dir.join("conf/seed.ini")).expect("there"), "changed by the app");
    assert_eq!(fs::metadata(dir.join("data/db")).expect("there").permissions().mode() & 0o7777, 0o770);

    let files = BTreeMap::from([(path("conf/app.ini"), file("two", 0o600, false))]);
    fs::write(dir.join("conf/app.ini.hearth-new"), "left by a kill").expect("written");
    state.data.write_files(&blog, &BTreeMap::new(), &files).expect("written");
    assert_eq!(fs::read_to_string(dir.join("conf/app.ini")).expect("there"), "two");
    assert!(!dir.join("conf/app.ini.hearth-new").exists());
}

#[test]
fn owners_are_given_to_new_files_and_folders() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let dir = state.folder(&blog);
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let folders = BTreeMap::from([(
        path("a/b"),
        FolderSpec { uid: Some(1000), gid: Some(1001), ..FolderSpec::default() },
    )]);
    let spec = FileSpec { uid: Some(33), gid: Some(34), ..file("x", 0o4755, false) };
    state.data.write_files(&blog, &folders, &BTreeMap::from([(path("a/f"), spec)])).expect("written");
    let owner =
        |name: &str| fs::metadata(dir.join(name)).map(|meta| (meta.uid(), meta.gid())).expect("there");
    assert_eq!((owner("a"), owner("a/b"), owner("a/f")), ((0, 0), (1000, 1001), (33, 34)));
    assert_eq!(fs::metadata(dir.join("a/f")).expect("there").mode() & 0o7777, 0o4755);
}

#[test]
fn nothing_is_written_into_a_folder_that_is_missing() {
    let state = State::here();
    let blog = app("blog");
    let path = state.folder(&blog).join("f").to_string_lossy().into_owned();
    let error =
        state.data.write_files(&blog, &BTreeMap::new(), &BTreeMap::from([(path, file("x", 0o644, false))]));
    assert!(error.is_err());
    assert!(!state.folder(&blog).exists());
}

#[test]
fn removed_data_is_gone_with_its_snapshots_and_leftovers() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        fs::write(state.folder(&blog).join("f"), "x").expect("written");
        state.data.snapshot(&blog, "s1").expect("copied");
        // An earlier removal was cut off after its first rename.
        fs::create_dir_all(state.dir.join("trash/wiki.0/deep/er")).expect("made");
        for _ in 0..2 {
            state.data.remove(&blog).expect("removed");
            assert!(!state.folder(&blog).exists());
            assert!(!state.snapshots(&blog).exists());
        }
        let apps: Vec<_> = state.data.trash().expect("read").into_iter().map(|trashed| trashed.app).collect();
        assert_eq!(apps, [Some(blog.clone()), Some(blog.clone()), Some(app("wiki"))]);
        state.empty_trash().expect("emptied");
        assert_eq!(fs::read_dir(state.dir.join("trash")).expect("there").count(), 0);
        assert_eq!(state.data.state(&blog, false).expect("read"), DataState::New);
    }
}

#[test]
fn nothing_that_a_container_mounts_is_made_up() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let mount = |source: &std::path::Path, create_host_path| {
        let mut container = ContainerSpec::new("blog-web-1", "web:1".parse().expect("valid"));
        container.mounts.push(Mount::Bind {
            source: source.display().to_string(),
            target: "/x".to_owned(),
            read_only: false,
            create_host_path,
            propagation: None,
            selinux: None,
            beneath: None,
        });
        container
    };
    let (own, host) = (state.folder(&blog).join("made/by-a-script.json"), state.dir.join("host/file"));
    for (path, is_own) in [(&own, true), (&host, false)] {
        for create_host_path in [true, false] {
            let error = state
                .data
                .check_mounts(&blog, &mount(path, create_host_path), &BTreeMap::new())
                .expect_err("missing");
            assert!(
                matches!(&error, Error::MountMissing { path: missing, is_own: own } if missing == path && *own == is_own)
            );
            assert!(error.reason().message.contains(&path.display().to_string()), "{error}");
            assert!(!path.exists() && !path.parent().expect("a folder").exists(), "something was made");
        }
    }
    // The library is Hearth's own, and packages expect its folders.
    let shared = state.dir.join("library/Media/Films");
    let error =
        state.data.check_mounts(&blog, &mount(&shared, false), &BTreeMap::new()).expect_err("missing");
    assert!(matches!(error, Error::MountMissing { .. }), "{error}");
    state.data.check_mounts(&blog, &mount(&shared, true), &BTreeMap::new()).expect("made");
    assert!(shared.is_dir());
    fs::write(state.dir.join("library/list.txt"), "x").expect("written");
    state
        .data
        .check_mounts(&blog, &mount(&state.dir.join("library/list.txt"), true), &BTreeMap::new())
        .expect("a file will do");
}
