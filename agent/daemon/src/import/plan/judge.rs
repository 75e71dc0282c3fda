use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_adapters::Adapted;
use hearth_host::data::look::Measure;
use hearth_model::Bytes;
use hearth_model::api::import::ImportApp;
use hearth_model::container::Mount;
use hearth_model::package::{Access, AccessKind};
use hearth_model::{AppId, AppSpec};

use super::Found;
use crate::catalog::Entry;

/// Links that are named in a note; the others are counted.
const NAMED_LINKS: usize = 3;

/// Chooses the package: the store's where that is of the version that is installed there, else the one that the app's own
/// folder has, so that an import never is an update at the same time.
pub(super) fn version(found: &mut Found, offered: &Arc<Entry>, theirs: Adapted) -> Arc<Entry> {
    let (own, new) = (&theirs.package.manifest.version, &offered.package.manifest.version);
    found.about.version.clone_from(own);
    if own == new {
        return Arc::clone(offered);
    }
    found.about.notes.push(format!("it stays at {own}; its store offers {new} as an update"));
    Arc::new(Entry::new(theirs.package, offered.icon.clone()))
}

/// Leaves out an app that asks for more than was agreed to.
pub(super) fn consent(about: &mut ImportApp, agreed: &BTreeSet<Access>) {
    let missing = || about.access.iter().filter(|asked| !asked.access.is_agreed_to(agreed));
    let kinds: BTreeSet<AccessKind> = missing().map(|asked| asked.access.kind).collect();
    if !kinds.is_empty() {
        let means: Vec<&str> = missing().map(|asked| asked.means.as_str()).collect();
        about.blockers.push(format!("it needs your consent: {}", means.join("; ")));
        about.missing_consent = kinds;
    }
}

/// Returns what of an app's own folder its containers mount, relative to it.
pub(super) fn mounted(app: &AppId, spec: &AppSpec) -> BTreeSet<PathBuf> {
    let below = format!("apps/{app}/");
    let mounts = spec.services.values().flat_map(|service| &service.container.mounts);
    mounts
        .filter_map(|mount| match mount {
            Mount::Bind { source, .. } => source.split_once(&below).map(|(_, path)| PathBuf::from(path)),
            _ => None,
        })
        .collect()
}

/// Says what becomes of links that lead out of an app's folder: one that its data lies behind is in the way.
pub(super) fn links(about: &mut ImportApp, measure: &Measure, mounted: &BTreeSet<PathBuf>) {
    let (bad, harmless): (Vec<&Path>, Vec<&Path>) = measure
        .links_out
        .iter()
        .map(PathBuf::as_path)
        .partition(|link| mounted.iter().any(|mount| mount.starts_with(link)));
    about.blockers.extend(bad.iter().map(|link| {
        format!(
            "`{}` in its folder is a link that leads out of it, and its data would stay behind: put the data itself there",
            link.display()
        )
    }));
    if !harmless.is_empty() {
        let names: Vec<_> =
            harmless.iter().take(NAMED_LINKS).map(|link| format!("`{}`", link.display())).collect();
        let more = harmless.len().saturating_sub(NAMED_LINKS);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        about.notes.push(format!(
            "links that lead out of its folder are taken as links, without what they lead to: {}{more}",
            names.join(", ")
        ));
    }
}

/// Says what becomes of what is mounted in an app's folder: the owner decides whether it is copied.
pub(super) fn mounts(about: &mut ImportApp, measure: &Measure, is_copied: bool) {
    for mount in &measure.mounts {
        let size = mount.used_bytes();
        if is_copied {
            about.size_bytes = about.size_bytes.saturating_add(size.unwrap_or(0));
            about.notes.push(format!("what is mounted at {mount} is copied as well"));
            continue;
        }
        let size = size.map_or_else(String::new, |bytes| format!(", with {}", Bytes(bytes)));
        about.blockers.push(format!(
            "{mount} is mounted in its folder{size}: copy that as well with `--copy-mounts`, or unmount it and leave it behind"
        ));
    }
}

/// Returns apps in an order that has each after those that it talks to, else as they were.
pub(super) fn order(apps: &[String], talks_to: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut left = apps.to_vec();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let waits = |app: &String| {
            talks_to.get(app).is_some_and(|others| left.iter().any(|other| others.contains(other)))
        };
        // Apps that talk to each other in a ring go as they were.
        let next = left.iter().position(|app| !waits(app)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

/// Tells whether two addresses of stores are the same but for how they are written.
pub(super) fn same_store(one: &str, other: &str) -> bool {
    let plain = |address: &str| {
        let address = address.split('#').next().unwrap_or_default().trim_end_matches('/');
        address.strip_suffix(".git").unwrap_or(address).to_lowercase()
    };
    plain(one) == plain(other)
}

/// Returns what was agreed to of what an app may do.
pub(in crate::import) fn granted(spec: &AppSpec, agreed: &BTreeSet<Access>) -> BTreeSet<Access> {
    spec.access.iter().filter(|access| access.is_agreed_to(agreed)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use hearth_host::data::MountPoint;

    use super::*;

    #[test]
    fn addresses_of_a_store_are_the_same_however_they_are_written() {
        let address = "https://github.com/getumbrel/umbrel-apps";
        for other in
            ["https://github.com/getumbrel/umbrel-apps.git", "https://github.com/getumbrel/umbrel-apps/#x"]
        {
            assert!(same_store(address, other), "{other}");
        }
        assert!(!same_store(address, "https://github.com/getumbrel/umbrel"));
    }

    #[test]
    fn consent_to_less_is_no_consent_to_control_of_the_whole_box() {
        use hearth_model::api::apps::AccessRequest;
        use hearth_model::package::Reach;

        let asked = Access { reach: Reach::WholeBox, ..Access::new(AccessKind::HostPaths, "web", "/etc") };
        for (reach, is_enough) in [(Reach::Stated, false), (Reach::Reading, false), (Reach::WholeBox, true)] {
            let mut about = Found::new("node").about;
            about.access = vec![AccessRequest {
                access: asked.clone(),
                reason: None,
                means: hearth_compose::means(&asked),
                grave: asked.is_grave(),
            }];
            consent(&mut about, &BTreeSet::from([Access { reach, ..asked.clone() }]));
            assert_eq!(about.blockers.is_empty(), is_enough, "{reach:?}: {:?}", about.blockers);
        }
    }

    #[test]
    fn a_link_in_the_way_of_data_is_told_from_one_that_is_not() {
        let mut about = Found::new("node").about;
        let measure = Measure {
            links_out: ["data", "a", "b", "c", "d"].map(PathBuf::from).to_vec(),
            ..Measure::default()
        };
        links(&mut about, &measure, &BTreeSet::from([PathBuf::from("data/db")]));
        assert_eq!(about.blockers.len(), 1, "{:?}", about.blockers);
        assert!(about.blockers[0].starts_with("`data` in its folder"));
        assert!(about.notes[0].ends_with("`a`, `b`, `c` and 1 more"), "{:?}", about.notes);
    }

    #[test]
    fn what_is_mounted_in_a_folder_is_taken_only_when_asked_for() {
        let mount = MountPoint {
            path: "/mnt/umbrel/app-data/immich/photos".into(),
            source: "/dev/sdb1".into(),
            root: "/".into(),
            file_system: "ext4".into(),
        };
        let measure = Measure { mounts: vec![mount], ..Measure::default() };
        let mut about = Found::new("immich").about;
        mounts(&mut about, &measure, false);
        assert!(about.blockers[0].starts_with("/mnt/umbrel/app-data/immich/photos (ext4 of /dev/sdb1)"));
        assert!(about.blockers[0].contains("--copy-mounts"));
        let mut about = Found::new("immich").about;
        mounts(&mut about, &measure, true);
        assert!(about.blockers.is_empty() && about.notes.len() == 1, "{about:?}");
    }

    #[test]
    fn apps_come_after_those_that_they_talk_to() {
        let apps = ["a", "b", "c", "d"].map(str::to_owned);
        let talks = |pairs: &[(&str, &str)]| {
            let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (app, other) in pairs {
                all.entry((*app).to_owned()).or_default().insert((*other).to_owned());
            }
            all
        };
        assert_eq!(order(&apps, &talks(&[])), apps);
        assert_eq!(order(&apps, &talks(&[("a", "c"), ("c", "d"), ("b", "elsewhere")])), ["b", "d", "c", "a"]);
        assert_eq!(order(&apps, &talks(&[("a", "b"), ("b", "a")])), ["c", "d", "a", "b"]);
    }
}
