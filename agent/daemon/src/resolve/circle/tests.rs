use hearth_model::conventions::AppDependency;
use hearth_model::desired::Run;
use hearth_model::package::Manifest;

use super::*;

fn id(app: &str) -> AppId {
    app.parse().expect("an id")
}

pub(crate) fn package(app: &str, apps: &[&str], implements: &[&str]) -> Package {
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

/// A box with these apps.
pub(crate) fn box_with(packages: &[Package]) -> (Desired, Packages) {
    let mut desired = Desired::default();
    let mut kept = Packages::new();
    for package in packages {
        desired.apps.insert(package.manifest.id.clone(), wanted(package));
        kept.insert(package.manifest.id.clone(), Arc::new(package.clone()));
    }
    (desired, kept)
}

/// A box with these apps, the last of which is looked at.
fn find_last(packages: &[Package], uses: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let (desired, kept) = box_with(packages);
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
fn an_app_has_a_network_for_others_once_one_depends_on_it() {
    let (chain, wallet) = (package("chain", &[], &[]), package("wallet", &["chain"], &[]));
    let mut desired = Desired::default();
    let mut kept = Packages::new();
    let mut shared = |package: &Package| {
        desired.apps.insert(package.manifest.id.clone(), wanted(package));
        kept.insert(package.manifest.id.clone(), Arc::new(package.clone()));
        find(&id("chain"), &wanted(&chain), &chain, &desired, &kept)
            .map(|circle| !circle.joins.dependents.is_empty())
    };
    assert_eq!(shared(&chain), Ok(false));
    assert_eq!(shared(&wallet), Ok(true));
    assert_eq!(dependents(&id("chain"), &desired, &kept), ["WALLET"]);
    assert!(dependents(&id("wallet"), &desired, &kept).is_empty());
}

fn joins(packages: &[Package], app: &str) -> Joins {
    let (desired, kept) = box_with(packages);
    let app = id(app);
    let package = &kept[&app];
    find(&app, &desired.apps[&app], package, &desired, &kept).expect("nothing is missing").joins
}

#[test]
fn an_app_joins_the_networks_of_those_that_it_names_and_no_other() {
    let packages = [
        package("cloud", &[], &[]),
        package("office", &["cloud"], &[]),
        package("reader", &["office"], &[]),
        package("stranger", &[], &[]),
    ];
    let names = |apps: &BTreeMap<AppId, Digest>| apps.keys().map(ToString::to_string).collect::<Vec<_>>();
    let office = joins(&packages, "office");
    assert_eq!(
        (names(&office.providers), names(&office.dependents)),
        (vec!["cloud".into()], vec!["reader".into()])
    );
    let reader = joins(&packages, "reader");
    assert_eq!(names(&reader.providers), ["office"], "what the office uses is out of its reach");
    assert_eq!(joins(&packages, "stranger"), Joins::default());
}

#[test]
fn the_network_of_fixed_addresses_is_for_those_that_name_or_use_one_and_asks() {
    let mut node = package("node", &[], &[]);
    node.conventions.needs.insert(Need::FixedAddresses);
    let packages = [node, package("wallet", &["node"], &[]), package("wiki", &[], &[])];
    for (app, fixed) in [("node", Fixed::Names), ("wallet", Fixed::Uses), ("wiki", Fixed::No)] {
        let joins = joins(&packages, app);
        assert_eq!(joins.fixed, fixed, "{app}");
        assert!(joins.dependents.is_empty(), "{app}");
        let package =
            packages.iter().find(|package| package.manifest.id.as_str() == app).expect("it is there");
        let asked: Vec<String> =
            shared_access(&id(app), package, &joins).into_iter().map(|access| access.detail).collect();
        assert_eq!(asked.is_empty(), fixed == Fixed::No, "{app}: {asked:?}");
    }
}

#[test]
fn the_tor_that_the_owner_agreed_to_stays_and_a_second_is_refused() {
    let tor = |app: &str| {
        let mut package = package(app, &[], &[]);
        package.manifest.tor = Some(hearth_model::package::TorDaemon { service: "tor".to_owned() });
        package
    };
    let packages = [tor("a-notes"), tor("tor")];
    let (mut desired, kept) = box_with(&packages);
    let asked = shared_access(&id("tor"), &packages[1], &Joins::default());
    desired.apps.get_mut(&id("tor")).expect("it is there").granted = asked;
    assert_eq!(crate::resolve::tor::provider(&desired, &kept), Some(&id("tor")));
    let find = |app: &str| find(&id(app), &desired.apps[&id(app)], &kept[&id(app)], &desired, &kept);
    let refused = find("a-notes").expect_err("there is one").message;
    assert!(refused.contains("TOR is that already"), "{refused}");
    assert!(matches!(find("tor").expect("it is the one").tor, Tor::IsIt { .. }));
}
