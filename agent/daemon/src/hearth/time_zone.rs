use std::fs;
use std::path::{Path, PathBuf};

use hearth_compose::TimeZone;

/// Where systems keep the rules of time zones, below the root.
const ZONES: &str = "usr/share/zoneinfo";

/// Most links from `/etc/localtime` to the zone.
const MAX_LINKS: usize = 8;

/// Returns the time zone that apps are told: the owner's choice, else the one that the system below `root` has.
///
/// Read at every call, so that a change by `timedatectl` reaches apps at the next look.
pub(super) fn of_box(root: &Path, chosen: Option<&str>) -> TimeZone {
    let name = chosen
        .filter(|name| is_name(name))
        .map(str::to_owned)
        .or_else(|| of_link(root))
        .or_else(|| of_text(root))
        .unwrap_or_else(|| "Etc/UTC".to_owned());
    match fs::read(root.join(ZONES).join(&name)) {
        Ok(rules) if rules.starts_with(b"TZif") => TimeZone { localtime: rules.into(), name },
        // A system without these files, or a zone that it does not know.
        Ok(_) | Err(_) => TimeZone::without_rules(name),
    }
}

/// Tells whether a text has the form of a zone's name, such as `America/Argentina/Buenos_Aires`.
pub(super) fn is_name(text: &str) -> bool {
    text.split('/').all(|part| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    })
}

/// Follows `/etc/localtime`, which systemd and `timedatectl` keep as a link
/// ([localtime(5)](https://man7.org/linux/man-pages/man5/localtime.5.html)), to the first path that names a zone. Hearth's own
/// image has a link to its data partition there, and the zone behind it.
fn of_link(root: &Path) -> Option<String> {
    let mut path = PathBuf::from("/etc/localtime");
    for _ in 0..MAX_LINKS {
        let aim = fs::read_link(root.join(path.strip_prefix("/").unwrap_or(&path))).ok()?;
        if let Some((_, zone)) = aim.to_str()?.rsplit_once("/zoneinfo/") {
            let zone = zone.strip_prefix("posix/").unwrap_or(zone);
            return is_name(zone).then(|| zone.to_owned());
        }
        path = path.parent()?.join(aim);
    }
    None
}

/// Reads `/etc/timezone`, as older systems of Debian keep it.
fn of_text(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("etc/timezone")).ok()?;
    Some(text.trim().to_owned()).filter(|text| is_name(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(root: &Path) -> String {
        of_box(root, None).name
    }

    #[test]
    fn the_zone_is_found_where_each_kind_of_system_has_it() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let etc = root.path().join("etc");
        fs::create_dir_all(&etc).expect("made");
        assert_eq!(name(root.path()), "Etc/UTC");
        // A file where Docker once made a folder is no zone.
        fs::create_dir(etc.join("timezone")).expect("made");
        assert_eq!(name(root.path()), "Etc/UTC");
        fs::remove_dir(etc.join("timezone")).expect("removed");
        fs::write(etc.join("timezone"), "Asia/Tokyo\n").expect("written");
        assert_eq!(name(root.path()), "Asia/Tokyo");
        for aim in ["/usr/share/zoneinfo/Europe/Berlin", "../usr/share/zoneinfo/Europe/Berlin"] {
            symlink(aim, etc.join("localtime")).expect("linked");
            assert_eq!(name(root.path()), "Europe/Berlin", "`timedatectl` changes the link, not the text");
            fs::remove_file(etc.join("localtime")).expect("removed");
        }
        // Hearth's image: the root is read-only, and the zone is chosen on the data partition.
        let state = root.path().join("var/lib/hearth-system");
        fs::create_dir_all(&state).expect("made");
        symlink("/var/lib/hearth-system/localtime", etc.join("localtime")).expect("linked");
        symlink("/usr/share/zoneinfo/America/Lima", state.join("localtime")).expect("linked");
        assert_eq!(name(root.path()), "America/Lima");
        assert_eq!(of_box(root.path(), Some("Europe/Vienna")).name, "Europe/Vienna");
        assert_eq!(of_box(root.path(), Some("../../etc/shadow")).name, "America/Lima");
    }

    #[test]
    fn the_rules_are_those_of_the_system_and_utc_without_any() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let utc = TimeZone::utc().localtime;
        assert_eq!(of_box(root.path(), Some("Europe/Vienna")).localtime, utc);
        let zones = root.path().join(ZONES);
        fs::create_dir_all(zones.join("Europe")).expect("made");
        fs::write(zones.join("Europe/Vienna"), b"TZif2 and so on").expect("written");
        assert_eq!(&*of_box(root.path(), Some("Europe/Vienna")).localtime, b"TZif2 and so on");
    }

    #[test]
    fn a_link_in_a_circle_ends() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("etc")).expect("made");
        symlink("localtime", root.path().join("etc/localtime")).expect("linked");
        assert_eq!(name(root.path()), "Etc/UTC");
    }
}
