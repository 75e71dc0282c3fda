use super::{Lint, lint};
use crate::reader::NoFiles;

const MANIFEST: &str = "manifest: 1\nid: demo\nname: Demo\ntagline: Shows it\ndescription: It does.\nversion: '1'\ncategory: notes\nlicense: MIT\narchitectures: [amd64]\nweb: {service: app, port: 80, host_port: 8080}\nsettings:\n  - {name: PASSWORD, label: Password, type: secret, generate: 24}\nsources:\n  - {image: example/app, from: 'https://example.com'}\n";
const COMPOSE: &str = "services:\n  app:\n    image: example/app:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n    environment: {PASSWORD: \"${PASSWORD}\", TZ: \"${TZ}\"}\n    volumes: [\"${APP_DATA_DIR}/data:/data\"]\n";

fn check(manifest: &str, compose: &str) -> String {
    lint(&Lint { folder: "demo", manifest, compose, reader: &NoFiles }).to_string()
}

#[test]
fn nothing_is_found_in_a_good_package() {
    assert_eq!(check(MANIFEST, COMPOSE), "");
}

#[test]
fn what_does_not_fit_together_is_found() {
    let manifest = MANIFEST
        .replace("id: demo", "id: other")
        .replace("license: MIT\n", "website: example.com\n")
        .replace("- {name: PASSWORD", "- {name: TZ, label: x}\n  - {name: 1X, label: x, hidden: true}\n  - {name: A, label: x, default: '${B}'}\n  - {name: B, label: x, type: choice}\n  - {name: PASSWORD")
        .replace("sources:\n", "permissions:\n  - {kind: devices, reason: ''}\nsources:\n");
    let compose = "services:\n  app:\n    image: example/other:latest\n    environment: {A: \"${UNKNOWN}\"}\n    volumes: [\"/srv:/srv\"]\n";
    insta::assert_snapshot!(check(&manifest, compose));
}

#[test]
fn a_sign_in_and_a_tor_need_something_to_stand_in_front_of_and_to_run_in() {
    let good = format!("{MANIFEST}gate: {{sign_in: true, open_paths: [/api/*]}}\ntor: {{service: app}}\n");
    assert_eq!(check(&good, COMPOSE), "");
    let wrong = good
        .replace("web: {service: app, port: 80, host_port: 8080}\n", "")
        .replace("tor: {service: app}", "tor: {service: onion}");
    let found = check(&wrong, COMPOSE);
    assert!(found.contains("`gate` stands in front of `web`, which is missing"), "{found}");
    assert!(found.contains("`tor.service` is `onion`; the services are `app`"), "{found}");
}

#[test]
fn a_pattern_that_cannot_be_checked_is_an_error() {
    let with = |regex: &str| {
        let pattern = format!("generate: 24, pattern: {{ regex: '{regex}', problem: letters }}}}");
        check(&MANIFEST.replace("generate: 24}", &pattern), COMPOSE)
    };
    assert_eq!(with("^[a-z]+$"), "");
    let found = with("^(?=a)");
    assert!(found.contains("the pattern of `PASSWORD` cannot be checked: it looks ahead"), "{found}");
}

#[test]
fn a_widget_that_cannot_answer_is_a_warning() {
    let widget = "widgets:\n  - {id: sync, type: text-with-progress, refresh_secs: 5, service: app, port: 80, path: /sync}\n";
    let good = format!("{MANIFEST}{widget}");
    assert_eq!(check(&good, COMPOSE), "");
    let again = widget.trim_start_matches("widgets:\n").replace("service: app", "service: db");
    let found = check(&format!("{good}{}", again.replace("path: /sync", "path: sync")), COMPOSE);
    for expected in
        ["`sync` stands twice", "begins with `/`", "the widget `sync` is `db`; the services are `app`"]
    {
        assert!(found.contains(expected), "{found}");
    }
    assert!(found.lines().filter(|line| line.contains("error")).count() == 0, "{found}");
}

#[test]
fn a_package_that_does_not_resolve_says_why() {
    insta::assert_snapshot!(check(&MANIFEST.replace("service: app", "service: web"), COMPOSE));
    insta::assert_snapshot!(check(MANIFEST, "services:\n  app: {imag: x}\n"));
}
