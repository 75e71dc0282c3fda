use std::collections::BTreeMap;

use hearth_model::AppSpec;
use hearth_model::container::{Beneath, ContainerSpec, Mount, VolumesFrom};
use hearth_model::spec::{ServiceSpec, VolumeSpec};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const FOLDERS: Folders<'_> =
    Folders { app_dir: "/state/apps/demo", apps_dir: "/state/apps", has_scripts: false };

/// Returns an app with a service for each list of mounts: `source:target[:ro]`, a name without `/` being a volume.
fn app(services: &[&[&str]]) -> AppSpec {
    let mut spec: AppSpec = serde_json::from_value(json!({
        "app": "demo", "version": "1", "package_digest": format!("sha256:{}", "0".repeat(64)),
        "services": {}, "networks": {}, "volumes": {},
    }))
    .expect("a spec");
    for (number, mounts) in services.iter().enumerate() {
        let name = format!("s{number}");
        let mut container = ContainerSpec::new(format!("demo-{name}-1"), "busybox".parse().expect("valid"));
        container.mounts = mounts.iter().map(|mount| parse(mount, &mut spec.volumes)).collect();
        let service = ServiceSpec { container, depends_on: BTreeMap::new(), one_shot: false };
        spec.services.insert(name.parse().expect("valid"), service);
    }
    spec
}

fn parse(text: &str, volumes: &mut BTreeMap<String, VolumeSpec>) -> Mount {
    let (text, read_only) = text.strip_suffix(":ro").map_or((text, false), |text| (text, true));
    let (source, target) = text.split_once(':').expect("source and target");
    let target = target.to_owned();
    if source.starts_with(['/', '.']) {
        let source =
            source.strip_prefix('.').map_or(source.to_owned(), |rest| format!("/state/apps/demo{rest}"));
        return Mount::Bind {
            source,
            target,
            read_only,
            create_host_path: true,
            propagation: None,
            selinux: None,
            beneath: None,
        };
    }
    let folder = Some(format!("/state/apps/demo/volumes/{source}"));
    volumes.insert(format!("demo_{source}"), VolumeSpec { folder, ..VolumeSpec::default() });
    let source = format!("demo_{source}");
    Mount::Volume { source, target, read_only, nocopy: false, subpath: None, beneath: None }
}

/// Returns, for each target that has a path beneath a base, the base and the path.
fn marked(mut spec: AppSpec, folders: &Folders<'_>) -> Vec<String> {
    resolve_beneath(&mut spec, folders);
    let mounts = spec.services.values().flat_map(|service| &service.container.mounts);
    mounts
        .filter_map(|mount| {
            let Beneath { volume, subpath } = mount.beneath()?;
            let base = &spec.volumes[volume];
            assert!(base.is_base);
            Some(format!("{} = {} {subpath}", mount.target(), base.folder.as_ref()?))
        })
        .collect()
}

#[test]
fn a_source_below_a_folder_that_the_app_writes_to_is_resolved_beneath() {
    let check = |services: &[&[&str]], expected: &[&str]| {
        assert_eq!(marked(app(services), &FOLDERS), expected, "{services:?}");
    };
    check(&[&["./data:/data", "./data/x:/host"]], &["/host = /state/apps/demo data/x"]);
    check(&[&["./data:/data"], &["./data/x:/host:ro"]], &["/host = /state/apps/demo data/x"]);
    check(&[&["./:/a", "key:/host"]], &["/host = /state/apps/demo volumes/key"]);
    check(&[&["./volumes:/a", "key:/host"]], &["/host = /state/apps/demo volumes/key"]);
    check(&[&["key:/a", "./volumes/key/x:/host"]], &["/host = /state/apps/demo volumes/key/x"]);
    check(&[&["/srv:/srv", "/srv/a/b:/b", "/srv/a:/a"]], &["/b = /srv a/b", "/a = /srv a"]);
    check(&[&["/state/apps/other/data:/d:ro"]], &["/d = /state/apps/other data"]);
    // Nobody can replace these.
    check(&[&["./data:/data", "./data:/again", "./database:/db", "key:/k"]], &[]);
    check(&[&["./data:/data:ro", "./data/x:/x"]], &[]);
    check(&[&["/:/host", "./data:/data"], &["/srv:/srv", "/srv2/x:/x"]], &[]);
    check(&[&["/state/apps/other:/o"]], &[]);
}

#[test]
fn scripts_may_replace_everything_in_the_folder() {
    let folders = Folders { has_scripts: true, ..FOLDERS };
    let spec = app(&[&["./:/all", "./data:/data", "/srv:/srv"]]);
    assert_eq!(marked(spec, &folders), ["/data = /state/apps/demo data"]);
}

#[test]
fn mounts_that_are_taken_from_another_service_are_resolved_in_the_same_way() {
    let mut spec = app(&[&["./data:/data", "./data/x:/host"], &[], &[]]);
    for (service, (other, read_only)) in [("s1", ("s0", true)), ("s2", ("s1", false))] {
        let service = spec.services.get_mut(&service.parse().expect("valid")).expect("there");
        service
            .container
            .volumes_from
            .push(VolumesFrom { service: other.parse().expect("valid"), read_only });
    }
    resolve_beneath(&mut spec, &FOLDERS);
    for (service, expected) in [("s0", false), ("s1", true), ("s2", true)] {
        let mounts = &spec.services[&service.parse().expect("valid")].container.mounts;
        let copy = mounts.iter().find(|mount| mount.target() == "/host").expect("the mount");
        assert!(copy.beneath().is_some());
        assert_eq!(is_read_only(copy), expected, "{service}");
    }
}

#[test]
fn apps_without_such_a_source_stay_as_they_were() {
    let spec = app(&[&["./data:/data", "key:/k", "/srv/films:/films:ro"]]);
    let mut resolved = spec.clone();
    resolve_beneath(&mut resolved, &FOLDERS);
    assert_eq!(resolved, spec);
    let json = serde_json::to_string(&resolved).expect("plain data");
    assert!(!json.contains("beneath") && !json.contains("is_base"), "containers would be made anew: {json}");
}

proptest! {
    /// Whatever an app mounts, no source that is left to the engine has a writable folder strictly above it.
    #[test]
    fn no_source_that_can_be_replaced_is_left_to_the_engine(
        mounts in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(vec!["a", "b", "volumes"]), 0..4), any::<bool>(), any::<bool>()),
            1..6,
        ),
    ) {
        let texts: Vec<String> = mounts
            .iter()
            .enumerate()
            .map(|(number, (parts, read_only, own))| {
                let root = if *own { "." } else { "/srv" };
                let parts: String = parts.iter().map(|part| format!("/{part}")).collect();
                format!("{root}{parts}:/t{number}{}", if *read_only { ":ro" } else { "" })
            })
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut spec = app(&[&texts]);
        resolve_beneath(&mut spec, &FOLDERS);
        let mounts = &spec.services.values().next().expect("one").container.mounts;
        for mount in mounts.iter().filter(|mount| mount.beneath().is_none()) {
            let path = mount.host_path(&spec.volumes).expect("a bind");
            for other in mounts.iter().filter(|other| !is_read_only(other)) {
                let above = other.host_path(&spec.volumes).expect("a bind");
                prop_assert!(!path.starts_with(&format!("{above}/")), "{path} below {above}");
            }
        }
        for mount in mounts {
            let Some(Beneath { volume, subpath }) = mount.beneath() else { continue };
            let base = spec.volumes[volume].folder.as_ref().expect("a folder");
            prop_assert_eq!(Some(format!("{base}/{subpath}")), mount.host_path(&spec.volumes));
        }
    }
}
