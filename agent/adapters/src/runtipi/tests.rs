use hearth_model::form::{FieldKind, SecretEncoding};

use super::*;
use crate::{Format, Outcome, check, rehearse};

const ABOUT: &str = r#"{
  "id": "wiki", "name": "Wiki", "available": true, "port": 4400, "version": "2.1", "categories": ["utilities", "data"],
  "uid": 1000, "gid": 1000, "supported_architectures": ["arm64", "amd64"],
  "form_fields": [
    { "type": "random", "label": "Key", "env_variable": "WIKI_KEY", "min": 48, "encoding": "hex" },
    { "type": "email", "label": "Mail", "hint": "For the first account.", "placeholder": "a@b.example", "env_variable": "WIKI_MAIL", "required": true },
    { "type": "number", "label": "Users", "env_variable": "WIKI_USERS", "min": 1, "max": 9, "default": 3 },
    { "type": "text", "label": "Mode", "env_variable": "WIKI_MODE", "options": [{ "label": "A", "value": "a" }] },
    { "type": "text", "label": "Code", "env_variable": "WIKI_CODE", "regex": "^[a-z]+$", "pattern_error": "small letters" }
  ] }"#;
const SERVICES: &str = r#"{ "schemaVersion": 2, "services": [
  { "name": "wiki", "image": "registry.example/wiki:2.1", "isMain": true, "internalPort": 8080,
    "environment": [{ "key": "KEY", "value": "${WIKI_KEY}" }, { "key": "URL", "value": "http://${APP_DOMAIN}" }],
    "dependsOn": { "wiki-db": { "condition": "service_healthy" } },
    "addPorts": [{ "hostPort": 53, "containerPort": 53, "tcp": true, "udp": true }],
    "extraLabels": { "traefik.enable": true, "mine": 1 },
    "volumes": [{ "hostPath": "${APP_DATA_DIR}/data", "containerPath": "/data", "readOnly": true }] },
  { "name": "wiki-db", "image": "registry.example/db:1",
    "healthCheck": { "test": "true", "startPeriod": "10s", "retries": 3 } } ] }"#;
const NATIVE: &str = r#"
services:
  wiki:
    image: registry.example/wiki:2.1
    networks: [tipi_main_network]
    x-runtipi: { is_main: true, internal_port: 8080 }
networks:
  tipi_main_network: { external: true }
x-runtipi: { schema_version: 2 }
"#;

fn package(files: &[(&str, &str)]) -> PackageFiles {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    PackageFiles { folder: "Wiki".to_owned(), files }
}

fn store() -> StoreId {
    "other".parse().expect("a store id")
}

#[test]
fn services_of_json_resolve() {
    let adapted =
        read(&package(&[(CONFIG, ABOUT), (JSON, SERVICES)]), &store()).expect("the package is good");
    let spec = rehearse(&adapted.package).expect("it resolves");
    assert_eq!(spec.services.len(), 2);
    assert_eq!(spec.host_ports().count(), 3);
    let web = spec.web.expect("a page");
    assert_eq!((web.service.as_str(), web.port, web.host_port), ("wiki", 8080, 4400));
    assert!(!adapted.package.compose.contains("traefik"));
}

#[test]
fn each_kind_of_field_becomes_a_setting() {
    let adapted = read(&package(&[(CONFIG, ABOUT), (JSON, SERVICES)]), &store()).expect("good");
    let [key, mail, users, mode, code] = &adapted.package.manifest.settings[..] else {
        panic!("five settings")
    };
    assert_eq!((key.generate, key.encoding, key.hidden), (Some(48), SecretEncoding::Hex, true));
    assert_eq!((mail.kind, mail.required), (FieldKind::Email, true));
    assert_eq!(mail.help.as_deref(), Some("For the first account. For example: a@b.example"));
    assert_eq!((users.kind, users.default.as_deref(), users.max), (FieldKind::Number, Some("3"), Some(9)));
    assert_eq!((mode.kind, mode.options.len()), (FieldKind::Choice, 1));
    assert_eq!(code.help.as_deref(), Some("small letters"));
    let pattern = code.pattern.as_ref().expect("it has a pattern");
    assert_eq!((pattern.regex.as_str(), pattern.problem.as_str()), ("^[a-z]+$", "small letters"));
}

#[test]
fn a_pattern_that_cannot_be_checked_is_shown() {
    let about = ABOUT.replace("^[a-z]+$", "^(?=.*[0-9]).{8,}$");
    let adapted = read(&package(&[(CONFIG, &about), (JSON, SERVICES)]), &store()).expect("good");
    let code = &adapted.package.manifest.settings[4];
    assert_eq!((code.pattern.as_ref(), code.help.as_deref()), (None, Some("small letters")));
    assert!(adapted.notes.iter().any(|note| note.contains("`WIKI_CODE` is shown and not checked")));
}

#[test]
fn a_key_pair_for_push_messages_is_made_and_nobody_is_asked() {
    let about = ABOUT.replacen("\"available\"", "\"generate_vapid_keys\": true, \"available\"", 1);
    let package = read(&package(&[(CONFIG, &about), (JSON, SERVICES)]), &store()).expect("good").package;
    let pair = &package.manifest.settings[5..];
    let seen: Vec<_> = pair.iter().map(|field| (field.name.as_str(), field.encoding, field.hidden)).collect();
    let expected = [
        ("VAPID_PUBLIC_KEY", SecretEncoding::PushPublicKey, true),
        ("VAPID_PRIVATE_KEY", SecretEncoding::PushPrivateKey, true),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_is_different_on_another_processor_is_kept_for_it() {
    use hearth_model::package::Architecture::{Amd64, Arm64};
    let json = SERVICES.replacen(
        "{ \"schemaVersion\": 2,",
        r#"{ "overrides": [{ "architecture": "arm64", "services": [{ "name": "wiki", "image": "registry.example/wiki-arm:2.1" }] }],"#,
        1,
    );
    let native = NATIVE.replace(
        "x-runtipi: { schema_version: 2 }",
        "x-runtipi: { overrides: [{ architecture: arm64, services: { wiki: { image: registry.example/wiki-arm:2.1 } } }] }",
    );
    for files in [[(CONFIG, ABOUT), (JSON, json.as_str())], [(CONFIG, ABOUT), (COMPOSE, native.as_str())]] {
        let package = read(&package(&files), &store()).expect("good").package;
        let images = |processor| {
            let project = hearth_compose::load(&hearth_compose::ProjectInput {
                name: Some("wiki".to_owned()),
                files: crate::sources(&package, Some(processor)),
                environment: BTreeMap::new(),
                working_dir: "/wiki".to_owned(),
                profiles: Vec::new(),
                reader: &hearth_compose::MemoryFiles(&package.files),
            })
            .expect("it loads");
            let wiki = &project.services["wiki"];
            (wiki.image.clone(), wiki.restart.clone())
        };
        let (plain, restart) = images(Amd64);
        assert_eq!(plain, "registry.example/wiki:2.1");
        assert_eq!(images(Arm64), ("registry.example/wiki-arm:2.1".to_owned(), restart));
    }
}

#[test]
fn what_is_said_of_the_world_outside_is_read() {
    let with = |line: &str| {
        let about = ABOUT.replacen("\"available\"", &format!("{line}, \"available\""), 1);
        read(&package(&[(CONFIG, &about), (JSON, SERVICES)]), &store()).expect("good").package
    };
    assert!(with("\"exposable\": false").conventions.at_home_only);
    assert!(!with("\"exposable\": true").conventions.at_home_only);
    assert_eq!(with("\"force_expose\": true").manifest.tips.as_deref(), Some(NEEDS_DOMAIN));
    let plain = with("\"force_expose\": false");
    assert!(plain.manifest.tips.is_none() && !plain.conventions.at_home_only);
    assert!(with("\"no_gui\": true").manifest.web.is_none());
    let secure = with("\"https\": true, \"url_suffix\": \"/admin\"").manifest.web.expect("a page");
    assert_eq!((secure.scheme, secure.path.as_str()), (Scheme::Https, "/admin"));
}

#[test]
fn a_native_compose_file_loses_the_network_of_its_proxy() {
    let adapted = read(&package(&[(CONFIG, ABOUT), (COMPOSE, NATIVE)]), &store()).expect("good");
    let spec = rehearse(&adapted.package).expect("it resolves");
    assert_eq!(spec.networks.keys().collect::<Vec<_>>(), ["wiki_default"]);
    assert!(adapted.package.manifest.permissions.is_empty());
    assert_eq!(adapted.package.compose, NATIVE);
}

#[test]
fn a_compose_file_of_no_known_kind_is_refused() {
    let files = package(&[(CONFIG, ABOUT), (COMPOSE, "services: { wiki: { image: a } }")]);
    let Outcome::Refused { file, reason } = check(Format::Runtipi, &files, &store()) else {
        panic!("it is taken")
    };
    assert_eq!(file, COMPOSE);
    assert!(reason.contains("x-runtipi"), "{reason}");
}
