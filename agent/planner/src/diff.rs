use std::collections::BTreeMap;

use hearth_model::desired::{DesiredApp, DesiredStore, Run, Settings};
use hearth_model::package::{Access, AccessKind, Reach};
use hearth_model::{AppId, Desired, StoreId};

/// Compares two desired states and says in sentences what going from one to the other means; empty when nothing.
/// Settings are named and their values are not, for some are secrets.
pub fn changes(from: &Desired, to: &Desired) -> Vec<String> {
    let Desired { hearth: _, apps, stores, settings, deleted_data, stored: _ } = from;
    let mut sentences = Vec::new();
    for (app, entry) in &to.apps {
        match apps.get(app) {
            None => {
                sentences.push(format!("Install {app} {} from {}.", entry.version, entry.store));
                sentences.extend(renamed_from(from, to, entry).map(|old| {
                    format!(
                        "{app} begins with an empty folder: the data of {old}, which is the same package, stays behind as {old}'s."
                    )
                }));
            }
            Some(before) => change_app(&mut sentences, app, before, entry),
        }
    }
    for app in apps.keys().filter(|app| !to.apps.contains_key(*app)) {
        let data = if to.deleted_data.contains(app) { "delete its data for good" } else { "keep its data" };
        sentences.push(format!("Remove {app} and {data}."));
    }
    let gone = to.deleted_data.difference(deleted_data).filter(|app| !apps.contains_key(*app));
    sentences.extend(gone.map(|app| format!("Delete the kept data of {app} for good.")));
    change_stores(&mut sentences, stores, &to.stores);
    change_settings(&mut sentences, settings, &to.settings);
    sentences
}

/// Returns the app of the same package that goes while this one comes: what the owner may think of as renamed.
fn renamed_from<'a>(from: &'a Desired, to: &Desired, entry: &DesiredApp) -> Option<&'a AppId> {
    let same = |old: &DesiredApp| (&old.store, &old.package) == (&entry.store, &entry.package);
    let gone =
        from.apps.iter().filter(|(app, _)| !to.apps.contains_key(*app) && !to.deleted_data.contains(*app));
    gone.filter(|(_, old)| same(old)).map(|(app, _)| app).next()
}

fn change_app(sentences: &mut Vec<String>, app: &AppId, from: &DesiredApp, to: &DesiredApp) {
    let DesiredApp { store, package, version, digest, run, settings, ports, granted, uses, restarts } = to;
    if (&from.store, &from.package) != (store, package) {
        sentences
            .push(format!("Take {app} from {store}/{package} instead of {}/{}.", from.store, from.package));
    }
    if from.digest != *digest {
        sentences.push(if from.version == *version {
            format!("Update {app} to another package of version {version}.")
        } else {
            format!("Update {app} from {} to {version}.", from.version)
        });
    }
    match (from.run, *run) {
        (Run::Running, Run::Stopped) => sentences.push(format!("Stop {app}.")),
        (Run::Stopped, Run::Running) => sentences.push(format!("Start {app}.")),
        (Run::Running, Run::Running) | (Run::Stopped, Run::Stopped) => {}
    }
    let names: Vec<&str> = changed_keys(&from.settings, settings).into_iter().map(String::as_str).collect();
    if !names.is_empty() {
        sentences.push(format!("Change settings of {app}: {}.", names.join(", ")));
    }
    for port in changed_keys(&from.ports, ports) {
        sentences.push(match ports.get(port) {
            Some(to) => format!("Publish port {port} of {app} as {to}."),
            None => format!("Publish port {port} of {app} where its package does."),
        });
    }
    for package in changed_keys(&from.uses, uses) {
        sentences.push(match uses.get(package) {
            Some(other) => format!("Let {app} use {other} for {package}."),
            None => format!("Let {app} use {package} itself."),
        });
    }
    for access in granted.difference(&from.granted) {
        sentences.push(format!("Allow {app} {}.", thing(access)));
    }
    for access in from.granted.difference(granted) {
        sentences.push(format!("No longer allow {app} {}.", thing(access)));
    }
    if from.restarts != *restarts {
        sentences.push(format!("Restart {app}."));
    }
}

fn thing(access: &Access) -> String {
    let kind = match access.kind {
        AccessKind::Privileged => "all rights on this box",
        AccessKind::DockerSocket => "control over all containers",
        AccessKind::HostNetwork => "the box's own network",
        AccessKind::HostNamespace => "to see the box's own processes or names",
        AccessKind::HostPaths => "a folder outside its own",
        AccessKind::Devices => "a device",
        AccessKind::Capabilities => "a further capability",
        AccessKind::Unconfined => "to run without confinement",
    };
    let what = if access.detail.is_empty() { kind.to_owned() } else { format!("{kind}: {}", access.detail) };
    match access.reach {
        Reach::Stated => what,
        Reach::Reading | Reach::ReadingSecrets => format!("{what}, for reading"),
        Reach::WholeBox => format!("{what}, which equals control of the whole box"),
    }
}

fn change_stores(
    sentences: &mut Vec<String>,
    from: &BTreeMap<StoreId, DesiredStore>,
    to: &BTreeMap<StoreId, DesiredStore>,
) {
    for id in changed_keys(from, to) {
        sentences.push(match (from.get(id), to.get(id)) {
            (None, Some(store)) => format!("Add the store {} ({}).", store.name, store.location),
            (Some(store), None) => format!("Remove the store {}.", store.name),
            (Some(before), Some(store)) if before.location != store.location => {
                format!(
                    "Read the store {} from {} instead of {}.",
                    store.name, store.location, before.location
                )
            }
            (Some(before), Some(store)) => format!("Call the store {} {}.", before.name, store.name),
            (None, None) => continue,
        });
    }
}

fn change_settings(sentences: &mut Vec<String>, from: &Settings, to: &Settings) {
    let Settings { box_name, time_zone, names } = to;
    if from.box_name != *box_name {
        sentences.push(match box_name {
            Some(name) => format!("Call this box {name}."),
            None => "Give this box no name of its own.".to_owned(),
        });
    }
    if from.time_zone != *time_zone {
        sentences.push(match time_zone {
            Some(zone) => format!("Give apps the time zone {zone}."),
            None => "Give apps the host's time zone.".to_owned(),
        });
    }
    sentences.extend(names.difference(&from.names).map(|name| format!("Answer to the name {name}.")));
    sentences.extend(from.names.difference(names).map(|name| format!("Answer no more to the name {name}.")));
}

fn changed_keys<'a, K: Ord, V: PartialEq>(from: &'a BTreeMap<K, V>, to: &'a BTreeMap<K, V>) -> Vec<&'a K> {
    let mut keys: Vec<&K> = from.keys().chain(to.keys()).filter(|key| from.get(key) != to.get(key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
