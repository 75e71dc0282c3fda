use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hearth_host::data::Error;
use hearth_model::ServiceName;
use hearth_model::container::{ContainerSpec, anonymous_volume_folder};
use hearth_model::observed::OutsideVolume;
use jiff::Timestamp;

use crate::support::{State, app, describe, fill};

fn db() -> ServiceName {
    "db".parse().expect("valid")
}

fn volume(name: &str, path: &Path) -> BTreeMap<String, OutsideVolume> {
    let volume = OutsideVolume { name: name.to_owned(), path: path.display().to_string() };
    BTreeMap::from([("/var/lib/db".to_owned(), volume)])
}

fn at(second: i64) -> Option<Timestamp> {
    Some(Timestamp::from_second(second).expect("a moment"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("read").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[test]
fn what_a_volume_of_the_engine_holds_comes_into_the_apps_folder_as_it_is() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let engine = tempfile::tempdir().expect("a temporary folder");
        let outside = engine.path().join("_data");
        fs::create_dir(&outside).expect("made");
        fill(&outside);
        let volumes = state.folder(&blog).join("volumes");
        let place = volumes.join(anonymous_volume_folder(&db(), "/var/lib/db"));
        // Something that an earlier copy, cut off, has left.
        fs::create_dir_all(volumes.join(".db@var-lib-db.new/half")).expect("made");

        let one = volume("one", &outside);
        state.data.keep_volumes(&blog, &db(), at(1), &one).expect("copied");
        assert_eq!(describe(&place), describe(&outside));
        assert_eq!(names(&volumes), ["db@var-lib-db"]);

        // Not copied again while the container did not run again.
        fs::write(outside.join("late"), "1").expect("written");
        state.data.keep_volumes(&blog, &db(), at(1), &one).expect("there already");
        assert!(!place.join("late").exists());
        // It ran again: what it wrote meanwhile is there, and the earlier copy is gone.
        state.data.keep_volumes(&blog, &db(), at(2), &one).expect("copied again");
        assert_eq!(describe(&place), describe(&outside));
        assert_eq!(names(&volumes), ["db@var-lib-db"]);
        assert!(outside.join("late").exists(), "the volume itself stays");
    }
}

#[test]
fn what_was_in_the_folder_before_another_volumes_data_is_kept_beside_it() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let engine = tempfile::tempdir().expect("a temporary folder");
        let volumes = state.folder(&blog).join("volumes");
        let place = volumes.join("db@var-lib-db");
        for (number, name) in ["one", "two", "three"].into_iter().enumerate() {
            let outside = engine.path().join(name);
            fs::create_dir(&outside).expect("made");
            fs::write(outside.join("row"), name).expect("written");
            let volume = volume(name, &outside);
            state.data.keep_volumes(&blog, &db(), at(number as i64), &volume).expect("copied");
            assert_eq!(fs::read_to_string(place.join("row")).expect("there"), name);
        }
        let kept = |number: u8| volumes.join(format!("db@var-lib-db.before-{number}/row"));
        assert_eq!(fs::read_to_string(kept(1)).expect("kept"), "one");
        assert_eq!(fs::read_to_string(kept(2)).expect("kept"), "two");
    }
}

#[test]
fn nothing_is_taken_for_an_empty_volume_and_nothing_is_made_in_place_of_a_missing_folder() {
    let state = State::here();
    let blog = app("blog");
    let gone = state.dir.join("gone");
    let volumes = volume("one", &gone);
    let error = state.data.keep_volumes(&blog, &db(), None, &volumes).expect_err("no folder");
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    state.data.create(&blog).expect("made");
    let error = state.data.keep_volumes(&blog, &db(), None, &volumes).expect_err("no volume");
    assert!(matches!(&error, Error::Missing { path } if *path == gone), "{error}");
    assert!(names(&state.folder(&blog).join("volumes")).is_empty());
}

#[test]
fn a_copy_that_does_not_fit_leaves_no_part_of_it() {
    let Some(state) = State::on("ext4", "16M") else { return };
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let engine = tempfile::tempdir().expect("a temporary folder");
    fs::write(engine.path().join("table"), vec![7; 12 << 20]).expect("written");
    let volumes = volume("one", engine.path());
    let error = state.data.keep_volumes(&blog, &db(), at(1), &volumes).expect_err("too large");
    assert_eq!(error.reason().code, hearth_model::condition::ReasonCode::DiskFull);
    assert!(names(&state.folder(&blog).join("volumes")).is_empty());
}

#[test]
fn a_link_that_an_app_put_in_place_of_a_volumes_folder_is_found_before_a_start() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    let container = ContainerSpec::new("blog-db-1", "db:1".parse().expect("valid"));
    let volumes = state.folder(&blog).join("volumes");
    fs::create_dir(&volumes).expect("made");
    state.data.check_mounts(&blog, &container, &BTreeMap::new()).expect("nothing leads out");
    std::os::unix::fs::symlink("/", volumes.join("db@var-lib-db")).expect("linked");
    let error = state.data.check_mounts(&blog, &container, &BTreeMap::new()).expect_err("it leads out");
    assert!(matches!(error, Error::Outside { .. }), "{error}");
}
