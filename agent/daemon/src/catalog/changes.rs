use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::api::store::{ChangedPackage, StoreChanges};
use jiff::Timestamp;

use crate::catalog::Entry;

/// Returns what is other in a store than before, `None` when nothing is.
pub(crate) fn changes(
    before: &BTreeMap<String, Arc<Entry>>,
    after: &BTreeMap<String, Arc<Entry>>,
    at: Timestamp,
) -> Option<StoreChanges> {
    let version = |entry: &Arc<Entry>| Some(entry.package.manifest.version.clone());
    let changed = |package: &String, old: Option<&Arc<Entry>>, new: Option<&Arc<Entry>>| ChangedPackage {
        package: package.clone(),
        name: new.or(old).map(|entry| entry.package.manifest.name.clone()).unwrap_or_default(),
        from: old.and_then(version),
        to: new.and_then(version),
    };
    let mut found = StoreChanges { at, added: Vec::new(), updated: Vec::new(), removed: Vec::new() };
    for (package, new) in after {
        match before.get(package) {
            None => found.added.push(changed(package, None, Some(new))),
            Some(old) if old.digest != new.digest => {
                found.updated.push(changed(package, Some(old), Some(new)));
            }
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(package, _)| !after.contains_key(*package));
    found.removed.extend(gone.map(|(package, old)| changed(package, Some(old), None)));
    for list in [&mut found.added, &mut found.updated, &mut found.removed] {
        list.sort_by_cached_key(|package| package.name.to_lowercase());
    }
    let is_same = found.added.is_empty() && found.updated.is_empty() && found.removed.is_empty();
    (!is_same).then_some(found)
}

#[cfg(test)]
mod tests {
    use hearth_model::package::Package;

    use super::*;

    fn entries(packages: &[(&str, &str)]) -> BTreeMap<String, Arc<Entry>> {
        let entry = |(id, version): &(&str, &str)| {
            let manifest = format!(
                "manifest: 1\nid: {id}\nname: {id}\ntagline: x\nversion: '{version}'\ncategory: other\n"
            );
            let manifest = hearth_compose::parse_manifest(&manifest, "app.yml").expect("a manifest");
            let store = "mine".parse().expect("an id");
            let package = Package {
                store,
                manifest,
                compose: String::new(),
                files: BTreeMap::new(),
                binary_files: BTreeMap::new(),
                conventions: Default::default(),
            };
            ((*id).to_owned(), Arc::new(Entry::new(package, None)))
        };
        packages.iter().map(entry).collect()
    }

    #[test]
    fn what_came_changed_and_went_is_told() {
        let before = entries(&[("same", "1"), ("new-version", "1"), ("gone", "3")]);
        let after = entries(&[("same", "1"), ("new-version", "2"), ("fresh", "1")]);
        let at = Timestamp::UNIX_EPOCH;
        let found = changes(&before, &after, at).expect("changes");
        let told = |list: &[ChangedPackage]| {
            let words = |version: &Option<String>| version.clone().unwrap_or_default();
            list.iter()
                .map(|one| format!("{} {}>{}", one.package, words(&one.from), words(&one.to)))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&found.added), ["fresh >1"]);
        assert_eq!(told(&found.updated), ["new-version 1>2"]);
        assert_eq!(told(&found.removed), ["gone 3>"]);
        assert_eq!(changes(&before, &before, at), None);
    }
}
