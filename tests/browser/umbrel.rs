use anyhow::{Result, ensure};
use hearth_tests::machine::on_a_machine;
use hearth_tests::tarball::Tarball;
use hearth_tests::web::{Page, WebServer};

use crate::person::{PATIENCE, Person, Site};

/// It has an address of its own among all apps, which it exports with a key, and a page that is open to strangers.
const NODE: [(&str, &str); 3] = [
    ("umbrel-app.yml", "manifestVersion: 1\nid: node\nname: Node\ntagline: Talks to its kind\nversion: '1'\nport: 8361\n"),
    (
        "docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: node_web_1, APP_PORT: 80, PROXY_AUTH_WHITELIST: '/open/*' } }
  web:
    image: IMAGE
    init: true
    command:
      - sh
      - -c
      - 'busybox mkdir -p /tmp/open; echo here is the node >/tmp/index.html; echo for everybody >/tmp/open/index.html;
        exec httpd -f -p 80 -h /tmp'
    networks: { default: { ipv4_address: $APP_NODE_IP } }
",
    ),
    (
        "exports.sh",
        "export APP_NODE_IP=10.21.21.40\nlocal key=$(derive_entropy node-key)\nexport APP_NODE_KEY=\"${key:0:16}\"\n",
    ),
];
/// It needs the other, and prepares itself with its own image before it starts for the first time.
const EXPLORER: [(&str, &str); 3] = [
    (
        "umbrel-app.yml",
        "manifestVersion: 1\nid: explorer\nname: Explorer\ntagline: Shows it\nversion: '1'\nport: 8362\ndependencies: [node]\n",
    ),
    (
        "docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: explorer_web_1, APP_PORT: 80 } }
  web:
    image: IMAGE
    init: true
    command:
      - sh
      - -c
      - 'wget -q -O /tmp/node http://$APP_NODE_IP/; cat /tmp/node /data/made >/tmp/index.html;
        echo key ${APP_NODE_KEY} >>/tmp/index.html; exec httpd -f -p 80 -h /tmp'
    volumes: ['${APP_DATA_DIR}/data:/data']
",
    ),
    (
        "hooks/pre-start",
        "#!/usr/bin/env bash\nset -euo pipefail\n[[ ! -f data/made ]] || exit 0\nmkdir -p data\n\
         \"${UMBREL_ROOT}/scripts/app\" compose \"${APP_ID}\" run --rm web busybox echo made by the image >data/made\n",
    ),
];
const BEACON: [(&str, &str); 2] = [
    (
        "umbrel-app.yml",
        "manifestVersion: 1\nid: beacon\nname: Beacon\ntagline: Is seen\nversion: '1'\nport: 8363\n",
    ),
    (
        "docker-compose.yml",
        "services:
  web:
    image: IMAGE
    init: true
    network_mode: host
    command: [sh, -c, 'echo seen from everywhere >/tmp/index.html; exec httpd -f -p 8363 -h /tmp']
",
    ),
];

#[test]
fn packages_with_scripts_addresses_and_the_hosts_network_go_from_their_store_to_answering() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("umbrel", "1", 0)?.to_string();
        let packages = [("node", &NODE[..]), ("explorer", &EXPLORER), ("beacon", &BEACON)];
        let archive = packages.iter().fold(Tarball::default(), |archive, (id, files)| {
            files.iter().fold(archive, |archive, (path, text)| {
                archive.file(&format!("shelf-main/{id}/{path}"), text.replace("IMAGE", &image).as_bytes())
            })
        });
        let server = WebServer::start()?;
        server.serve("/shelf.tar", Page::file(archive.finish()));
        let (_hearth, person) = site.person(machine, "umbrel")?;
        let browser = &person.browser;
        person.add_store(&server.url("/shelf.tar"), "Shelf")?;

        install(&person, "Node", "Runs exports.sh on this box", "01-node")?;
        let node = person.open_app("here is the node", "02-node")?;
        let explorer =
            "Runs hooks/pre-start on this box, with its own folder and containers and without a network";
        install(&person, "Explorer", explorer, "03-explorer")?;
        person.open_app("here is the node", "04-explorer")?;
        let page = browser.text()?;
        let key = page.split("key ").nth(1).map(str::trim).unwrap_or_default();
        ensure!(page.contains("made by the image"), "the script left nothing: {page}");
        ensure!(key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "no key: {page}");

        person.go("/")?;
        browser.press("link", "=Store")?;
        browser.press("link", "Beacon")?;
        browser.press("button", "=Install")?;
        browser.wait_for_text("uses this box's network directly", PATIENCE)?;
        browser.press("checkbox", "I trust Beacon")?;
        browser.wait_for_text("Ready to install", PATIENCE)?;
        browser.screenshots("05-beacon")?;
        browser.press("button", "=Install")?;
        person.wait_for_app_page()?;
        person.wait_for_state("Running")?;
        person.open_app("seen from everywhere", "06-beacon")?;

        person.go("/")?;
        browser.press("button", "=Sign out")?;
        browser.find("textbox", "Name")?;
        browser.open(&format!("{node}open/index.html"))?;
        browser.wait_for_text("for everybody", PATIENCE)?;
        browser.open(&node)?;
        browser.find("textbox", "Name")?;
        Ok(())
    })
}

/// Installs a package whose page says what it runs; the app's page is open then.
fn install(person: &Person, name: &str, runs: &str, picture: &str) -> Result<()> {
    let browser = &person.browser;
    person.go("/store")?;
    browser.press("link", name)?;
    browser.wait_for_text(runs, PATIENCE)?;
    browser.screenshots(picture)?;
    browser.press("button", "=Install")?;
    // Only the box knows with whom it will share a network.
    browser.wait_for_text("joins the network of the apps that have fixed addresses", PATIENCE)?;
    browser.press("checkbox", &format!("I trust {name}"))?;
    browser.wait_for_text("Ready to install", PATIENCE)?;
    browser.press("button", "=Install")?;
    person.wait_for_app_page()?;
    person.wait_for_state("Running")
}
