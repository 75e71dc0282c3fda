//! What `driver` and `driver_opts` of a volume may be.
//!
//! The engine's `local` driver hands `type`, `device` and `o` to
//! [mount(2)](https://man7.org/linux/man-pages/man2/mount.2.html) as root of the host, without a look at them: `type: proc`
//! or an `overlay` of `/etc` would give a container the host. So only what is listed here passes.

use std::collections::BTreeMap;

/// Options of folders of this box. Read-only or not is also said by the service that mounts the volume.
const BIND: [&str; 4] = ["bind", "rbind", "ro", "rw"];
/// Options of every other file system that take no value.
const COMMON: [&str; 7] = ["ro", "rw", "nodev", "nosuid", "noexec", "noatime", "nodiratime"];
/// Options of memory that take a value.
const MEMORY: [&str; 4] = ["size", "mode", "uid", "gid"];
/// Options of [NFS](https://man7.org/linux/man-pages/man5/nfs.5.html).
const NFS: [&str; 30] = [
    "addr",
    "nfsvers",
    "vers",
    "minorversion",
    "proto",
    "tcp",
    "udp",
    "port",
    "mountport",
    "mountproto",
    "mountvers",
    "timeo",
    "retrans",
    "rsize",
    "wsize",
    "acregmin",
    "acregmax",
    "acdirmin",
    "acdirmax",
    "actimeo",
    "noac",
    "lookupcache",
    "nconnect",
    "sec",
    "soft",
    "hard",
    "lock",
    "nolock",
    "resvport",
    "noresvport",
];
/// Options of [CIFS](https://man7.org/linux/man-pages/man8/mount.cifs.8.html) that the kernel itself knows.
const CIFS: [&str; 27] = [
    "addr",
    "ip",
    "port",
    "username",
    "user",
    "password",
    "domain",
    "guest",
    "uid",
    "gid",
    "forceuid",
    "forcegid",
    "file_mode",
    "dir_mode",
    "vers",
    "sec",
    "seal",
    "cache",
    "iocharset",
    "noperm",
    "nobrl",
    "mfsymlinks",
    "nounix",
    "serverino",
    "noserverino",
    "soft",
    "hard",
];

/// What a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// It has no options: a folder of the app holds it.
    Plain,
    /// A folder of this box.
    Bind {
        /// Its absolute path.
        device: &'a str,
    },
    /// Memory, which is empty after each start.
    Memory,
    /// A folder of another computer.
    Share {
        /// The protocol, the computer and the folder, as the owner reads it; never a password.
        share: String,
    },
}

/// Returns what a volume with this driver and these options is.
///
/// # Errors
/// Which word is not supported. Values of options are left out, for some are passwords.
pub(super) fn kind<'a>(driver: &str, options: &'a BTreeMap<String, String>) -> Result<Kind<'a>, String> {
    if !["", "local"].contains(&driver) {
        return Err(format!(
            "the volume driver `{driver}` is not supported; leave `driver` out for a volume in the app's folder"
        ));
    }
    if options.is_empty() {
        return Ok(Kind::Plain);
    }
    if let Some(unknown) = options.keys().find(|name| !["type", "o", "device"].contains(&name.as_str())) {
        return Err(format!("the option `{unknown}` of a volume is not supported; use type, o and device"));
    }
    let text = |name: &str| options.get(name).map(String::as_str).unwrap_or_default();
    let (device, words) = (text("device"), Words::of(text("o")));
    match text("type") {
        "" | "none" | "bind" => bind(device, &words),
        "tmpfs" => memory(device, &words),
        "nfs" | "nfs4" => nfs(device, &words),
        "cifs" => cifs(device, &words),
        other => Err(format!(
            "a volume of the type `{other}` is not supported: it would give the app a file system of this box's kernel; use none, tmpfs, nfs, nfs4 or cifs"
        )),
    }
}

/// The options in `o`, each with its value.
struct Words<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> Words<'a> {
    fn of(o: &'a str) -> Self {
        let words = o.split(',').filter(|word| !word.is_empty());
        Self(
            words
                .map(|word| word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value))))
                .collect(),
        )
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(word, _)| *word == name).and_then(|(_, value)| *value)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(word, _)| *word == name)
    }

    /// Refuses options that are not among those of this kind of volume.
    fn check(&self, allowed: &[&str], kind: &str) -> Result<(), String> {
        match self.0.iter().find(|(name, _)| !allowed.contains(name)) {
            None => Ok(()),
            // The word may be the rest of a password with a comma.
            Some(_) if self.has("password") => Err(format!(
                "an option in `o` of a volume with {kind} is not supported, or the password has a comma, which separates options; supported are {}",
                allowed.join(", ")
            )),
            Some((name, _)) => Err(format!(
                "the option `{name}` in `o` of a volume with {kind} is not supported; supported are {}",
                allowed.join(", ")
            )),
        }
    }
}

fn bind<'a>(device: &'a str, words: &Words<'_>) -> Result<Kind<'a>, String> {
    words.check(&BIND, "a folder")?;
    if let Some((name, Some(_))) = words.0.iter().find(|(_, value)| value.is_some()) {
        return Err(format!("the option `{name}` in `o` of a volume with a folder takes no value"));
    }
    if !words.has("bind") && !words.has("rbind") {
        return Err("a volume of the type `none` needs `bind` in `o`".to_owned());
    }
    if !device.starts_with('/') {
        return Err(format!(
            "`device: {device}` of this volume is not a path on the host; write `./…` or a whole path"
        ));
    }
    Ok(Kind::Bind { device })
}

fn memory<'a>(device: &str, words: &Words<'_>) -> Result<Kind<'a>, String> {
    words.check(&[&COMMON[..], &MEMORY].concat(), "memory")?;
    if !["", "tmpfs", "none"].contains(&device) {
        return Err(format!("`device: {device}` of a volume in memory must be `tmpfs`"));
    }
    Ok(Kind::Memory)
}

/// The engine itself looks the server's name up, in `addr`; the folder stands after a colon.
fn nfs<'a>(device: &str, words: &Words<'_>) -> Result<Kind<'a>, String> {
    words.check(&[&COMMON[..], &NFS].concat(), "an NFS share")?;
    let Some((named, folder)) = device.split_once(':').filter(|(_, folder)| folder.starts_with('/')) else {
        return Err(format!(
            "`device: {device}` of an NFS volume must be `:/folder`, with `addr=server` in `o`"
        ));
    };
    let server = server(words.value("addr").unwrap_or(named))?;
    Ok(Kind::Share { share: format!("NFS {server}:{folder}") })
}

fn cifs<'a>(device: &str, words: &Words<'_>) -> Result<Kind<'a>, String> {
    words.check(&[&COMMON[..], &CIFS].concat(), "a Windows share")?;
    let parts = device.strip_prefix("//").and_then(|rest| rest.split_once('/'));
    let Some((named, folder)) = parts.filter(|(_, folder)| !folder.is_empty()) else {
        return Err("`device` of a CIFS volume must be `//server/share`".to_owned());
    };
    // `//user:password@server/share` would put the password where the owner reads.
    let named = server(named)?;
    // The kernel connects to this address, whatever the device is called.
    let at = [words.value("addr"), words.value("ip")].into_iter().flatten();
    let mut share = format!("CIFS //{named}/{folder}");
    for address in at.filter(|address| *address != named) {
        share = format!("{share} at {}", server(address)?);
    }
    Ok(Kind::Share { share })
}

/// Returns a name or address of a server.
fn server(name: &str) -> Result<&str, String> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || ".-_:[]%".contains(sign);
    if !name.is_empty() && name.chars().all(fits) {
        Ok(name)
    } else {
        Err("this volume names no server; give its name or address, as `addr=server` in `o` for NFS or in `device: //server/share` for CIFS".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(kind: &str, o: &str, device: &str) -> BTreeMap<String, String> {
        [("type", kind), ("o", o), ("device", device)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn what_gives_the_host_away_is_refused() {
        for (kind_, o, device, word) in [
            ("proc", "", "proc", "`proc`"),
            ("overlay", "lowerdir=/etc:/var/lib/hearth", "overlay", "`overlay`"),
            ("sysfs", "", "x", "`sysfs`"),
            ("cgroup2", "", "x", "`cgroup2`"),
            ("debugfs", "", "x", "`debugfs`"),
            ("ext4", "", "/dev/sda1", "`ext4`"),
            ("none", "bind,lowerdir=/etc", "/srv", "`lowerdir`"),
            ("none", "bind,rshared", "/srv", "`rshared`"),
            ("none", "remount,bind", "/srv", "`remount`"),
            ("none", "bind", "etc", "not a path"),
            ("none", "", "/etc", "needs `bind`"),
            ("", "bind=yes", "/etc", "no value"),
            ("tmpfs", "bind", "/etc", "`bind`"),
            ("tmpfs", "size=1m", "/etc", "`device: /etc`"),
            ("nfs", "addr=10.0.0.2,context=x", ":/x", "`context`"),
            ("nfs", "rw", ":/x", "no server"),
            ("nfs", "addr=10.0.0.2", "/x", "`:/folder`"),
            ("cifs", "credentials=/etc/shadow", "//nas/music", "`credentials`"),
            ("cifs", "guest", "//anna:secret@nas/music", "no server"),
            ("cifs", "guest", "/etc", "`//server/share`"),
        ] {
            let error = kind("local", &options(kind_, o, device)).expect_err(o);
            assert!(error.contains(word), "{kind_} {o} {device}: {error}");
        }
        assert!(kind("vieux/sshfs", &BTreeMap::new()).is_err());
        assert!(kind("", &BTreeMap::from([("size".to_owned(), "1g".to_owned())])).is_err());
    }

    #[test]
    fn volumes_that_apps_use_are_known() {
        let check = |kind_: &str, o: &str, device: &str, expected: Kind<'_>| {
            assert_eq!(kind("", &options(kind_, o, device)), Ok(expected), "{kind_} {o} {device}");
        };
        check("", "", "", Kind::Plain);
        check("none", "bind", "/srv/films", Kind::Bind { device: "/srv/films" });
        check("bind", "rbind,ro", "/srv/films", Kind::Bind { device: "/srv/films" });
        check("tmpfs", "size=100m,uid=1000,noexec", "tmpfs", Kind::Memory);
        let share = |share: &str| Kind::Share { share: share.to_owned() };
        check("nfs", "addr=10.0.0.2,rw,nfsvers=4", ":/films", share("NFS 10.0.0.2:/films"));
        check("nfs4", "addr=nas.lan,soft", ":/films", share("NFS nas.lan:/films"));
        check("cifs", "username=a,password=b", "//nas/films", share("CIFS //nas/films"));
        check("cifs", "addr=10.0.0.2,guest", "//nas/films", share("CIFS //nas/films at 10.0.0.2"));
    }

    proptest! {
        /// Words are drawn from those that are allowed somewhere and those of mount(2) that are not.
        #[test]
        fn every_word_of_an_accepted_volume_is_in_the_list(
            kind_ in prop::sample::select(vec![
                "", "none", "bind", "tmpfs", "nfs", "nfs4", "cifs", "proc", "overlay", "sysfs", "tmpfs,bind", "fuse",
            ]),
            words in prop::collection::vec(prop::sample::select(vec![
                "bind", "rbind", "ro", "rw", "size=1m", "mode=0700", "addr=10.0.0.2", "vers=3", "password=s3cret",
                "username=anna", "nosuid", "suid", "dev", "exec", "lowerdir=/etc", "upperdir=/etc", "workdir=/w",
                "rshared", "shared", "remount", "move", "credentials=/etc/shadow", "context=x", "loop", "fd=3",
            ]), 0..4),
            device in prop::sample::select(vec![
                "", "/srv", "etc", "proc", "tmpfs", "overlay", ":/films", "//nas/films", "//a:s3cret@nas/films", "nas:/x",
            ]),
        ) {
            let options = options(kind_, &words.join(","), device);
            match kind("local", &options) {
                Err(error) => prop_assert!(!error.contains("s3cret") || device.contains("s3cret"), "{error}"),
                Ok(kind) => {
                    let allowed: Vec<&str> = match &kind {
                        Kind::Plain => Vec::new(),
                        Kind::Bind { device } => {
                            prop_assert!(device.starts_with('/'));
                            BIND.to_vec()
                        }
                        Kind::Memory => [&COMMON[..], &MEMORY].concat(),
                        Kind::Share { share } if share.starts_with("NFS ") => [&COMMON[..], &NFS].concat(),
                        Kind::Share { share } => {
                            prop_assert!(!share.contains("s3cret"));
                            [&COMMON[..], &CIFS].concat()
                        }
                    };
                    for word in &words {
                        let name = word.split('=').next().unwrap_or(word);
                        prop_assert!(allowed.contains(&name), "{name} in {kind:?}");
                    }
                }
            }
        }
    }
}
