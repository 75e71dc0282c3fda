use hearth_model::conventions::AppDependency;
use hearth_model::desired::Run;
use hearth_model::package::Manifest;

use super::*;

fn id(app: &str) -> AppId {
    app.parse().expect("an id")
}

fn package(app: &str, apps: &[&str], implements: &[&str]) -> Package {
    let manifest = Manifest::named(id(app), app.to_uppercase());
    let mut package = Package {
        store: "store".parse().expect("an id"),
        manifest,
        compose: String::new(),
        files: BTreeMap::new(),
        binary_files: BTreeMap::new(),
        conventions: Default::default(),
    };
    package.conventions.apps = apps.iter().map(|app| AppDependency { package: id(app) }).collect();
    package.conventions.implements = implements.iter().map(|&app| app.to_owned()).collect();
    package
}

fn wanted(package: &Package) -> DesiredApp {
    DesiredApp {
        store: package.store.clone(),
        package: package.manifest.id.to_string(),
        version: "1".to_owned(),
        digest: package.digest(),
        run: Run::Running,
        settings: BTreeMap::new(),
        ports: BTreeMap::new(),
        granted: BTreeSet::new(),
        uses: BTreeMap::new(),
        restarts: 0,
    }
}

/// A box with these apps, the last of which is looked at.
fn find_last(packages: &[Package], uses: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let mut desired = Desired::default();
    let mut kept = Packages::new();
    for package in packages {
        desired.apps.insert(package.manifest.id.clone(), wanted(package));
        kept.insert(package.manifest.id.clone(), Arc::new(package.clone()));
    }
    let last = packages.last().expect("an app");
    let mut wish = wanted(last);
    wish.uses = uses.iter().map(|(package, app)| (id(package), id(app))).collect();
    let found = find(&last.manifest.id, &wish, last, &desired, &kept);
    found
        .map(|circle| circle.talks_to.iter().map(|(app, _)| app.to_string()).collect())
        .map_err(|reason| reason.message)
}

#[test]
fn what_others_talk_to_comes_before_them_and_once() {
    let packages = [
        package("chain", &[], &[]),
        package("index", &["chain"], &[]),
        package("wallet", &["chain", "index"], &[]),
    ];
    assert_eq!(find_last(&packages, &[]), Ok(vec!["chain".to_owned(), "index".to_owned()]));
}

#[test]
fn apps_that_talk_to_each_other_are_no_trouble() {
    let packages = [package("a", &["b"], &[]), package("b", &["a"], &[])];
    assert_eq!(find_last(&packages, &[]), Ok(vec!["a".to_owned()]));
}

#[test]
fn the_owner_decides_between_several() {
    let packages = [
        package("knots", &[], &["chain"]),
        package("relay", &[], &["chain"]),
        package("wallet", &["chain"], &[]),
    ];
    assert_eq!(
        find_last(&packages, &[]),
        Err("WALLET needs the app `chain`, whose place KNOTS or RELAY can take: choose one of them."
            .to_owned())
    );
    assert_eq!(find_last(&packages, &[("chain", "relay")]), Ok(vec!["relay".to_owned()]));
    let wrong = find_last(&packages, &[("chain", "wallet")]);
    assert!(wrong.is_err_and(|message| message.contains("`wallet`, which was chosen for it")));
    assert_eq!(find_last(&packages[1..], &[]), Ok(vec!["relay".to_owned()]));
    assert_eq!(
        find_last(&packages[2..], &[]),
        Err("WALLET needs the app `chain`, which is not installed. Install it first.".to_owned())
    );
}

#[test]
fn an_app_is_shared_once_another_talks_to_it() {
    let (chain, wallet) = (package("chain", &[], &[]), package("wallet", &["chain"], &[]));
    let mut desired = Desired::default();
    let mut kept = Packages::new();
    let mut shared = |package: &Package| {
        desired.apps.insert(package.manifest.id.clone(), wanted(package));
        kept.insert(package.manifest.id.clone(), Arc::new(package.clone()));
        find(&id("chain"), &wanted(&chain), &chain, &desired, &kept).map(|circle| circle.is_shared)
    };
    assert_eq!(shared(&chain), Ok(false));
    assert_eq!(shared(&wallet), Ok(true));
    assert_eq!(dependents(&id("chain"), &desired, &kept), ["WALLET"]);
    assert!(dependents(&id("wallet"), &desired, &kept).is_empty());
}
