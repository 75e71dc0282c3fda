use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{ProjectInput, SourceFile, load};
use crate::config::config_json;
use crate::diagnostics::Diagnostics;
use crate::project::Project;
use crate::reader::MemoryFiles;

fn load_text(text: &str) -> Result<Project, Diagnostics> {
    let files = BTreeMap::from([("one.env".to_owned(), "A=1\nB C=2\n".to_owned())]);
    let reader = MemoryFiles(&files);
    let input = ProjectInput {
        name: Some("demo".to_owned()),
        files: vec![SourceFile { path: "compose.yml".to_owned(), text: text.to_owned() }],
        environment: BTreeMap::from([("TAG".to_owned(), "7".to_owned())]),
        working_dir: "/srv/demo".to_owned(),
        profiles: Vec::new(),
        reader: &reader,
    };
    load(&input)
}

fn refused(text: &str) -> String {
    load_text(text).expect_err("refused").to_string()
}

#[test]
fn a_small_project_is_written_out() {
    let text = "services:\n  web:\n    image: redis:${TAG}\n    ports: [\"8080:80\"]\n    volumes: [\"./data:/data\", \"db:/db:ro\"]\n    command: a \"b c\"\nvolumes:\n  db:\n";
    insta::assert_json_snapshot!(config_json(&load_text(text).expect("valid")));
}

#[test]
fn unknown_keys_are_refused_by_name_with_their_line() {
    insta::assert_snapshot!(refused(
        "services:\n  web:\n    imgae: a\n    image: a\n    ports:\n      - target: 80\n        publish: 8080\n    healthcheck: {tests: x}\nnetworks:\n  default: {drivers: bridge}\nservice: {}\n"
    ));
}

#[test]
fn unsupported_keys_are_refused_with_their_reason() {
    insta::assert_snapshot!(refused(
        "services:\n  web:\n    image: a\n    build: .\n    develop: {watch: []}\n    provider: {type: x}\n    models: [m]\n    net: host\nmodels: {m: {model: x}}\n"
    ));
}

#[test]
fn values_of_the_wrong_kind_say_what_was_expected() {
    insta::assert_snapshot!(refused(
        "services:\n  web:\n    image: 5\n    user: 1000\n    privileged: maybe\n    restart: [a]\n    mem_limit: 5 apples\n    stop_grace_period: 10\n    environment: text\n    labels: {a: [b]}\n    pull_policy: sometimes\n    cpus: many\n    ports: [\"99999:80\", {target: x}]\n    volumes: [\"a:b:c:d\", {type: bind}]\n    ulimits: {nofile: x}\n    depends_on: {b: {condition: healthy}}\n  b: {image: b}\n  empty:\n"
    ));
}

#[test]
fn references_to_nothing_are_refused() {
    insta::assert_snapshot!(refused(
        "services:\n  web:\n    image: a\n    depends_on: [nobody]\n    networks: [nowhere]\n    volumes: [\"nothing:/x\"]\n    configs: [c]\n    secrets: [s]\n  none: {labels: {a: b}}\n"
    ));
}

#[test]
fn a_circle_of_dependencies_is_named() {
    insta::assert_snapshot!(refused(
        "services:\n  web: {image: a, depends_on: [api]}\n  api:\n    image: a\n    links: [db]\n  db:\n    image: a\n    network_mode: service:web\n"
    ));
}

#[test]
fn broken_yaml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(
        [
            "services:\n  web:\n    image: a\n   ports: []\n",
            "services: [\n",
            "services:\n\tweb: {image: a}\n",
            "services:\n  web: {image: a}\n  web: {image: b}\n",
            "services: *x\n",
            "a: 1\n---\nb: 2\n",
            "",
            "just text",
            "services: {}\n",
            "services:\n  \"a b\": {image: a}\n",
        ]
        .map(refused)
        .join("----\n")
    );
}

#[test]
fn variables_are_refused_where_they_stand() {
    insta::assert_snapshot!(refused(
        "services:\n  web:\n    image: ${IMAGE:?say which}\n    command: ${}\n    user: \"${1}\"\n    env_file: [one.env, none.env]\n"
    ));
}

#[test]
fn missing_variables_are_a_warning() {
    let project = load_text("version: '3'\nservices:\n  web:\n    image: a\n    user: \"${ID}${ID}\"\n")
        .expect("valid");
    insta::assert_snapshot!(project.warnings);
}

#[test]
fn keys_for_a_swarm_are_a_warning_where_they_stand() {
    let project = load_text(
        "services:\n  web:\n    image: a\n    deploy:\n      placement: {constraints: [node.role == manager]}\n      endpoint_mode: vip\n",
    )
    .expect("valid");
    insta::assert_snapshot!(project.warnings);
}

proptest! {
    #[test]
    fn parse_no_panic(text in "(\\PC|[\\n:\\-\\[\\]{}&*!|>'\"%@`#, ]|  |services:\\n|  a:\\n|    image: b\\n|    ports: |    volumes: |\\$\\{A:-b\\}){0,60}") {
        let _ = load_text(&text);
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused(
        key in prop::sample::select(vec![
            "annotations", "blkio_config", "cap_add", "command", "configs", "cpus", "depends_on", "deploy", "devices",
            "dns", "entrypoint", "env_file", "environment", "expose", "extends", "extra_hosts", "gpus", "group_add",
            "healthcheck", "image", "init", "labels", "label_file", "links", "logging", "mem_limit", "network_mode",
            "networks", "pid", "ports", "profiles", "restart", "scale", "secrets", "stop_grace_period", "sysctls",
            "tmpfs", "ulimits", "user", "volumes", "volumes_from",
        ]),
        value in prop::sample::select(vec![
            "", "x", "5", "-1", "1.5", "true", "[]", "{}", "[x]", "[5]", "[null]", "[[x]]", "[{}]", "{x: y}", "{x: null}",
            "{x: [y]}", "{x: {}}", "[{x: y}]", "[\"80:80\"]", "[\"a:/b\"]", "{test: x}", "{service: a}", "{service: b}",
            "[{path: x}]", "[{target: 80}]", "[{type: bind, source: x, target: /y}]", "\"${X}\"", "!reset x", "1m30s",
        ]),
    ) {
        let _ = load_text(&format!("services:\n  a:\n    image: b\n    {key}: {value}\n").replacen("image: b\n    image", "image", 1));
    }
}
