use std::collections::BTreeMap;
use std::fs;

use hearth_docker::Error;
use hearth_model::Digest;
use hearth_model::container::{ContainerSpec, Mount, VolumesFrom, anonymous_volume_folder};
use hearth_model::observed::ContainerState;
use hearth_model::plan::EngineStep;
use hearth_model::spec::VolumeSpec;

use crate::support::{Cleanup, Fixture, docker, import};

fn at_seed(volume: &str) -> Vec<Mount> {
    vec![Mount::Volume {
        source: volume.to_owned(),
        target: "/seed".to_owned(),
        read_only: false,
        nocopy: false,
        subpath: None,
        beneath: None,
    }]
}

#[tokio::test]
async fn a_volume_in_the_apps_folder_gets_the_images_content_and_outlives_its_record() {
    let fixture = Fixture::new("folder");
    let image = format!("{}:1", fixture.name("image"));
    import(&image, &[("default.conf", b"from the image")]);
    let _cleanup = Cleanup(vec!["rmi".to_owned(), "-f".to_owned(), image.clone()]);
    let (name, folder) = (fixture.name("data"), fixture.dir.path().join("volumes/data"));
    let spec = VolumeSpec { folder: Some(folder.to_string_lossy().into_owned()), ..VolumeSpec::default() };
    let create =
        EngineStep::CreateVolume { app: fixture.app.clone(), name: name.clone(), volume: spec.clone() };
    for _ in 0..2 {
        fixture.do_it(&create).await;
    }
    let seen = fixture.look().await.volumes.remove(&name).expect("there");
    assert_eq!((seen.app.as_ref(), seen.in_app_folder), (Some(&fixture.app), true));

    let line = "/bin/busybox grep image /seed/default.conf && echo more > /seed/written";
    let container = ContainerSpec {
        image: image.parse().expect("valid"),
        mounts: at_seed(&name),
        ..fixture.shell("a", line)
    };
    fixture.up(&container).await;
    let ended = fixture.wait_for_exit(&container).await;
    assert!(matches!(ended.state, ContainerState::Exited { exit_code: 0, .. }), "{ended:?}");
    assert_eq!(fs::read_to_string(folder.join("default.conf")).expect("copied up"), "from the image");

    let remove = EngineStep::RemoveVolume { name: name.clone() };
    let error = fixture.try_do(&remove).await.expect_err("in use");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    fixture.do_it(&EngineStep::RemoveContainer { name: container.name.clone() }).await;
    for _ in 0..2 {
        fixture.do_it(&remove).await;
    }
    assert_eq!(fs::read_to_string(folder.join("written")).expect("kept"), "more\n");

    // Made again, it is the same data, and the image's content does not overwrite it.
    fs::write(folder.join("default.conf"), "changed: image").expect("written");
    fixture.do_it(&create).await;
    fixture.up(&container).await;
    fixture.wait_for_exit(&container).await;
    assert_eq!(fs::read_to_string(folder.join("default.conf")).expect("there"), "changed: image");
}

#[tokio::test]
async fn a_volume_whose_folder_moved_is_recorded_anew() {
    let fixture = Fixture::new("moved");
    let name = fixture.name("data");
    for place in ["one", "two"] {
        let folder = fixture.dir.path().join(place).to_string_lossy().into_owned();
        let volume = VolumeSpec { folder: Some(folder.clone()), ..VolumeSpec::default() };
        fixture
            .do_it(&EngineStep::CreateVolume { app: fixture.app.clone(), name: name.clone(), volume })
            .await;
        assert_eq!(docker(["volume", "inspect", "-f", "{{.Options.device}}", &name]), folder);
    }
}

#[tokio::test]
async fn a_volume_of_others_is_never_touched() {
    let fixture = Fixture::new("theirs");
    let name = fixture.name("data");
    docker(["volume", "create", &name]);
    let _cleanup = Cleanup(vec!["volume".to_owned(), "rm".to_owned(), name.clone()]);
    let create = |external| EngineStep::CreateVolume {
        app: fixture.app.clone(),
        name: name.clone(),
        volume: VolumeSpec { external, ..VolumeSpec::default() },
    };
    assert!(matches!(fixture.try_do(&create(false)).await, Err(Error::NameTaken { .. })));
    assert!(matches!(
        fixture.try_do(&EngineStep::RemoveVolume { name: name.clone() }).await,
        Err(Error::NameTaken { .. })
    ));
    fixture.do_it(&create(true)).await;
}

#[tokio::test]
async fn a_hostile_name_reaches_no_other_part_of_the_engine() {
    let fixture = Fixture::new("hostile");
    let spec = fixture.sleeper("a");
    fixture.create(&spec).await;
    let name = format!("../containers/{}", spec.name);
    assert!(matches!(
        fixture.try_do(&EngineStep::RemoveVolume { name }).await,
        Err(Error::InvalidName { .. })
    ));
    assert!(fixture.see(&spec).await.is_some());
}

/// Makes an image with a file at `/seed` that declares volumes.
fn image_with_volumes(fixture: &Fixture, declared: &str) -> (String, Cleanup) {
    let (plain, image) = (format!("{}:0", fixture.name("image")), format!("{}:1", fixture.name("image")));
    import(&plain, &[("default.conf", b"from the image")]);
    let container = fixture.name("commit");
    docker(["create", "--name", &container, &plain]);
    docker(["commit", "-c", &format!("VOLUME {declared}"), &container, &image]);
    docker(["rm", &container]);
    (image.clone(), Cleanup(["rmi", "-f", &image, &plain].map(str::to_owned).into()))
}

fn volumes_of(container: &ContainerSpec) -> Vec<String> {
    let names =
        docker(["inspect", "-f", "{{range .Mounts}}{{if .Name}}{{.Name}} {{end}}{{end}}", &container.name]);
    names.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_container_keeps_without_a_name_stays_in_the_apps_folder() {
    let fixture = Fixture::new("unnamed");
    let (image, _cleanup) = image_with_volumes(&fixture, r#"["/seed", "/cache", "/own/"]"#);
    let volumes = fixture.dir.path().join(fixture.app.as_str()).join("volumes");
    let target = |target: &str| volumes.join(anonymous_volume_folder(&"web".parse().expect("valid"), target));
    let in_memory = Mount::Tmpfs {
        target: "/cache".to_owned(),
        size_bytes: None,
        mode: None,
        options: Some("rw".to_owned()),
    };
    let without_a_name = Mount::Volume {
        source: String::new(),
        target: "/own".to_owned(),
        read_only: false,
        nocopy: false,
        subpath: None,
        beneath: None,
    };
    let line = "for at in seed own cache; do echo ran >>/$at/log; done";
    let container = ContainerSpec {
        image: image.parse().expect("valid"),
        mounts: vec![in_memory.clone(), without_a_name],
        read_only: true,
        ..fixture.shell("a", line)
    };
    for runs in 1..3 {
        fixture.up(&container).await;
        let ended = fixture.wait_for_exit(&container).await;
        assert!(matches!(ended.state, ContainerState::Exited { exit_code: 0, .. }), "{ended:?}");
        assert_eq!(ended.outside_volumes, BTreeMap::new(), "all of it is in the app's folder");
        for at in ["/seed", "/own"] {
            let log = fs::read_to_string(target(at).join("log")).expect(at);
            assert_eq!(log, "ran\n".repeat(runs), "{at}");
        }
        let content = fs::read_to_string(target("/seed").join("default.conf")).expect("copied up");
        assert_eq!(content, "from the image");
        assert!(!target("/cache").exists(), "what is in memory has no folder");

        // A container that takes the mounts over sees the same, and makes none of its own.
        let other = ContainerSpec {
            image: image.parse().expect("valid"),
            mounts: vec![in_memory.clone()],
            volumes_from: vec![VolumesFrom { service: "web".parse().expect("valid"), read_only: false }],
            ..fixture.shell("b", "/bin/busybox cat /seed/log")
        };
        fixture.create(&other).await;
        assert!(volumes_of(&other).iter().all(|name| volumes_of(&container).contains(name)));
        let records = volumes_of(&container);
        assert_eq!(records.len(), 2, "{records:?}");
        for spec in [&other, &container] {
            fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
        }
        let left = fixture.look().await.volumes;
        assert!(records.iter().all(|name| !left.contains_key(name)), "a record of the engine is left");
    }

    // Without the app's folder nothing is made in its place.
    fs::rename(volumes.parent().expect("the app's"), fixture.dir.path().join("away")).expect("renamed");
    let error = fixture.try_do(&fixture.creation(&container)).await.expect_err("its disk is away");
    assert!(matches!(error, Error::PathMissing { .. }), "{error}");
    assert!(!volumes.exists());
}

#[tokio::test]
async fn what_an_earlier_version_left_in_the_engines_volumes_is_seen_and_not_thrown_away() {
    let fixture = Fixture::new("outside");
    let (image, _cleanup) = image_with_volumes(&fixture, r#"["/seed"]"#);
    let spec =
        ContainerSpec { image: image.parse().expect("valid"), ..fixture.shell("a", "echo ran >>/seed/log") };
    let labels = [
        ("sh.hearth.box", fixture.prefix.clone()),
        ("sh.hearth.app", fixture.app.to_string()),
        ("sh.hearth.service", "web".to_owned()),
        ("sh.hearth.spec", Digest::of(b"as it was").to_string()),
        ("sh.hearth.package", Digest::of(b"package").to_string()),
        ("sh.hearth.restarts", "0".to_owned()),
    ];
    let labels = labels.iter().flat_map(|(name, value)| ["--label".to_owned(), format!("{name}={value}")]);
    let run = ["run".to_owned(), "--name".to_owned(), spec.name.clone()].into_iter().chain(labels);
    let rest = [image.clone(), "/bin/busybox".to_owned(), "sh".to_owned(), "-c".to_owned()];
    let run: Vec<String> = run.chain(rest).chain(["echo ran >>/seed/log".to_owned()]).collect();
    docker(run.iter().map(String::as_str));

    let seen = fixture.see(&spec).await.expect("there");
    let volume = &seen.outside_volumes["/seed"];
    assert_eq!(volumes_of(&spec), std::slice::from_ref(&volume.name));
    assert_eq!(fs::read_to_string(format!("{}/log", volume.path)).expect("there"), "ran\n");
    // A container that is made in its place, without a step that keeps the data first, must not take it along.
    fixture.create(&spec).await;
    let log = fs::read_to_string(format!("{}/log", volume.path)).expect("still there");
    assert_eq!(log, "ran\n");
    docker(["volume", "rm", &volume.name]);
}
