//! A package of another store: its files, with a line `=== PATH` before each. It is refused, or resolves, or says why not.

#![no_main]

use std::collections::BTreeMap;

use hearth_adapters::{Format, PackageFiles, read, rehearse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut files = BTreeMap::new();
    for part in text.split("=== ").skip(1).take(20) {
        let (path, content) = part.split_once('\n').unwrap_or((part, ""));
        files.insert(path.to_owned(), content.as_bytes().to_vec());
    }
    let files = PackageFiles { folder: "wiki".to_owned(), files };
    let store = "other".parse().expect("a store id");
    for format in [Format::Umbrel, Format::CasaOs, Format::CasaOsBuilt, Format::Runtipi] {
        if let Ok(adapted) = read(format, &files, &store) {
            let _ = rehearse(&adapted.package);
        }
    }
});
