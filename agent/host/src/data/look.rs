use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, OFlags};

use crate::data::beneath::Root;
use crate::data::copy;
use crate::data::error::Error;
use crate::data::mounts::{self, MountPoint};

/// What there is in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measure {
    /// Room that it takes up, in bytes, without what is mounted in it; files with several names count once.
    pub size_bytes: u64,
    /// Links that lead out of the folder, relative to it.
    pub links_out: Vec<PathBuf>,
    /// What is mounted in it.
    pub mounts: Vec<MountPoint>,
}

/// Measures a folder; no link is followed, and no mount is crossed.
///
/// # Errors
/// When something in it cannot be read.
pub fn measure(dir: &Path) -> Result<Measure, Error> {
    let mut found = Measure::default();
    let root = copy::open_folder(rustix::fs::CWD, dir.as_os_str().as_encoded_bytes(), dir)?;
    found.mounts = mounts::below(dir)?.into_iter().filter(|mount| mount.path != dir).collect();
    walk(&root, dir, Path::new(""), &mut found, &mut HashSet::new())?;
    Ok(found)
}

fn walk(
    dir: &OwnedFd,
    path: &Path,
    relative: &Path,
    found: &mut Measure,
    seen: &mut HashSet<(u64, u64)>,
) -> Result<(), Error> {
    copy::check_depth(relative.components().count(), path)?;
    for name in copy::names(dir, path)? {
        let own = OsStr::from_bytes(name.to_bytes());
        let (below, relative) = (path.join(own), relative.join(own));
        let stat = rustix::fs::statat(dir, &*name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::call("look at", &below))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            let Some(inner) = copy::open_below(dir, &name, OFlags::DIRECTORY, &below)? else { continue };
            found.size_bytes = found.size_bytes.saturating_add(copy::taken_bytes(&stat));
            walk(&inner, &below, &relative, found, seen)?;
            continue;
        }
        if stat.st_nlink < 2 || seen.insert((stat.st_dev, stat.st_ino)) {
            found.size_bytes = found.size_bytes.saturating_add(copy::taken_bytes(&stat));
        }
        if kind == FileType::Symlink {
            let aim = rustix::fs::readlinkat(dir, &*name, Vec::new()).map_err(Error::call("read", &below))?;
            if leads_out(&relative, Path::new(OsStr::from_bytes(aim.to_bytes()))) {
                found.links_out.push(relative);
            }
        }
    }
    Ok(())
}

/// Tells whether a link at a path of a folder leads out of it, by what it says.
fn leads_out(link: &Path, aim: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for part in aim.components() {
        match part {
            Component::RootDir | Component::Prefix(_) => return true,
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
        }
    }
    false
}

/// Reads a text below a folder, links followed as long as they stay there; `None` when there is no such file.
///
/// # Errors
/// When it is larger than `max_bytes`, not UTF-8, cannot be read, or lies outside.
pub fn text_below(dir: &Path, relative: &Path, max_bytes: u64) -> Result<Option<String>, Error> {
    let root = Root::open(dir)?;
    let path = dir.join(relative);
    let Some(fd) = root.file(root.relative(&path)?)? else { return Ok(None) };
    let mut text = String::new();
    File::from(fd).take(max_bytes + 1).read_to_string(&mut text).map_err(Error::at("read", &path))?;
    if text.len() as u64 > max_bytes {
        let large = std::io::Error::other(format!("it is larger than {max_bytes} bytes"));
        return Err(Error::at("read", &path)(large));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_out_are_told_by_what_they_say() {
        for (link, aim, out) in [
            ("data", "/mnt/disk", true),
            ("data", "../other", true),
            ("data/now", "../before", false),
            ("data/now", "../../before", true),
            ("data/now", "a/../../x", false),
            ("now", "./x", false),
        ] {
            assert_eq!(leads_out(Path::new(link), Path::new(aim)), out, "{link} -> {aim}");
        }
    }
}
