use hearth_model::package::Reach;

use crate::path;

/// Sockets by which programs command this box. Whoever reaches one does so by a read-only mount as well, and with a mount
/// of any folder that it lies in.
const COMMANDS: [&str; 10] = [
    "/run/containerd",
    "/run/crio",
    "/run/dbus",
    "/run/docker",
    "/run/docker.sock",
    "/run/libvirt",
    "/run/lxd",
    "/run/podman",
    "/run/snapd.socket",
    "/run/systemd/private",
];

/// Folders with programs and settings that this box runs as root, and with the data of its engine: whoever changes
/// anything in them, or in a folder around them, can take control.
const RUN_AS_ROOT: [&str; 10] = [
    "/boot",
    "/etc",
    "/proc",
    "/root",
    "/sys/fs",
    "/sys/kernel",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/spool/cron",
];

/// Parts of those that no program of root takes orders from.
const HARMLESS: [&str; 9] = [
    "/etc/hostname",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/os-release",
    "/etc/resolv.conf",
    "/etc/timezone",
    "/usr/share",
    "/usr/src",
];

/// Folders that hold everything of a kind. What lies in them is judged by itself.
const AS_A_WHOLE: [&str; 5] = ["/dev", "/home", "/run", "/sys", "/var/lib"];

/// Folders and files with passwords or keys, of this box or of what runs on it.
const SECRETS: [&str; 8] = [
    "/etc/gshadow",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/ssl/private",
    "/proc",
    "/root",
    "/var/lib/containerd",
    "/var/lib/docker",
];

/// Other names of the same places.
const ALIASES: [(&str, &str); 5] = [
    ("/var/run", "/run"),
    ("/bin", "/usr/bin"),
    ("/lib", "/usr/lib"),
    ("/lib64", "/usr/lib64"),
    ("/sbin", "/usr/sbin"),
];

/// Returns how far a mount of this path reaches. `state` is Hearth's own folder, if it is known; it holds the keys of
/// everything.
pub(super) fn reach_of_path(path: &str, read_only: bool, state: Option<&str>) -> Reach {
    let path = same_place(path);
    let within = |places: &[&str]| places.iter().any(|place| path::below(&path, place).is_some());
    let around = |places: &[&str]| places.iter().any(|place| path::below(place, &path).is_some());
    let holds_state =
        state.is_some_and(|state| path::below(state, &path).is_some() || path == format!("{state}/apps"));
    if within(&COMMANDS) || around(&COMMANDS) {
        return Reach::WholeBox;
    }
    if read_only {
        let is_secret = within(&SECRETS) || around(&SECRETS) || around(&["/home", "/dev"]) || holds_state;
        return if is_secret { Reach::ReadingSecrets } else { Reach::Reading };
    }
    let takes_orders = (within(&RUN_AS_ROOT) && !within(&HARMLESS)) || around(&RUN_AS_ROOT);
    if takes_orders || around(&AS_A_WHOLE) || holds_state { Reach::WholeBox } else { Reach::Stated }
}

/// Tells whether a path is Hearth's own, which no container may have: its socket, where root of any container is the
/// owner, its database, its keys. `state` is its folder; apps' folders and shared files in it are judged as others are.
pub(super) fn is_hearths_own(path: &str, state: Option<&str>) -> bool {
    let path = same_place(path);
    if path::below(&path, "/run/hearth").is_some() {
        return true;
    }
    let inside = state.and_then(|state| path::below(&path, state));
    inside.is_some_and(|inside| {
        let first = inside.split('/').next().unwrap_or(inside);
        !["", "apps", "library"].contains(&first)
    })
}

/// Returns Hearth's own folder by that of an app, `STATE/apps/APP`.
pub(super) fn state_of(app_dir: &str) -> Option<String> {
    let apps = path::parent(app_dir);
    let state = path::parent(&apps);
    (apps.ends_with("/apps") && state != "/").then_some(state)
}

/// Returns how far a device reaches. Disks and partitions hold every file of this box, below all protection.
pub(super) fn reach_of_device(device: &str, may_write: bool) -> Reach {
    let device = same_place(device);
    let Some(name) = device.strip_prefix("/dev").map(|name| name.trim_start_matches('/')) else {
        return Reach::Stated;
    };
    let is_memory = ["", "mem", "kmem", "port"].contains(&name);
    let is_disk = ["sd", "vd", "xvd"].iter().any(|kind| name.strip_prefix(kind).is_some_and(is_disk_letter))
        || ["nvme", "mmcblk", "md", "dm-"].iter().any(|kind| name.strip_prefix(kind).is_some_and(is_number))
        || ["block", "disk", "mapper"].iter().any(|folder| path::below(name, folder).is_some());
    match (is_memory || (is_disk && name != "mapper/control"), may_write) {
        (true, true) => Reach::WholeBox,
        (true, false) => Reach::ReadingSecrets,
        (false, _) => Reach::Stated,
    }
}

/// Tells whether this is what stands behind `sd`: letters, and the number of a partition.
fn is_disk_letter(rest: &str) -> bool {
    let letters = rest.trim_end_matches(|sign: char| sign.is_ascii_digit());
    (1..=3).contains(&letters.len()) && letters.bytes().all(|letter| letter.is_ascii_lowercase())
}

fn is_number(rest: &str) -> bool {
    rest.starts_with(|sign: char| sign.is_ascii_digit())
}

/// Returns how far a rule of the device cgroup reaches: of all devices, of block devices, and of memory
/// ([kernel, device whitelist](https://docs.kernel.org/admin-guide/cgroup-v1/devices.html)).
pub(super) fn reach_of_rule(rule: &str) -> Reach {
    let words: Vec<&str> = rule.split_whitespace().collect();
    match words.as_slice() {
        ["a" | "b", ..] => Reach::WholeBox,
        ["c", numbers, ..] if numbers.starts_with("*:") || numbers.starts_with("1:") => Reach::WholeBox,
        _ => Reach::Stated,
    }
}

/// Returns how far a capability reaches, written without `CAP_`
/// ([capabilities(7)](https://man7.org/linux/man-pages/man7/capabilities.7.html)).
pub(super) fn reach_of_capability(capability: &str, has_host_processes: bool) -> Reach {
    match capability {
        "ALL" | "SYS_ADMIN" | "SYS_MODULE" | "SYS_RAWIO" | "DAC_READ_SEARCH" => Reach::WholeBox,
        "SYS_PTRACE" if has_host_processes => Reach::WholeBox,
        _ => Reach::Stated,
    }
}

fn same_place(path: &str) -> String {
    let path = path::clean(path);
    for (alias, real) in ALIASES {
        match path::below(&path, alias) {
            Some("") => return real.to_owned(),
            Some(rest) => return format!("{real}/{rest}"),
            None => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: Option<&str> = Some("/var/lib/hearth");

    #[test]
    fn paths_that_equal_the_whole_box_are_known_in_any_spelling() {
        for path in [
            "/",
            "/etc",
            "/root",
            "/home",
            "/boot",
            "/proc",
            "/sys",
            "/dev",
            "/run",
            "/var",
            "/var/lib",
            "/var/lib/docker",
            "/var/lib/docker/volumes/x/_data",
            "/var/lib/containerd",
            "/var/lib/hearth",
            "/var/lib/hearth/apps",
            "/run/containerd/containerd.sock",
            "/run/systemd",
            "/run/dbus",
            "/var/run/dbus/system_bus_socket",
            "//var/./run",
            "/var/run/",
            "/etc/../etc/passwd",
            "/etc/cron.d",
            "/lib/modules",
            "/bin",
            "/usr/local/bin",
            "/proc/sys/kernel",
            "/root/.ssh",
            "/run/podman/podman.sock",
        ] {
            assert_eq!(reach_of_path(path, false, STATE), Reach::WholeBox, "{path}");
        }
        for path in ["/", "/run", "/run/dbus", "/var/run", "/run/systemd"] {
            assert_eq!(reach_of_path(path, true, STATE), Reach::WholeBox, "{path}: a socket works read-only");
        }
        for path in ["/etc", "/proc", "/home", "/root", "/var/lib", "/var/lib/hearth/apps", "/etc/shadow"] {
            assert_eq!(reach_of_path(path, true, STATE), Reach::ReadingSecrets, "{path}");
        }
        assert_eq!(
            reach_of_path("/srv", false, Some("/srv/hearth")),
            Reach::WholeBox,
            "its own folder is in it"
        );
    }

    #[test]
    fn other_paths_are_what_they_seem() {
        for path in [
            "/srv/media",
            "/mnt",
            "/media/disk",
            "/home/ada/photos",
            "/etc/resolv.conf",
            "/etc/localtime",
            "/opt/x",
            "/var/lib/hearth/apps/other",
            "/var/lib/hearth/library",
            "/run/udev",
            "/var/log",
            "/etcetera",
            "/var/lib/zerotier-one",
            "/usr/share/zoneinfo",
        ] {
            assert_eq!(reach_of_path(path, false, STATE), Reach::Stated, "{path}");
        }
        for path in
            ["/srv/media", "/sys", "/home/ada", "/lib/modules", "/etc/os-release", "/etc/passwd", "/run/udev"]
        {
            assert_eq!(reach_of_path(path, true, STATE), Reach::Reading, "{path}");
        }
    }

    #[test]
    fn what_is_hearths_own_is_for_nobody() {
        for path in [
            "/run/hearth",
            "/var/run/hearth/hearth.sock",
            "/var/lib/hearth/hearth.db",
            "/var/lib/hearth/./stores",
        ] {
            assert!(is_hearths_own(path, STATE), "{path}");
        }
        for path in ["/var/lib/hearth/apps/other", "/var/lib/hearth/library/films", "/run", "/var/lib/hearth"]
        {
            assert!(!is_hearths_own(path, STATE), "{path}");
        }
        assert_eq!(state_of("/var/lib/hearth/apps/blog").as_deref(), STATE);
        assert_eq!(state_of("/apps/demo"), None);
    }

    #[test]
    fn disks_and_memory_are_told_from_other_devices() {
        for device in [
            "/dev/sda",
            "/dev/sdb1",
            "/dev/nvme0n1",
            "/dev/nvme0n1p2",
            "/dev/mem",
            "/dev/mmcblk0",
            "/dev/dm-0",
            "/dev/mapper/root",
            "/dev/disk/by-id/x",
            "/dev",
            "/dev/vda",
            "/dev//port",
        ] {
            assert_eq!(reach_of_device(device, true), Reach::WholeBox, "{device}");
            assert_eq!(reach_of_device(device, false), Reach::ReadingSecrets, "{device}");
        }
        for device in [
            "/dev/ttyUSB0",
            "/dev/dri",
            "/dev/net/tun",
            "/dev/snd",
            "/dev/kvm",
            "/dev/mapper/control",
            "/srv/sda",
        ] {
            assert_eq!(reach_of_device(device, true), Reach::Stated, "{device}");
        }
        for (rule, expected) in [
            ("a *:* rwm", Reach::WholeBox),
            ("b 8:* r", Reach::WholeBox),
            ("c *:* rwm", Reach::WholeBox),
            ("c 1:1 r", Reach::WholeBox),
            ("c 13:* rmw", Reach::Stated),
            ("c 188:* rmw", Reach::Stated),
        ] {
            assert_eq!(reach_of_rule(rule), expected, "{rule}");
        }
    }
}
