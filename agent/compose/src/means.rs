use hearth_model::package::{Access, AccessKind, HOME_NETWORK, Reach};

/// What is said of everything that is as good as the administrator's password.
const WHOLE_BOX: &str = "which equals control of the whole box";

/// Detail of an access to the network in which apps have fixed addresses.
pub const FIXED_ADDRESSES: &str = "network hearth_shared";
/// Detail of an access of the app that is the box's Tor.
pub const IS_TOR: &str = "tor";
/// Detail of an access to the control port of the box's Tor.
pub const TOR_CONTROL: &str = "tor control";

/// Returns what an access means, in words for the owner: a sentence without a full stop.
pub fn means(access: &Access) -> String {
    let Access { kind, service, detail, reach } = access;
    let what = match reach {
        Reach::Stated => stated(*kind, detail),
        Reach::Reading => format!("reads `{detail}` on this box, outside of its own folder"),
        Reach::ReadingSecrets => {
            format!(
                "reads `{detail}` on this box, where passwords and keys of the box and of other apps can be"
            )
        }
        Reach::WholeBox => whole_box(*kind, detail),
    };
    format!("`{service}` {what}")
}

fn whole_box(kind: AccessKind, detail: &str) -> String {
    match kind {
        AccessKind::HostPaths => format!("gets `{detail}` of this box, {WHOLE_BOX}"),
        _ => format!("{}, {WHOLE_BOX}", stated(kind, detail)),
    }
}

fn stated(kind: AccessKind, detail: &str) -> String {
    match (kind, detail.split_once(' ')) {
        (AccessKind::Privileged, _) => "may do everything on this box, like its administrator".to_owned(),
        (AccessKind::DockerSocket, _) => {
            "may control every app and, through the container engine, the whole box".to_owned()
        }
        (AccessKind::HostNetwork, _) if detail == FIXED_ADDRESSES => {
            "joins the network of the apps that have fixed addresses: it and they reach each other at every port, also \
             pages behind Hearth's sign-in"
                .to_owned()
        }
        (AccessKind::HostNetwork, _) if detail == IS_TOR => {
            "is the Tor of this box: it has the keys to the onion addresses of all apps, and sees what goes through them"
                .to_owned()
        }
        (AccessKind::HostNetwork, _) if detail == TOR_CONTROL => {
            "controls the Tor of this box, with the onion addresses of all apps".to_owned()
        }
        (AccessKind::HostNetwork, Some(("network", name))) => {
            format!("joins the network `{name}`, and reaches the apps on it")
        }
        (AccessKind::HostNetwork, Some(("container", name))) => {
            format!("shares the network of the container `{name}`, which is not its own")
        }
        (AccessKind::HostNetwork, _) if detail.starts_with(HOME_NETWORK) => {
            "is on your home network with an address of its own: every device there reaches all of its ports, the firewall of this box does not see it, and it can pretend to be another device".to_owned()
        }
        (AccessKind::HostNetwork, _) => {
            "uses this box's network directly: it may open any port and see the traffic of the box".to_owned()
        }
        (AccessKind::HostNamespace, _) => namespace(detail),
        (AccessKind::HostPaths, Some(("volume", name))) => {
            format!("reads and may change the volume `{name}`, which is not its own")
        }
        (AccessKind::HostPaths, Some(("share", share))) => network_share(share),
        (AccessKind::HostPaths, _) => {
            format!("reads and may change `{detail}` on this box, outside of its own folder")
        }
        (AccessKind::Devices, Some(("rule", rule))) => {
            format!("may use devices of this box that match `{rule}`")
        }
        (AccessKind::Devices, Some(("runtime", name))) => format!("runs with the container runtime `{name}`"),
        (AccessKind::Devices, _) if detail == "/dev/dri" || detail.starts_with("/dev/dri/") => {
            format!("uses the graphics processor of this box, if it has one (`{detail}`)")
        }
        (AccessKind::Devices, _) if detail.starts_with('/') => format!("uses the device `{detail}`"),
        (AccessKind::Devices, _) => format!("uses devices of the kind `{detail}`"),
        (AccessKind::Capabilities, _) => capability(detail),
        (AccessKind::Unconfined, _) if detail.starts_with("no-new-privileges") => {
            "may start programs that give it more rights inside of its container".to_owned()
        }
        (AccessKind::Unconfined, _) => format!("runs without a protection that containers have (`{detail}`)"),
    }
}

/// `NFS server:/folder` or `CIFS //server/folder at ADDRESS`.
fn network_share(share: &str) -> String {
    let (protocol, what) = share.split_once(' ').unwrap_or(("", share));
    let (what, address) = what
        .split_once(" at ")
        .map_or((what, String::new()), |(what, address)| (what, format!(" at the address `{address}`")));
    format!(
        "reads and may change files on another computer, the network folder `{what}`{address}, to which this box connects for it ({protocol})"
    )
}

fn namespace(detail: &str) -> String {
    match detail {
        "pid" => "sees and may end every program on this box".to_owned(),
        "ipc" => "may read and change memory that programs on this box share".to_owned(),
        "uts" => "may change this box's name".to_owned(),
        "userns" => "runs as the same users as this box itself".to_owned(),
        "cgroup" => "sees the resource limits of every program on this box".to_owned(),
        other => match other.split_once(" of container ") {
            Some((_, container)) => {
                format!("shares programs or memory with the container `{container}`, which is not its own")
            }
            None => format!("runs under the limits of `{}`", other.trim_start_matches("cgroup ")),
        },
    }
}

fn capability(name: &str) -> String {
    let what = match name {
        "ALL" => "has every right that the kernel can give a container",
        "NET_ADMIN" => "may change its network settings, as VPN and DNS software does",
        "SYS_ADMIN" => "has most rights of an administrator on this box",
        "SYS_TIME" => "may set this box's clock",
        "SYS_MODULE" => "may load drivers into this box's kernel",
        "SYS_PTRACE" => "may look into other programs of its container",
        "SYS_NICE" => "may raise its own priority over other programs",
        "SYS_RAWIO" => "may talk to disks and hardware directly",
        "IPC_LOCK" => "may keep memory from being swapped out",
        _ => return format!("has the additional kernel right `{name}`"),
    };
    format!("{what} (`{name}`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_said_in_plain_words() {
        let check = |kind, detail: &str, expected: &str| {
            let text = means(&Access::new(kind, "web", detail));
            assert!(text.starts_with("`web` ") && text.contains(expected), "{text}");
        };
        check(AccessKind::Privileged, "", "everything");
        check(AccessKind::DockerSocket, "", "every app");
        check(AccessKind::HostNetwork, "", "any port");
        check(AccessKind::HostNetwork, "network proxy", "`proxy`");
        check(AccessKind::HostNetwork, FIXED_ADDRESSES, "at every port");
        check(AccessKind::HostNetwork, IS_TOR, "the keys");
        check(AccessKind::HostNetwork, TOR_CONTROL, "controls the Tor");
        check(AccessKind::HostNamespace, "pid", "every program");
        check(AccessKind::HostNamespace, "pid of container x", "`x`");
        check(AccessKind::HostPaths, "/srv/media", "`/srv/media`");
        check(AccessKind::HostPaths, "volume old", "volume `old`");
        check(AccessKind::HostPaths, "share NFS nas:/films", "network folder `nas:/films`, to which");
        check(AccessKind::HostPaths, "share CIFS //nas/films at 10.0.0.2", "the address `10.0.0.2`");
        check(AccessKind::Devices, "/dev/ttyUSB0", "`/dev/ttyUSB0`");
        check(AccessKind::Devices, "/dev/dri", "graphics processor");
        check(AccessKind::Devices, "/dev/dri/renderD128", "graphics processor");
        check(AccessKind::Devices, "/dev/drip", "the device `/dev/drip`");
        check(AccessKind::Devices, "rule c 13:* rmw", "`c 13:* rmw`");
        check(AccessKind::Capabilities, "NET_ADMIN", "network settings");
        check(AccessKind::Capabilities, "WAKE_ALARM", "`WAKE_ALARM`");
        check(AccessKind::Unconfined, "seccomp:unconfined", "`seccomp:unconfined`");
        check(AccessKind::HostNetwork, "home eth0", "home network with an address of its own");
    }

    #[test]
    fn how_far_it_reaches_is_said() {
        let text = |kind, detail: &str, reach| means(&Access { reach, ..Access::new(kind, "web", detail) });
        for (kind, detail) in [
            (AccessKind::HostPaths, "/etc"),
            (AccessKind::Devices, "/dev/sda"),
            (AccessKind::Devices, "rule b 8:* rwm"),
            (AccessKind::Capabilities, "SYS_ADMIN"),
        ] {
            let text = text(kind, detail, Reach::WholeBox);
            assert!(text.contains(detail.trim_start_matches("rule ")) && text.ends_with(WHOLE_BOX), "{text}");
        }
        let reads = text(AccessKind::HostPaths, "/srv", Reach::Reading);
        assert_eq!(reads, "`web` reads `/srv` on this box, outside of its own folder");
        assert!(text(AccessKind::HostPaths, "/etc", Reach::ReadingSecrets).contains("passwords"));
    }
}
