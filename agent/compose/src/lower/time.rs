use std::sync::Arc;

use hearth_model::spec::FileSpec;

use super::Lowerer;

/// The first half of a file of [TZif](https://www.rfc-editor.org/rfc/rfc8536#section-3): one type of local time, UTC.
const UTC_BLOCK: &[u8] = b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04\0\0\0\0\0\0UTC\0";
/// The same moment as a rule, at the end of the file.
const UTC_FOOTER: &[u8] = b"\nUTC0\n";

/// The time zone of the box as containers are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone {
    /// Its name in the IANA database, such as `Europe/Vienna`.
    pub name: String,
    /// What `/etc/localtime` holds there.
    pub localtime: Arc<[u8]>,
}

impl TimeZone {
    /// Returns a zone of this name that goes by UTC: the best there is on a box that does not know the zone.
    pub fn without_rules(name: impl Into<String>) -> Self {
        Self { name: name.into(), localtime: [UTC_BLOCK, UTC_BLOCK, UTC_FOOTER].concat().into() }
    }

    /// Returns UTC.
    pub fn utc() -> Self {
        Self::without_rules("Etc/UTC")
    }
}

impl Lowerer<'_> {
    /// Returns the file that Hearth writes in place of one of the host's that tells the time zone; `None` for any other path.
    ///
    /// The host's own may be missing, or a link to where a container has nothing. The zone is part of the path, so that a
    /// container is made anew when it changes.
    pub(super) fn zone_file(&mut self, source: &str) -> Option<String> {
        let zone = self.context.time_zone;
        let (folder, content) = match source {
            "/etc/localtime" => ("localtime", zone.localtime.to_vec()),
            "/etc/timezone" => ("timezone", format!("{}\n", zone.name).into_bytes()),
            _ => return None,
        };
        let path = format!("{}/.hearth/{folder}/{}", self.context.app_dir, zone.name);
        let file = FileSpec { content, mode: 0o444, uid: None, gid: None, seed: false };
        self.files.insert(path.clone(), file);
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_is_a_file_that_the_system_reads() {
        let zone = TimeZone::utc();
        // A header of 44 bytes, one type of local time and the four bytes of its name, twice; then the rule.
        assert_eq!(zone.localtime.len(), 2 * (44 + 6 + 4) + UTC_FOOTER.len());
        let system = ["/usr/share/zoneinfo/Etc/UTC", "/usr/share/zoneinfo/UTC"];
        if let Some(known) = system.iter().find_map(|path| std::fs::read(path).ok()) {
            assert_eq!(&*zone.localtime, known.as_slice());
        }
    }
}
