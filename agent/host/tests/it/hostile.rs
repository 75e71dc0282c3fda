use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use hearth_host::data::Error;
use hearth_model::condition::ReasonCode;
use hearth_model::container::{Beneath, ContainerSpec, Mount};
use hearth_model::spec::{FileSpec, FolderSpec, VolumeSpec};

use crate::support::{State, app};

fn mounting(source: &Path, beneath: Option<Beneath>) -> ContainerSpec {
    let image = "busybox".parse().expect("valid");
    let mount = Mount::Bind {
        source: source.to_string_lossy().into_owned(),
        target: "/x".to_owned(),
        read_only: false,
        create_host_path: true,
        propagation: None,
        selinux: None,
        beneath,
    };
    ContainerSpec { mounts: vec![mount], ..ContainerSpec::new("blog-web-1", image) }
}

#[test]
fn a_link_out_of_the_folder_is_not_mounted() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let dir = state.folder(&blog);
    fs::create_dir(dir.join("data")).expect("made");
    symlink("/etc", dir.join("data/absolute")).expect("linked");
    symlink("../../../../..", dir.join("data/relative")).expect("linked");
    symlink("data", dir.join("inside")).expect("linked");
    symlink("data/absolute", dir.join("twice")).expect("linked");
    let replaceable = Some(Beneath { volume: "blog.folder".to_owned(), subpath: "x".to_owned() });
    let check = |path: &Path, beneath: &Option<Beneath>| {
        state.data.check_mounts(&blog, &mounting(path, beneath.clone()), &BTreeMap::new())
    };
    for bad in [
        "data/absolute",
        "data/absolute/ssh",
        "data/relative",
        "twice",
        "data/relative/etc/new",
        "data/../../x",
    ] {
        for beneath in [&None, &replaceable] {
            let error = check(&dir.join(bad), beneath).expect_err(bad);
            assert!(matches!(error, Error::Outside { .. }), "{bad}: {error}");
            assert_eq!(error.reason().code, ReasonCode::PackageInvalid);
        }
    }
    fs::create_dir_all(dir.join("data/new/folder")).expect("made");
    for good in ["", "data"] {
        check(&dir.join(good), &None).expect(good);
        check(&dir.join(good), &replaceable).expect(good);
    }
    // The engine follows this one without a look at where it leads by then.
    for linked in ["inside", "inside/new/folder"] {
        let error = check(&dir.join(linked), &None).expect_err(linked);
        assert!(matches!(error, Error::Linked { .. }), "{linked}: {error}");
        check(&dir.join(linked), &replaceable).expect(linked);
    }
    // Folders elsewhere are the owner's consent, not this check's.
    check(Path::new("/etc"), &None).expect("not below the folder");
}

#[test]
fn a_volume_that_became_a_link_out_of_the_folder_is_not_mounted() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let dir = state.folder(&blog);
    fs::create_dir(dir.join("volumes")).expect("made");
    symlink("/etc", dir.join("volumes/key")).expect("linked");
    symlink("/etc", dir.join("device")).expect("linked");
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let plain = VolumeSpec { folder: Some(path("volumes/key")), ..VolumeSpec::default() };
    let options = [("type", "none".to_owned()), ("o", "bind".to_owned()), ("device", path("device"))];
    let by_options = VolumeSpec {
        driver_opts: options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..VolumeSpec::default()
    };
    for volume in [plain, by_options] {
        let mut container = ContainerSpec::new("blog-web-1", "busybox".parse().expect("valid"));
        container.mounts.push(Mount::Volume {
            source: "blog_key".to_owned(),
            target: "/x".to_owned(),
            read_only: false,
            nocopy: false,
            subpath: None,
            beneath: None,
        });
        let volumes = BTreeMap::from([("blog_key".to_owned(), volume)]);
        let error = state.data.check_mounts(&blog, &container, &volumes).expect_err("a link");
        assert!(matches!(error, Error::Outside { .. }), "{error}");
    }
}

#[test]
fn nothing_is_written_through_a_link_out_of_the_folder() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let (dir, victim) = (state.folder(&blog), state.dir.join("victim"));
    fs::create_dir(&victim).expect("made");
    fs::write(victim.join("file"), "precious").expect("written");
    symlink(&victim, dir.join("out")).expect("linked");
    symlink(victim.join("file"), dir.join("config")).expect("linked");

    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let file = FileSpec { content: b"hostile".to_vec(), mode: 0o644, uid: None, gid: None, seed: false };
    let write = |path: String| {
        state.data.write_files(&blog, &BTreeMap::new(), &BTreeMap::from([(path, file.clone())]))
    };
    for bad in ["out/file", "out/new/file", "../victim/file", "a/../../victim/file"] {
        assert!(matches!(write(path(bad)), Err(Error::Outside { .. })), "{bad} was written");
    }
    assert!(matches!(write("/etc/hearth-test".to_owned()), Err(Error::Outside { .. })));
    let folders = BTreeMap::from([(path("out/new"), FolderSpec::default())]);
    assert!(state.data.write_files(&blog, &folders, &BTreeMap::new()).is_err());
    // A link in the place of the file itself is replaced, not followed.
    write(path("config")).expect("replaced");
    assert_eq!(fs::read_to_string(dir.join("config")).expect("there"), "hostile");

    assert_eq!(fs::read_to_string(victim.join("file")).expect("there"), "precious");
    assert_eq!(fs::read_dir(&victim).expect("there").count(), 1);
}

#[test]
fn a_copy_does_not_follow_links() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    symlink("/etc", state.folder(&blog).join("etc")).expect("linked");
    state.data.snapshot(&blog, "s1").expect("copied");
    assert_eq!(fs::read_link(state.snapshots(&blog).join("s1/etc")).expect("a link"), Path::new("/etc"));
    state.data.remove(&blog).expect("removed");
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_snapshots_name_cannot_leave_its_folder() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    for bad in ["", "..", "../x", "a/b", ".hidden", "x.failed"] {
        assert!(
            matches!(state.data.snapshot(&blog, bad), Err(Error::InvalidName { .. })),
            "{bad:?} was taken"
        );
        assert!(state.data.remove_snapshot(&blog, bad).is_err());
    }
}
