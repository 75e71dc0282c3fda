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
