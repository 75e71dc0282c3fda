use std::fs;

use hearth_docker::Error;
use hearth_model::container::{ContainerSpec, Mount};
use hearth_model::observed::ContainerState;
use hearth_model::plan::Step;
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
    let create = Step::CreateVolume { app: fixture.app.clone(), name: name.clone(), volume: spec.clone() };
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

    let remove = Step::RemoveVolume { name: name.clone() };
    let error = fixture.try_do(&remove).await.expect_err("in use");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    fixture.do_it(&Step::RemoveContainer { name: container.name.clone() }).await;
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
        fixture.do_it(&Step::CreateVolume { app: fixture.app.clone(), name: name.clone(), volume }).await;
        assert_eq!(docker(["volume", "inspect", "-f", "{{.Options.device}}", &name]), folder);
    }
}

#[tokio::test]
async fn a_volume_of_others_is_never_touched() {
    let fixture = Fixture::new("theirs");
    let name = fixture.name("data");
    docker(["volume", "create", &name]);
    let _cleanup = Cleanup(vec!["volume".to_owned(), "rm".to_owned(), name.clone()]);
    let create = |external| Step::CreateVolume {
        app: fixture.app.clone(),
        name: name.clone(),
        volume: VolumeSpec { external, ..VolumeSpec::default() },
    };
    assert!(matches!(fixture.try_do(&create(false)).await, Err(Error::NameTaken { .. })));
    assert!(matches!(
        fixture.try_do(&Step::RemoveVolume { name: name.clone() }).await,
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
    assert!(matches!(fixture.try_do(&Step::RemoveVolume { name }).await, Err(Error::InvalidName { .. })));
    assert!(fixture.see(&spec).await.is_some());
}
