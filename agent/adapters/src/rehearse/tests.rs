//! Whatever the owner answers reaches the container as it was typed, by each way that a store's packages have for it.

use hearth_model::StoreId;
use proptest::prelude::*;

use super::*;
use crate::{Format, PackageFiles, read, templates};

fn store() -> StoreId {
    "other".parse().expect("a store id")
}

fn package(format: Format, files: &[(&str, &str)]) -> Package {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let files = PackageFiles { folder: "wiki".to_owned(), files };
    read(format, &files, &store()).expect("a good package").package
}

fn runtipi() -> Package {
    let config = r#"{ "id": "wiki", "name": "Wiki", "available": true, "port": 4400, "version": "1",
        "form_fields": [{ "type": "text", "label": "Answer", "env_variable": "ANSWER" }] }"#;
    let services = r#"{ "schemaVersion": 2, "services": [{ "name": "web", "image": "registry.example/wiki:1", "isMain": true,
        "internalPort": 80, "environment": [
            { "key": "PLAIN", "value": "$ANSWER" }, { "key": "BRACES", "value": "${ANSWER}" },
            { "key": "DEFAULT", "value": "${ANSWER:-other}" }, { "key": "AROUND", "value": "<${ANSWER}>" } ] }] }"#;
    package(Format::Runtipi, &[("config.json", config), ("docker-compose.json", services)])
}

/// Takes the answer through a file of variables that the package brings.
fn casaos_with_env_file() -> Package {
    let compose = "name: wiki\nservices:\n  web:\n    image: registry.example/wiki:1\n    env_file: [web.env]\n    \
        environment:\n      - ANSWER\nx-casaos: { main: web, category: Media, title: { en_us: Wiki } }\n";
    let env = "PLAIN=$ANSWER\nBRACES=\"${ANSWER}\"\nDEFAULT=${ANSWER:-other}\nAROUND=<${ANSWER}>\n";
    let mut package = package(Format::CasaOs, &[("docker-compose.yml", compose), ("web.env", env)]);
    // Variables that only the file uses are no settings; here the owner is asked all the same.
    if package.manifest.settings.is_empty() {
        package.manifest.settings.extend(casaos().manifest.settings);
    }
    package
}

fn casaos() -> Package {
    let compose = r#"
name: wiki
services:
  web:
    image: registry.example/wiki:1
    environment:
      - PLAIN=$ANSWER
      - BRACES=${ANSWER}
      - DEFAULT=${ANSWER:-other}
      - AROUND=<${ANSWER}>
      - ANSWER
x-casaos: { main: web, category: Media, title: { en_us: Wiki } }
"#;
    package(Format::CasaOs, &[("docker-compose.yml", compose)])
}

fn environment_of(package: &Package, answer: &str) -> BTreeMap<String, String> {
    let answers = BTreeMap::from([("ANSWER".to_owned(), answer.to_owned())]);
    let spec =
        resolve(package, APPS_DIR, &answers).unwrap_or_else(|problems| panic!("{answer:?}: {problems}"));
    let service = spec.services.values().next().expect("one service");
    service.container.environment.clone()
}

fn expect_unchanged(package: &Package, answer: &str) {
    let environment = environment_of(package, answer);
    for name in ["PLAIN", "BRACES", "DEFAULT"] {
        assert_eq!(environment.get(name).map(String::as_str), Some(answer), "{name}");
    }
    assert_eq!(environment["AROUND"], format!("<{answer}>"));
    // Not every package passes it on under its own name.
    assert!(environment.get("ANSWER").is_none_or(|value| value == answer));
}

/// What has a meaning in some format on the way.
const SPECIAL: [&str; 18] = [
    "$",
    "$$",
    "${x}",
    "$ANSWER",
    "${ANSWER",
    "'",
    "\"",
    "#",
    " # x",
    " leading and trailing ",
    "\\",
    "\\n\\$",
    "two\nlines\n",
    "🔥 é",
    "{{ANSWER}}",
    "`id`",
    "null",
    "a: b",
];

#[test]
fn characters_that_mean_something_on_the_way_stay() {
    for package in [runtipi(), casaos_with_env_file(), casaos()] {
        for answer in SPECIAL {
            expect_unchanged(&package, answer);
        }
    }
}

#[test]
fn umbrel_templates_and_exports_take_values_as_they_are() {
    for answer in SPECIAL {
        let mut known = BTreeMap::from([("ANSWER".to_owned(), answer.to_owned())]);
        for (style, template) in [
            (hearth_model::conventions::TemplateStyle::Shell, "a=$ANSWER;b=${ANSWER}"),
            (hearth_model::conventions::TemplateStyle::Braces, "a={{ANSWER}};b={{ ANSWER }}"),
        ] {
            assert_eq!(templates::render(style, template, &known), format!("a={answer};b={answer}"));
        }
        let exports =
            [variables::text("APP_WIKI_ANSWER", "<${ANSWER}>"), variables::text("AGAIN", "$APP_WIKI_ANSWER")];
        variables::fill(&exports, &|message: &str| variables::derive("seed", message), &mut known)
            .expect("both can be filled");
        assert_eq!(known["AGAIN"], format!("<{answer}>"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_answer_reaches_the_container(answer in "[^\\x00]{1,40}") {
        for package in [runtipi(), casaos_with_env_file(), casaos()] {
            expect_unchanged(&package, &answer);
        }
    }
}
