use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;

use hearth_host::data::Error;
use hearth_model::condition::ReasonCode;
use hearth_model::spec::FileSpec;

use crate::support::{State, app};

#[test]
fn a_copy_that_would_fill_the_disk_is_not_begun() {
    let Some(state) = State::on("ext4", "192M") else { return };
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    fs::write(state.folder(&blog).join("big"), vec![7; 80 << 20]).expect("written");
    let error = state.data.snapshot(&blog, "s1").expect_err("too big");
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(error.reason().code, ReasonCode::DiskFull);
    assert!(state.names_of_snapshots(&blog).is_empty());
    assert_eq!(fs::read_dir(state.snapshots(&blog)).expect("there").count(), 0, "something was left");
    // A small app on the same disk still can.
    state.data.create(&app("wiki")).expect("made");
    state.data.snapshot(&app("wiki"), "s1").expect("copied");
}

#[test]
fn a_full_disk_leaves_old_files_whole() {
    let Some(state) = State::on("ext4", "32M") else { return };
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let path = state.folder(&blog).join("config");
    let write = |content: Vec<u8>| {
        let spec = FileSpec { content, mode: 0o644, uid: None, gid: None, seed: false };
        let files = BTreeMap::from([(path.to_string_lossy().into_owned(), spec)]);
        state.data.write_files(&blog, &BTreeMap::new(), &files)
    };
    write(b"old".to_vec()).expect("written");
    let mut filler = File::create(state.dir.join("filler")).expect("made");
    while filler.write_all(&[7; 4096]).is_ok() {}
    // An open file would keep its room when it is removed.
    drop(filler);
    let error = write(vec![8; 1 << 20]).expect_err("no room");
    assert_eq!(error.reason().code, ReasonCode::DiskFull, "{error:?}");
    assert_eq!(fs::read(&path).expect("there"), b"old");
    assert_eq!(fs::read_dir(state.folder(&blog)).expect("there").count(), 2, "a partial file was left");
    fs::remove_file(state.dir.join("filler")).expect("removed");
    write(vec![8; 1 << 20]).expect("written");
}
