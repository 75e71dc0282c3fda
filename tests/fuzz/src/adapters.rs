//! A package of another store: its files, with a line `=== PATH` before each. It is refused, or resolves, or says why not.

use std::collections::BTreeMap;

use hearth_adapters::{Format, PackageFiles, rehearse};

use super::parts;

pub fn read(data: &[u8]) {
    let Some(parts) = parts(data) else { return };
    let files: BTreeMap<String, Vec<u8>> =
        parts.map(|(path, content)| (path.to_owned(), content.as_bytes().to_vec())).collect();
    let files = PackageFiles { folder: "wiki".to_owned(), files };
    let store = "other".parse().expect("a store id");
    for format in [Format::Umbrel, Format::CasaOs, Format::CasaOsBuilt, Format::Runtipi] {
        if let Ok(adapted) = hearth_adapters::read(format, &files, &store) {
            let _ = rehearse(&adapted.package);
        }
    }
}
