use hearth_model::Digest;
use hearth_model::container::Mount;
use hearth_model::package::AccessKind;

use super::*;
use crate::{Format, Outcome, check, rehearse};

const ABOUT: &str = r#"
manifestVersion: 1.1
id: wiki
name: Wiki
version: 2
port: 4400
path: "/start"
developer: 42
defaultUsername: admin
deterministicPassword: true
dependencies: []
storage: { some: "field of a later version" }
"#;
const COMPOSE_FILE: &str = r#"
version: "3.7"
services:
  app_proxy:
    environment:
      APP_HOST: wiki_web_1
      APP_PORT: 8080
      PROXY_AUTH_WHITELIST: "/api/*, /health"
  web:
    image: registry.example/wiki:2
    user: "1000:1000"
    environment:
      DB_PASSWORD: $APP_PASSWORD
    volumes:
      - ${APP_DATA_DIR}/data:/data
      - ${UMBREL_ROOT}/data/storage/downloads:/downloads:ro
      - ${APP_DATA_DIR}/data/x/../files:/files
  db:
    image: registry.example/db:1
"#;

fn package(files: &[(&str, &str)]) -> PackageFiles {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    PackageFiles { folder: "Wiki".to_owned(), files }
}

fn store() -> StoreId {
    "other".parse().expect("a store id")
}

#[test]
fn the_proxy_becomes_the_page_and_its_gate() {
    let files = package(&[
        (MANIFEST, ABOUT),
        (COMPOSE, COMPOSE_FILE),
        ("data/seed.conf", "a"),
        ("data/.gitkeep", ""),
    ]);
    let adapted = read(&files, &store()).expect("the package is good");
    let web = adapted.package.manifest.web.clone().expect("a page");
    assert_eq!(
        (web.service.as_str(), web.port, web.host_port, web.path.as_str()),
        ("web", 8080, 4400, "/start")
    );
    let conventions = &adapted.package.conventions;
    let gate = conventions.gate.clone().expect("a gate");
    assert!(gate.sign_in);
    assert_eq!(gate.open_paths, ["/api/*", "/health"]);
    assert!(conventions.needs.is_empty(), "{:?}", conventions.needs);
    assert_eq!(adapted.package.files.keys().collect::<Vec<_>>(), ["data/seed.conf"]);
    assert_eq!(adapted.package.compose, COMPOSE_FILE);
}

#[test]
fn files_that_are_no_text_come_with_the_package() {
    let mut files = package(&[(MANIFEST, ABOUT), (COMPOSE, COMPOSE_FILE), ("data/seed.conf", "a")]);
    files.files.insert("data/library.db".to_owned(), vec![0, 159, 146, 150]);
    files.files.insert("data/film.mkv".to_owned(), vec![0xff; 1024 * 1024 + 1]);
    let adapted = read(&files, &store()).expect("good");
    let binary = [("data/library.db".to_owned(), "AJ+Slg==".to_owned())];
    assert_eq!(adapted.package.binary_files, BTreeMap::from(binary));
    assert_eq!(adapted.notes, ["`data/film.mkv` is larger than 1 MB and is left out"]);
    let mut other = adapted.package.clone();
    other.binary_files.clear();
    assert_ne!(other.digest(), adapted.package.digest());
}

#[test]
fn a_sign_in_is_asked_for_unless_the_package_says_otherwise() {
    let gate = |line: &str| {
        let compose =
            COMPOSE_FILE.replace("      APP_PORT: 8080\n", &format!("      APP_PORT: 8080\n{line}"));
        let files = package(&[(MANIFEST, ABOUT), (COMPOSE, &compose)]);
        let package = read(&files, &store()).expect("the package is good").package;
        package.conventions.gate.expect("a gate")
    };
    for (line, asks) in [
        ("", true),
        ("      PROXY_AUTH_ADD: \"true\"\n", true),
        ("      PROXY_AUTH_ADD: true\n", true),
        ("      PROXY_AUTH_ADD:\n", true),
        ("      PROXY_AUTH_ADD: $SOMETHING\n", true),
        ("      PROXY_AUTH_ADD: \"false\"\n", false),
        ("      PROXY_AUTH_ADD: false\n", false),
        ("      PROXY_AUTH_ADD: \"no\"\n", false),
    ] {
        assert_eq!(gate(line).sign_in, asks, "{line}");
    }
    assert!(!gate("").trust_upstream);
    assert!(gate("      PROXY_TRUST_UPSTREAM: \"true\"\n").trust_upstream);
}

#[test]
fn a_file_of_the_package_is_stronger_than_its_proxy() {
    let with = |text: &str| {
        read(&package(&[(MANIFEST, ABOUT), (COMPOSE, COMPOSE_FILE), (".env.app_proxy", text)]), &store())
    };
    let package = with("# ours\nPROXY_AUTH_ADD=false\nAPP_PORT='9090'\n").expect("good").package;
    let gate = package.conventions.gate.expect("a gate");
    assert_eq!(
        (gate.sign_in, gate.open_paths.len(), package.manifest.web.expect("a page").port),
        (false, 2, 9090)
    );
    let asks = with("PROXY_AUTH_WHITELIST=").expect("good").package.conventions.gate.expect("a gate");
    assert!(asks.sign_in && asks.open_paths.is_empty());
    let refused = with("PROXY_AUTH_ADD='").expect_err("a quote without an end").to_string();
    assert!(refused.contains("(.env.app_proxy)"), "{refused}");
}

#[test]
fn a_page_in_the_hosts_network_has_its_door_at_the_packages_port() {
    let compose = COMPOSE_FILE.replace("    user: \"1000:1000\"\n", "    network_mode: host\n");
    let adapted = read(&package(&[(MANIFEST, ABOUT), (COMPOSE, &compose)]), &store()).expect("good");
    let spec = rehearse(&adapted.package).expect("it resolves");
    let door = spec.door.expect("a door");
    assert_eq!((door.host_port, door.port), (4400, 8080));
}

#[test]
fn containers_resolve_under_the_names_that_apps_expect() {
    let adapted = read(&package(&[(MANIFEST, ABOUT), (COMPOSE, COMPOSE_FILE)]), &store()).expect("good");
    let spec = rehearse(&adapted.package).expect("it resolves");
    let names: Vec<&str> = spec.services.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["db", "web"]);
    let web = &spec.services[&"web".parse().expect("a name")].container;
    assert_eq!(web.name, "wiki_web_1");
    let sources: Vec<&str> = web
        .mounts
        .iter()
        .filter_map(|mount| match mount {
            Mount::Bind { source, .. } => Some(source.as_str()),
            _ => None,
        })
        .collect();
    for expected in [
        "/var/lib/hearth/apps/wiki/data",
        "/var/lib/hearth/library/Downloads",
        "/var/lib/hearth/apps/wiki/data/files",
    ] {
        assert!(sources.contains(&expected), "{sources:?}");
    }
    let kinds: Vec<AccessKind> = adapted.package.manifest.permissions.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [AccessKind::HostPaths]);
}

#[test]
fn what_a_box_must_do_besides_is_named() {
    let about = ABOUT.replace("dependencies: []", "dependencies: [bitcoin]");
    let compose = COMPOSE_FILE
        .replace("  db:\n", "  db:\n    networks: { default: { ipv4_address: $APP_WIKI_DB_IP } }\n");
    let files = package(&[
        (MANIFEST, &about),
        (COMPOSE, &compose),
        ("exports.sh", "export APP_WIKI_DB_IP=\"$(hostname -I)\""),
        ("hooks/pre-start", "#!/bin/sh"),
        ("torrc.template", "x"),
    ]);
    let Outcome::Resolves { needs, notes: _ } = check(Format::Umbrel, &files, &store()) else {
        panic!("the package is refused");
    };
    let expected = [Need::Exports, Need::Hooks, Need::OtherApps, Need::FixedAddresses, Need::Templates];
    assert_eq!(needs.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_package_is_disabled_or_refused_with_its_file() {
    let disabled = format!("{ABOUT}disabled: true\n");
    let files = package(&[(MANIFEST, &disabled), (COMPOSE, COMPOSE_FILE)]);
    assert_eq!(check(Format::Umbrel, &files, &store()), Outcome::Disabled);
    let refused = read(&package(&[(MANIFEST, ABOUT)]), &store()).expect_err("no Compose file");
    assert_eq!(refused.to_string(), "the package has no such file (docker-compose.yml)");
    let bad = ABOUT.replace("id: wiki", "id: ../wiki");
    assert!(read(&package(&[(MANIFEST, &bad), (COMPOSE, COMPOSE_FILE)]), &store()).is_err());
}

#[test]
fn ids_of_a_community_store_begin_with_its_own() {
    assert_eq!(store_prefix("id: ada\nname: Ada's").expect("good"), Some("ada".to_owned()));
    assert_eq!(store_prefix("id: umbrel-app-store").expect("good"), None);
    for wrong in ["name: Ada's", "id: ''", "id: ["] {
        assert!(store_prefix(wrong).expect_err(wrong).to_string().contains(STORE), "{wrong}");
    }
    let wiki = read(&package(&[(MANIFEST, ABOUT), (COMPOSE, COMPOSE_FILE)]), &store()).expect("good").package;
    assert_eq!(check_prefix(&wiki, "wi"), Ok(()));
    let refused = check_prefix(&wiki, "ada").expect_err("another prefix").to_string();
    assert!(refused.contains("its id is `wiki`, and ids of this store begin with `ada`"), "{refused}");
}

#[test]
fn what_a_backup_leaves_out_is_kept_with_the_package() {
    let paths =
        "backupIgnore: [data/cache/*, data/logs, ../other, /etc, 'data/a b', data/../../x, 'data/**/log']\n";
    let about = format!("{ABOUT}{paths}");
    let adapted = read(&package(&[(MANIFEST, &about), (COMPOSE, COMPOSE_FILE)]), &store()).expect("good");
    assert_eq!(adapted.package.conventions.backup_ignore, ["data/cache/*", "data/logs", "data/**/log"]);
    let expected = ["../other", "/etc", "data/a b", "data/../../x"]
        .map(|path| format!("`{path}` of `backupIgnore` is no path below the app's folder and is left out"));
    assert_eq!(adapted.notes, expected);
}

#[test]
fn a_package_without_conventions_keeps_its_digest() {
    let mut package =
        read(&package(&[(MANIFEST, ABOUT), (COMPOSE, COMPOSE_FILE)]), &store()).expect("good").package;
    let with = package.digest();
    package.conventions = Conventions::default();
    let plain =
        serde_json::to_vec(&(&package.manifest, &package.compose, &package.files)).expect("plain data");
    assert_eq!(package.digest(), Digest::of(&plain));
    assert_ne!(package.digest(), with);
}
