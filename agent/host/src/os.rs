//! Which operating system runs, and which releases of Hearth's own image the box can start.

use std::path::Path;

use hearth_model::os::{BootEntry, ReleaseVersion};

/// The operating system, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Os {
    /// What it calls itself, with its version.
    pub name: String,
    /// Which release of Hearth's own image it is. Read from the root that runs, never from what an updater remembers.
    pub image_version: Option<ReleaseVersion>,
    /// For which kind of box Hearth's own image was made: the name of a folder of `hardware/`.
    pub board: Option<String>,
    /// What the boot loader can start of Hearth's own image, newest first.
    pub entries: Vec<BootEntry>,
}

/// Where the boot loader finds what it can start, below the root
/// ([Boot Loader Specification](https://uapi-group.org/specifications/specs/boot_loader_specification/)).
pub const ENTRIES: &str = "boot/EFI/Linux";

/// Looks at the system below `root`, which is `/` on a device. What cannot be read is unknown; nothing fails.
pub fn observe(root: &Path) -> Os {
    // https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    let text = ["etc/os-release", "usr/lib/os-release"]
        .iter()
        .find_map(|file| std::fs::read_to_string(root.join(file)).ok())
        .unwrap_or_default();
    let value = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    let is_ours = value("IMAGE_ID").as_deref() == Some("hearth");
    let image_version = value("IMAGE_VERSION").filter(|_| is_ours).and_then(|version| version.parse().ok());
    let board = value("VARIANT_ID").filter(|_| is_ours);
    let entries = if is_ours { entries(&root.join(ENTRIES)) } else { Vec::new() };
    Os { name: value("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()), image_version, board, entries }
}

fn entries(folder: &Path) -> Vec<BootEntry> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut entries: Vec<BootEntry> =
        files.filter_map(|file| BootEntry::of_file(file.file_name().to_str()?)).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.version));
    entries
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root(os_release: &str, files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/lib")).unwrap();
        fs::write(root.path().join("usr/lib/os-release"), os_release).unwrap();
        let folder = root.path().join("boot/EFI/Linux");
        fs::create_dir_all(&folder).unwrap();
        for file in files {
            fs::write(folder.join(file), "").unwrap();
        }
        root
    }

    #[test]
    fn a_debian_is_told_from_our_own_image() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nIMAGE_VERSION=1.2.3\n";
        let seen = observe(root(text, &["hearth_1.2.3.efi"]).path());
        assert_eq!(seen.name, "Debian GNU/Linux 13 (trixie)");
        assert_eq!((seen.image_version, seen.entries.len()), (None, 0));
    }

    #[test]
    fn releases_on_the_boot_partition_are_read_with_their_counters() {
        let text =
            "PRETTY_NAME=\"Hearth 1.10.0\"\nIMAGE_ID=hearth\nIMAGE_VERSION=1.10.0\nVARIANT_ID=x86-64\n";
        let files = [
            "hearth_1.9.0.efi",
            "hearth_1.10.0+2-1.efi",
            "hearth_1.11.0+0-3.efi",
            "hearth_x.efi",
            "debian.efi",
        ];
        let seen = observe(root(text, &files).path());
        assert_eq!(seen.image_version, Some(ReleaseVersion::new(1, 10, 0)));
        assert_eq!(seen.board.as_deref(), Some("x86-64"));
        let read: Vec<_> =
            seen.entries.iter().map(|entry| (entry.version.to_string(), entry.tries_left)).collect();
        let expected = [("1.11.0", Some(0)), ("1.10.0", Some(2)), ("1.9.0", None)];
        assert_eq!(read, expected.map(|(version, left)| (version.to_owned(), left)));
    }

    #[test]
    fn a_system_that_says_nothing_is_some_linux() {
        let seen = observe(Path::new("/does/not/exist"));
        let some = Os { name: "Linux".to_owned(), image_version: None, board: None, entries: Vec::new() };
        assert_eq!(seen, some);
    }
}
