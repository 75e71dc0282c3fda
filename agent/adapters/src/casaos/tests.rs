use hearth_model::container::NetworkMode;

use super::*;
use crate::rehearse;

const COMPOSE_FILE: &str = r#"
name: wiki
services:
  web:
    image: registry.example/wiki:2.1
    network_mode: bridge
    deploy: { resources: { reservations: { memory: 256M } } }
    environment:
      ADMIN: $DefaultUserName
      PASSWORD: $DefaultPassword
      API_KEY: $WIKI_API_KEY
      URL: http://localhost:${WEBUI_PORT:-4400}
    ports:
      - { target: 80, published: "${WEBUI_PORT:-4400}", protocol: tcp }
    volumes:
      - { type: bind, source: /DATA/AppData/$AppID/config, target: /config }
      - { type: bind, source: /DATA/Media, target: /media }
x-casaos:
  main: web
  port_map: "${WEBUI_PORT:-4400}"
  index: /start
  category: Media
  architectures: [amd64, arm64, riscv64]
  title: { de_de: Das Wiki, en_us: The Wiki }
"#;

fn package(files: &[(&str, &str)]) -> PackageFiles {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    PackageFiles { folder: "Wiki".to_owned(), files }
}

fn store() -> StoreId {
    "other".parse().expect("a store id")
}

#[test]
fn the_owner_reads_the_tips_before_the_install() {
    let tips = |line: &str| {
        let text = format!("{COMPOSE_FILE}  tips: {line}\n");
        read(&package(&[(COMPOSE, &text)]), &store()).expect("good").package.manifest.tips
    };
    let expected = Some("Change the **password**.".to_owned());
    assert_eq!(tips("{ before_install: { zh_CN: x, en_US: Change the **password**. } }"), expected);
    assert_eq!(tips("{ before_install: Change the **password**. }"), expected);
    assert_eq!(tips("{ de_DE: x, en_US: Change the **password**. }"), expected);
    assert_eq!(tips("{}"), None);
}

#[test]
fn a_built_package_has_its_words_beside_it() {
    let compose = COMPOSE_FILE
        .replace("  category: Media\n", "")
        .replace("  architectures: [amd64, arm64, riscv64]\n", "");
    let meta = r#"{ "category": "Media", "version": "3", "tagline": "All of it", "title": "not this one",
                    "architectures": ["arm64"], "tips": { "before_install": "Mind the step." } }"#;
    let files = package(&[(COMPOSE, &compose), (META, meta)]);
    let manifest = read(&files, &store()).expect("the package is good").package.manifest;
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("The Wiki", "3"));
    assert_eq!((manifest.category, manifest.tagline.as_str()), (Category::Media, "All of it"));
    assert_eq!(manifest.tips.as_deref(), Some("Mind the step."));
    assert_eq!(manifest.architectures.len(), 1);
    let broken = read(&package(&[(COMPOSE, &compose), (META, "[")]), &store()).expect_err("no JSON");
    assert!(broken.to_string().contains(META), "{broken}");
}

#[test]
fn the_page_settings_and_folders_are_ours() {
    let adapted = read(&package(&[(COMPOSE, COMPOSE_FILE)]), &store()).expect("the package is good");
    let manifest = &adapted.package.manifest;
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("The Wiki", "2.1"));
    assert_eq!(manifest.requires.memory_mb, Some(256));
    assert_eq!(manifest.architectures.len(), 2);
    let web = manifest.web.clone().expect("a page");
    assert_eq!((web.port, web.host_port, web.path.as_str()), (80, 4400, "/start"));
    let settings: Vec<_> =
        manifest.settings.iter().map(|field| (field.name.as_str(), field.generate)).collect();
    assert_eq!(settings, [("DefaultPassword", Some(PASSWORD_LENGTH)), ("WIKI_API_KEY", None)]);
    let spec = rehearse(&adapted.package).expect("it resolves");
    let container = &spec.services[&"web".parse().expect("a name")].container;
    let NetworkMode::Networks(networks) = &container.network else { panic!("{:?}", container.network) };
    assert_eq!(networks.keys().collect::<Vec<_>>(), ["wiki_default"]);
    let mounts = format!("{:?}", container.mounts);
    assert!(mounts.contains("/var/lib/hearth/apps/wiki/config"), "{mounts}");
    assert!(mounts.contains("/var/lib/hearth/library/Media"), "{mounts}");
    assert_eq!(container.ports.len(), 1);
}

#[test]
fn a_built_package_has_another_file_for_another_processor() {
    let arm = COMPOSE_FILE
        .replace("wiki:2.1", "wiki-arm:2.1")
        .replace("/DATA/Media, target: /media", "/DATA/Gallery, target: /media");
    let files = package(&[(COMPOSE, COMPOSE_FILE), ("docker-compose.arm64.yml", &arm), (META, "{}")]);
    let image = |processor| {
        let package = read_for(&files, &store(), processor).expect("good").package;
        let spec = rehearse(&package).expect("it resolves");
        assert!(package.files.is_empty() && spec.services.len() == 1);
        spec.services.values().map(|service| service.container.image.to_string()).collect::<String>()
    };
    assert_eq!(image(Some(Architecture::Arm64)), "registry.example/wiki-arm:2.1");
    assert_eq!(image(Some(Architecture::Amd64)), "registry.example/wiki:2.1");
    assert_eq!(image(None), "registry.example/wiki:2.1");
    let broken =
        package(&[(COMPOSE, COMPOSE_FILE), ("docker-compose.arm64.yml", "services: {}"), (META, "{}")]);
    let refused =
        read_for(&broken, &store(), Some(Architecture::Arm64)).expect_err("no x-casaos").to_string();
    assert!(refused.contains("(docker-compose.arm64.yml)"), "{refused}");
}

#[test]
fn an_id_of_the_folder_will_do() {
    let unnamed = COMPOSE_FILE.replace("name: wiki", "");
    let adapted = read(&package(&[(COMPOSE, &unnamed)]), &store()).expect("good");
    assert_eq!(adapted.package.manifest.id.as_str(), "wiki");
}

#[test]
fn a_plain_compose_file_is_refused() {
    let refused =
        read(&package(&[(COMPOSE, "services: { web: { image: a } }")]), &store()).expect_err("no x-casaos");
    assert_eq!(refused.to_string(), "it must have `x-casaos` at its top (docker-compose.yml)");
}
