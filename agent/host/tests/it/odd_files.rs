//! Files that few apps have and that every app may have: kept through copies, restores, imports and deletions, or named.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hearth_host::data::{Borders, Error, Lost};
use rustix::fs::XattrFlags;

use crate::support::{State, app, run};

/// `user::rwx,user:1000:rwx,group::r-x,mask::rwx,other::---` as `system.posix_acl_access` has it (linux/posix_acl_xattr.h).
fn access_list() -> Vec<u8> {
    let entry = |tag: u16, rights: u16, id: u32| {
        [tag.to_le_bytes().as_slice(), &rights.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let none = u32::MAX;
    [
        2_u32.to_le_bytes().to_vec(),
        entry(0x01, 7, none),
        entry(0x02, 7, 1000),
        entry(0x04, 5, none),
        entry(0x10, 7, none),
        entry(0x20, 0, none),
    ]
    .concat()
}

fn attribute(path: &Path, name: &str) -> Vec<u8> {
    let mut value = [0; 256];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).expect("an attribute");
    value[..length].to_vec()
}

#[test]
fn odd_files_come_through_an_update_and_back() {
    for state in [State::on("ext4", "256M"), State::on("btrfs", "256M")].into_iter().flatten() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let dir = state.folder(&blog);
        let long = "ö".repeat(127) + "x";
        let not_text = OsStr::from_bytes(b"na\xefve \n\xff");
        fs::create_dir(dir.join(not_text)).expect("made");
        fs::write(dir.join(not_text).join(&long), "long").expect("written");
        fs::hard_link(dir.join(not_text).join(&long), dir.join("same")).expect("linked");
        symlink("same", dir.join("link")).expect("linked");
        run(Command::new("ln").arg(dir.join("link")).arg(dir.join("same-link")));
        let _socket = UnixListener::bind(dir.join("socket")).expect("bound");
        fs::write(dir.join("shared"), "x").expect("written");
        rustix::fs::setxattr(dir.join("shared"), "user.note", &[7; 200], XattrFlags::empty()).expect("set");
        rustix::fs::setxattr(
            dir.join("shared"),
            "system.posix_acl_access",
            &access_list(),
            XattrFlags::empty(),
        )
        .expect("set");
        let mode = fs::metadata(dir.join("shared")).expect("there").permissions().mode();
        fs::create_dir(dir.join("inherits")).expect("made");
        rustix::fs::setxattr(
            dir.join("inherits"),
            "system.posix_acl_default",
            &access_list(),
            XattrFlags::empty(),
        )
        .expect("set");

        let left_out = state.data.snapshot(&blog, "s1").expect("copied");
        let sockets = left_out.iter().filter(|left| left.what == Lost::Socket).count();
        let has_socket = state.snapshots(&blog).join("s1/socket").symlink_metadata().is_ok();
        assert!(has_socket != (sockets == 1), "a socket is kept or named: {left_out:?}");
        fs::remove_dir_all(dir.join(not_text)).expect("removed");
        fs::remove_file(dir.join("shared")).expect("removed");
        state.data.restore(&blog, "s1").expect("put back");

        let inode = |path: &Path| fs::symlink_metadata(path).expect("there").ino();
        assert_eq!(fs::read_to_string(dir.join(not_text).join(&long)).expect("kept"), "long");
        assert_eq!(inode(&dir.join(not_text).join(&long)), inode(&dir.join("same")));
        assert_eq!(inode(&dir.join("link")), inode(&dir.join("same-link")));
        assert_eq!(attribute(&dir.join("shared"), "user.note"), [7; 200]);
        assert_eq!(attribute(&dir.join("shared"), "system.posix_acl_access"), access_list());
        assert_eq!(attribute(&dir.join("inherits"), "system.posix_acl_default"), access_list());
        assert_eq!(fs::metadata(dir.join("shared")).expect("there").permissions().mode(), mode);
        state.data.remove(&blog).expect("removed");
        state.empty_trash().expect("emptied");
        assert_eq!(state.data.trash().expect("read"), []);
    }
}

#[test]
fn a_large_hole_takes_neither_time_nor_room() {
    for state in [State::on("ext4", "256M"), State::on("btrfs", "256M")].into_iter().flatten() {
        let blog = app("blog");
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let source = elsewhere.path().join("blog");
        fs::create_dir(&source).expect("made");
        let file = File::create(source.join("disk.img")).expect("made");
        file.set_len(50 << 30).expect("set");
        file.write_all_at(b"in the middle", 25 << 30).expect("written");
        let began = Instant::now();
        state.data.import(&blog, &source, Borders::Refuse, &|_| true).expect("copied");
        state.data.settle(&blog).expect("settled");
        state.data.snapshot(&blog, "s1").expect("copied");
        state.data.restore(&blog, "s1").expect("put back");
        assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
        let copy = File::open(state.folder(&blog).join("disk.img")).expect("there");
        let there = copy.metadata().expect("there");
        assert_eq!(there.len(), 50 << 30);
        assert!(there.blocks() * 512 < 1 << 20, "{} bytes are taken", there.blocks() * 512);
        let mut middle = [0; 13];
        copy.read_exact_at(&mut middle, 25 << 30).expect("read");
        assert_eq!(&middle, b"in the middle");
    }
}

#[test]
fn hard_links_and_odd_names_come_through_an_import_beside() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let source = elsewhere.path().join("home");
    let odd = OsStr::from_bytes(b"gr\xfc\xdfe");
    fs::create_dir_all(source.join(odd).join("in")).expect("made");
    fs::write(source.join(odd).join("in/file"), "x").expect("written");
    fs::hard_link(source.join(odd).join("in/file"), source.join(odd).join("twin")).expect("linked");
    fs::hard_link(source.join(odd).join("in/file"), source.join("at-the-top")).expect("linked");
    for state in State::each() {
        state.data.import_beside("library", &source, Borders::Refuse, &|_| true).expect("copied");
        let inode = |path: &Path| fs::metadata(state.dir.join("library").join(path)).expect("there").ino();
        let first = inode(&Path::new(odd).join("in/file"));
        assert_eq!(first, inode(&Path::new(odd).join("twin")));
        assert_eq!(first, inode(Path::new("at-the-top")), "the link between two folders was lost");
    }
}

#[test]
fn a_protected_file_is_named_and_does_not_stop_anything_else() {
    let Some(state) = State::on("ext4", "256M") else { return };
    let (blog, wiki) = (app("blog"), app("wiki"));
    for app in [&blog, &wiki] {
        state.data.create(app).expect("made");
        fs::write(state.folder(app).join("other"), vec![7; 1 << 20]).expect("written");
    }
    let kept = state.folder(&blog).join("kept");
    fs::write(&kept, "x").expect("written");
    run(Command::new("chattr").arg("+i").arg(&kept));

    let left_out = state.data.snapshot(&blog, "s1").expect("copied");
    assert_eq!(
        left_out.iter().map(|left| (&left.path, &left.what)).collect::<Vec<_>>(),
        [(&kept, &Lost::Protection)]
    );
    state.data.remove_snapshot(&blog, "s1").expect("removed");
    state.empty_trash().expect("a copy is never protected");

    // Its removal works: the app is gone, and what cannot be deleted is named and measured.
    state.data.remove(&blog).expect("moved to the trash");
    state.data.remove(&wiki).expect("moved to the trash");
    let error = state.empty_trash().expect_err("protected");
    let Error::Protected { path } = &error else { panic!("{error}") };
    assert!(path.ends_with("kept"), "{}", path.display());
    assert!(error.reason().message.contains(&format!("chattr -i -a {}", path.display())));
    let left = state.data.trash().expect("read");
    assert_eq!(
        left.iter().map(|trashed| &trashed.app).collect::<Vec<_>>(),
        [&Some(blog)],
        "another app's stayed"
    );
    assert!(state.data.trashed_bytes(&left[0]).expect("measured") < 1 << 20, "the rest was not deleted");
    run(Command::new("chattr").arg("-i").arg(path));
    state.empty_trash().expect("emptied");
    assert_eq!(state.data.trash().expect("read"), []);

    // A folder that may not be moved itself is refused before anything is done.
    let notes = app("notes");
    state.data.create(&notes).expect("made");
    run(Command::new("chattr").arg("+a").arg(state.folder(&notes)));
    assert!(matches!(state.data.remove(&notes), Err(Error::Protected { .. })));
    run(Command::new("chattr").arg("-a").arg(state.folder(&notes)));
}

#[test]
fn folders_are_deleted_however_deep_they_are_and_a_copy_says_which_is_too_deep() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        // Deeper than descriptors and stack would last, as a program can make it step by step.
        let mut at = File::open(state.folder(&blog)).expect("there");
        for _ in 0..1000 {
            rustix::fs::mkdirat(&at, "d", rustix::fs::Mode::from_raw_mode(0o755)).expect("made");
            let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY;
            at = rustix::fs::openat(&at, "d", flags, rustix::fs::Mode::empty()).expect("opened").into();
        }
        drop(at);
        match state.data.snapshot(&blog, "s1") {
            Ok(_) => assert!(state.folder(&blog).metadata().expect("there").ino() == 256, "no subvolume"),
            Err(error) => assert!(matches!(error, Error::TooDeep { .. }), "{error}"),
        }
        state.data.remove(&blog).expect("removed");
        state.empty_trash().expect("emptied");
        assert_eq!(state.data.trash().expect("read"), []);
    }
}

#[test]
fn a_snapshot_with_a_long_name_is_thrown_away() {
    let state = State::here();
    let blog = app(&"b".repeat(60));
    state.data.create(&blog).expect("made");
    let name = "s".repeat(190);
    state.data.snapshot(&blog, &name).expect("copied");
    state.data.remove(&blog).expect("removed");
    state.empty_trash().expect("emptied");
}
