use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use hearth_model::Bytes;

use crate::Refused;

/// Largest text file that a package keeps, in bytes.
const MAX_FILE_BYTES: usize = 1024 * 1024;

/// The files of one package, by path relative to its folder with `/` between parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageFiles {
    /// Name of the package's folder.
    pub folder: String,
    /// Contents by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl PackageFiles {
    /// Returns a file's text, `None` when there is no such file.
    ///
    /// # Errors
    /// When it is too large or not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Result<Option<&str>, Refused> {
        let Some(bytes) = self.files.get(path) else { return Ok(None) };
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Refused::new(
                path,
                format!("the file is larger than {}", Bytes(MAX_FILE_BYTES as u64)),
            ));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(text))),
            Err(error) => {
                Err(Refused::new(path, format!("the file is not UTF-8 at its byte {}", error.valid_up_to())))
            }
        }
    }

    /// Returns the text of a file that must be there.
    pub(crate) fn required(&self, path: &str) -> Result<&str, Refused> {
        self.text(path)?.ok_or_else(|| Refused::new(path, "the package has no such file"))
    }

    /// Returns the files that become the app's first content.
    pub(crate) fn seeds(&self, wanted: impl Fn(&str) -> bool) -> Seeds {
        let mut seeds = Seeds::default();
        for (path, bytes) in self.files.iter().filter(|(path, _)| wanted(path) && !path.ends_with(".gitkeep"))
        {
            if bytes.len() > MAX_FILE_BYTES {
                let size = Bytes(MAX_FILE_BYTES as u64);
                seeds.notes.push(format!("`{path}` is larger than {size} and is left out"));
            } else if let Ok(text) = std::str::from_utf8(bytes) {
                seeds.texts.insert(path.clone(), text.to_owned());
            } else {
                seeds.binaries.insert(path.clone(), STANDARD.encode(bytes));
            }
        }
        seeds
    }
}

/// Files that become the app's first content, by path.
#[derive(Debug, Default)]
pub(crate) struct Seeds {
    pub(crate) texts: BTreeMap<String, String>,
    /// In Base64.
    pub(crate) binaries: BTreeMap<String, String>,
    /// What was left out.
    pub(crate) notes: Vec<String>,
}

/// Formats of packages that are not Hearth's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `<id>/umbrel-app.yml` with `docker-compose.yml`.
    Umbrel,
    /// `Apps/<Name>/docker-compose.yml` with `x-casaos`: the source of a store.
    CasaOs,
    /// `apps/<id>/docker-compose.yml` with `meta.json`: what a store's own build makes of it.
    CasaOsBuilt,
    /// `apps/<id>/config.json` with `docker-compose.json` or `docker-compose.yml`.
    Runtipi,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Umbrel, Format::CasaOs, Format::CasaOsBuilt, Format::Runtipi];

    /// Returns the folder of a store that holds its packages' folders; empty for the store's own.
    pub fn packages_dir(self) -> &'static str {
        match self {
            Format::Umbrel => "",
            Format::CasaOs => "Apps",
            Format::CasaOsBuilt | Format::Runtipi => "apps",
        }
    }

    /// Returns the file without which a folder is not a package of this format.
    pub fn marker(self) -> &'static str {
        match self {
            Format::Umbrel => "umbrel-app.yml",
            Format::CasaOs => "docker-compose.yml",
            Format::CasaOsBuilt => "meta.json",
            Format::Runtipi => "config.json",
        }
    }
}

/// Tells the format of a store by the paths of its files relative to it; `None` when it is none of them.
///
/// The format with the most packages wins, so that one stray folder does not turn a store into another.
pub fn detect<'a>(paths: impl IntoIterator<Item = &'a str>) -> Option<Format> {
    let mut packages = [0_usize; Format::ALL.len()];
    for path in paths {
        for (count, format) in packages.iter_mut().zip(Format::ALL) {
            let below = match format.packages_dir() {
                "" => Some(path),
                dir => path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/')),
            };
            let name = below.and_then(|below| below.split_once('/')).map(|(_, name)| name);
            *count += usize::from(name == Some(format.marker()));
        }
    }
    let most = packages.iter().copied().max().filter(|most| *most > 0)?;
    packages.iter().position(|count| *count == most).map(|at| Format::ALL[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_told_by_where_its_packages_lie() {
        assert_eq!(detect(["README.md", "wiki/umbrel-app.yml"]), Some(Format::Umbrel));
        assert_eq!(detect(["Apps/Wiki/docker-compose.yml"]), Some(Format::CasaOs));
        assert_eq!(detect(["apps/wiki/config.json", "apps/wiki/data/config.json"]), Some(Format::Runtipi));
        let built = ["apps/com.example.wiki/docker-compose.yml", "apps/com.example.wiki/meta.json"];
        assert_eq!(detect(built), Some(Format::CasaOsBuilt));
        assert_eq!(detect(["apps/wiki/app.yml", "docker-compose.yml"]), None);
    }
}
