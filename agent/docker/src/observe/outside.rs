use std::collections::BTreeMap;

use hearth_model::container::is_one_off;
use hearth_model::observed::{ObservedContainer, OutsideVolume};

use crate::labels;
use crate::wire;

/// Length of the names that the engine makes up for volumes: 32 bytes in hexadecimal digits.
const MADE_UP_NAME: usize = 64;

/// Returns volumes that nobody named and that hold their data where the engine keeps it, with that folder of the host: a
/// list of containers names it only while they run.
pub(super) fn unnamed(volumes: &[wire::Volume], box_id: &str) -> BTreeMap<String, String> {
    let unnamed = volumes.iter().filter(|volume| {
        let made_up = volume.name.len() == MADE_UP_NAME
            && volume.name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let plain = volume.options.is_empty() && ["", "local"].contains(&volume.driver.as_str());
        made_up && plain && !labels::is_ours(&volume.labels, box_id)
    });
    unnamed.map(|volume| (volume.name.clone(), volume.mountpoint.clone())).collect()
}

/// Returns what a container keeps outside the app's folder. What a container of a script keeps goes with it, as it does
/// with Docker Compose.
pub(super) fn of_container(
    name: &str,
    mounts: &[wire::MountPoint],
    unnamed: &BTreeMap<String, String>,
) -> BTreeMap<String, OutsideVolume> {
    if is_one_off(name) {
        return BTreeMap::new();
    }
    let volumes = mounts.iter().filter(|mount| mount.kind == "volume");
    volumes
        .filter_map(|mount| {
            let path = unnamed.get(&mount.name)?.clone();
            Some((mount.destination.clone(), OutsideVolume { name: mount.name.clone(), path }))
        })
        .collect()
}

/// Leaves a volume that several containers mount to the one that was created first: the others took it over from there
/// (`volumes_from`) and have no volume of their own.
pub(super) fn leave_to_owners(
    containers: &mut BTreeMap<String, ObservedContainer>,
    created: &BTreeMap<String, i64>,
) {
    let age = |name: &String| created.get(name).copied().unwrap_or_default();
    let mut owners: BTreeMap<String, i64> = BTreeMap::new();
    for (name, container) in containers.iter() {
        for volume in container.outside_volumes.values() {
            let first = owners.entry(volume.name.clone()).or_insert_with(|| age(name));
            *first = age(name).min(*first);
        }
    }
    for (name, container) in containers.iter_mut() {
        container.outside_volumes.retain(|_, volume| owners.get(&volume.name) == Some(&age(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, json: &str) -> wire::Volume {
        let text = format!(r#"{{"Name":"{name}","Driver":"local"{json}}}"#);
        serde_json::from_str(&text).expect("valid")
    }

    #[test]
    fn only_volumes_without_a_name_or_a_folder_of_their_own_count() {
        let id = "0123456789abcdef".repeat(4);
        for (name, json, counts) in [
            (id.as_str(), "", true),
            (&id, r#","Labels":{"com.docker.volume.anonymous":""}"#, true),
            (&id, r#","Options":{"type":"none","o":"bind","device":"/x"}"#, false),
            (&id, r#","Labels":{"sh.hearth.box":"me"}"#, false),
            ("data", "", false),
            (&id.to_uppercase(), "", false),
        ] {
            assert_eq!(unnamed(&[volume(name, json)], "me").len(), usize::from(counts), "{name} {json}");
        }
    }
}
