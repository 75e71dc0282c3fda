use crate::id::{Digest, ServiceName};

/// The folder below an app's own that holds the folders of its volumes.
pub const VOLUMES_FOLDER: &str = "volumes";

/// Longest name that is spelled out; most file systems take 255 bytes.
const LONGEST_NAME: usize = 200;

/// Returns the name of the folder below [`VOLUMES_FOLDER`] that holds what a service keeps in an anonymous volume: one
/// that a Compose file gives a target only, or one that the image declares with
/// [`VOLUME`](https://docs.docker.com/reference/dockerfile/#volume).
///
/// It depends on the service and the target alone, so that the data is found again after a restart and by every version
/// of the package. No named volume has such a name: `@` is not allowed there.
pub fn anonymous_volume_folder(service: &ServiceName, target: &str) -> String {
    let parts = target.split('/').filter(|part| !part.is_empty() && *part != ".");
    let spelled = parts.map(escaped).collect::<Vec<_>>().join("-");
    let name = format!("{service}@{spelled}");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let digest = Digest::of(spelled.as_bytes());
    format!("{service}@{}", digest.as_str().trim_start_matches("sha256:"))
}

/// Leaves letters, digits, `.` and `_`, and writes every other byte as `%` and two digits: two targets never have the same
/// name, and no target leads to another folder.
fn escaped(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn folder(target: &str) -> String {
        anonymous_volume_folder(&"db".parse().expect("valid"), target)
    }

    #[test]
    fn a_folder_is_found_again_however_its_target_is_spelled() {
        for spelling in ["/var/lib/mysql", "/var/lib/mysql/", "//var/./lib/mysql"] {
            assert_eq!(folder(spelling), "db@var-lib-mysql");
        }
    }

    #[test]
    fn two_targets_never_share_a_folder_and_none_leads_elsewhere() {
        let targets = ["/a/b", "/a-b", "/a%2Db", "/a b", "/a,b", "/..", "/../x", "/é", "/", "/A/b"];
        let folders: BTreeSet<String> = targets.iter().map(|target| folder(target)).collect();
        assert_eq!(folders.len(), targets.len(), "{folders:?}");
        assert!(folders.iter().all(|name| !name.contains('/')), "{folders:?}");
        let long = folder(&format!("/{}", "x".repeat(4000)));
        assert!(long.len() < 255 && long.starts_with("db@"), "{long}");
    }
}
