use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::apps::InstallCheck;
use hearth_tests::client::{self, Client};
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::paths;
use hearth_tests::registry::Registry;
use hearth_tests::wait::{Answer, wait_for};

use super::{answer, install, site};
use crate::apps::{PATIENCE, Site};

/// An app with a page of its own at port 8421, whose scripts look for its onion address.
const NODE: [(&str, &str); 3] = [
    ("node/umbrel-app.yml", "manifestVersion: 1\nid: node\nname: Node\nversion: '1'\nport: 8421\n"),
    (
        "node/docker-compose.yml",
        "services:
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'SHOW']
    ports: ['8421:80']
    environment:
      PROXY: $TOR_PROXY_IP:$TOR_PROXY_PORT
      PASSWORD: ${TOR_PASSWORD}
      ADDRESS: $APP_HIDDEN_SERVICE
      EXPORTED: ${APP_NODE_ONION}
",
    ),
    (
        "node/exports.sh",
        "file=\"${EXPORTS_TOR_DATA_DIR}/app-${EXPORTS_APP_ID}/hostname\"\n\
         export APP_NODE_ONION=\"$(cat \"${file}\" 2>/dev/null || echo none)\"\n",
    ),
];
/// An app behind Hearth's sign-in.
const WIKI: [(&str, &str); 2] = [
    ("wiki/umbrel-app.yml", "manifestVersion: 1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8422\n"),
    (
        "wiki/docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: wiki_web_1, APP_PORT: 80 } }
  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'] }
",
    ),
];

/// Makes a site with the starter store beside that of the test, and its images.
fn site_with_tor(machine: &Machine, name: &str, files: &[(&str, &str)]) -> Result<(Site, Registry)> {
    let starter = paths::starter()?;
    let registry = Registry::start_with_starter(machine, &starter)?;
    let mut site = site(machine, name, files)?;
    site.setup.stores.push(starter.store);
    // Containers reach doors, as they do on a device.
    site.setup.listen = "0.0.0.0:0".to_owned();
    Ok((site, registry))
}

/// Installs Tor with consent to what it asks for.
fn install_tor(client: &Client) -> Result<()> {
    let mut wanted = client::install("starter", "tor")?;
    let check: InstallCheck = client.send("POST", "apps/check", &wanted)?;
    wanted.granted = check.access.into_iter().map(|asked| asked.access).collect();
    client.send_nothing_back("POST", "apps", &wanted)
}

fn onion(client: &Client, app: &str) -> Result<Option<String>> {
    Ok(client.app(app)?.onion)
}

/// Waits until the page of the node says that its address is this.
fn wait_for_address(address: &str) -> Result<String> {
    wait_for("the node to know its address", PATIENCE, || {
        let page = answer(8421)?;
        let knows = page.contains(&format!("ADDRESS={address}\n"));
        Ok(if knows { Answer::Is(page) } else { Answer::NotYet(page) })
    })
}

#[test]
fn the_boxs_tor_carries_apps_and_gives_them_addresses() -> Result<()> {
    on_a_machine(|machine| {
        let (site, _registry) = site_with_tor(machine, "tor", &[&NODE[..], &WIKI[..]].concat())?;
        let (hearth, client) = site.set_up()?;
        let check: InstallCheck = client.send("POST", "apps/check", &client::install("store", "node")?)?;
        let warned: Vec<String> = check.warnings.into_iter().map(|finding| finding.message).collect();
        ensure!(warned.iter().any(|words| words.contains("install the app Tor")), "{warned:?}");
        install(&client, "node")?;
        let page = wait_for_address("not-enabled.onion")?;
        ensure!(page.contains("EXPORTED=none\n") && onion(&client, "node")?.is_none(), "{page}");

        let check: InstallCheck = client.send("POST", "apps/check", &client::install("starter", "tor")?)?;
        let warned: Vec<String> = check.warnings.into_iter().map(|finding| finding.message).collect();
        ensure!(warned.iter().any(|words| words.contains("reaches that page from anywhere")), "{warned:?}");
        install_tor(&client)?;
        client.wait_for_state("tor", AppState::Running, PATIENCE)?;
        let node = wait_for("an onion address", PATIENCE, || {
            Ok(onion(&client, "node")?.map_or(Answer::NotYet("none".to_owned()), Answer::Is))
        })?;
        let page = wait_for_address(&node)?;
        for words in [format!("EXPORTED={node}\n"), "PROXY=10.21.21.11:9050\n".to_owned()] {
            ensure!(page.contains(&words), "`{words}` is not in {page}");
        }
        // Tor itself has worked out the same address from the key.
        let onions = hearth.app_folder("tor").join("onions");
        let told = |app: &str| {
            wait_for("Tor to tell an address", PATIENCE, || {
                Ok(match fs::read_to_string(onions.join(app).join("hostname")) {
                    Ok(name) => Answer::Is(name.trim().to_owned()),
                    Err(error) => Answer::NotYet(error.to_string()),
                })
            })
        };
        ensure!(told("node")? == node, "{} is not {node}", told("node")?);

        in_the_node(
            &site,
            "printf '\\005\\001\\000' | busybox nc -w 5 tor_proxy 9050 | busybox xxd -p",
            "0500",
        )?;
        let ask = "{ printf 'AUTHENTICATE \"%s\"\\r\\nGETINFO version\\r\\nQUIT\\r\\n' \"$PASSWORD\"; sleep 1; } \
                   | busybox nc -w 5 10.21.21.11 29051";
        in_the_node(&site, ask, "250-version=0.4")?;
        in_the_node(&site, &ask.replace("$PASSWORD", "wrong"), "515 ")?;

        // An app that comes later has an address too, and is reached where the onion service leads.
        install(&client, "wiki")?;
        let wiki = onion(&client, "wiki")?.context("an address")?;
        ensure!(wiki != node && told("wiki")? == wiki, "{wiki}");
        client.wait_for_state("tor", AppState::Running, PATIENCE)?;
        let torrc = fs::read_to_string(hearth.app_folder("tor").join("torrc"))?;
        let own = hearth.address().rsplit_once(':').context("an address")?.1.to_owned();
        for line in [
            "HiddenServicePort 80 10.21.0.1:8421\n".to_owned(),
            "HiddenServiceDir /onions/wiki\nHiddenServicePort 80 10.21.0.1:8422\n".to_owned(),
            format!("HiddenServicePort 2000 10.21.0.1:{own}\n"),
        ] {
            ensure!(torrc.contains(&line), "`{line}` is not in {torrc}");
        }
        let fetch = |port: &str| {
            let script = format!(
                // Who closes their side of the connection has gone away: no answer comes then.
                "{{ printf 'GET / HTTP/1.1\\r\\nHost: {wiki}\\r\\nAccept: text/html\\r\\nConnection: close\\r\\n\\r\\n'; sleep 3; }} \
                 | nc 10.21.0.1 {port}"
            );
            site.engine.docker(&["exec", "tor-tor-1", "sh", "-c", &script])
        };
        ensure!(fetch("8421")?.contains("ADDRESS="), "a page that Docker publishes");
        let door = fetch("8422")?;
        ensure!(door.contains(&format!("location: http://{wiki}:2000/open/wiki/%2F\r\n")), "{door}");
        ensure!(fetch(&own)?.starts_with("HTTP/1.1 "), "the sign-in does not answer");

        client.act("DELETE", "apps/tor?data=delete")?;
        client.wait_until_gone("tor", PATIENCE)?;
        wait_for_address("not-enabled.onion")?;
        ensure!(onion(&client, "wiki")?.is_none());
        install_tor(&client)?;
        wait_for_address(&node).context("addresses are the box's and not Tor's")?;
        Ok(())
    })
}

/// Runs a command in the node's container, and looks for what it must say.
fn in_the_node(site: &Site, script: &str, expected: &str) -> Result<()> {
    wait_for(expected, PATIENCE, || {
        let said = site.engine.docker(&["exec", "node_web_1", "sh", "-c", script]).unwrap_or_default();
        Ok(Answer::when(said.contains(expected), said))
    })
}

#[test]
fn a_package_that_brings_its_own_tor_has_it() -> Result<()> {
    on_a_machine(|machine| {
        let starter = paths::starter()?;
        let compose = fs::read_to_string(starter.store.join("apps/tor/compose.yml"))?;
        let image =
            compose.lines().find_map(|line| line.trim().strip_prefix("image:")).context("an image")?;
        let compose = format!(
            "services:
  web: {{ image: IMAGE, init: true, command: [sh, -c, 'SHOW'], ports: ['8421:80'], environment: {{ ADDRESS: $APP_NODE_ONION }} }}
  tor:
    image: {image}
    restart: on-failure
    user: '1000:1000'
    volumes: ['${{APP_DATA_DIR}}/torrc:/etc/tor/torrc:ro', '${{TOR_DATA_DIR}}:/data']
"
        );
        let files = [
            NODE[0],
            NODE[2],
            ("node/docker-compose.yml", compose.as_str()),
            (
                "node/torrc.template",
                "DataDirectory /data/state\nSocksPort 0\nHiddenServiceDir /data/app-node\nHiddenServicePort 80 node_web_1:80\n",
            ),
        ];
        let (site, _registry) = site_with_tor(machine, "own-tor", &files)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "node")?;
        let file = hearth.app_folder("node").join("tor/app-node/hostname");
        let address = wait_for("Tor to tell an address", PATIENCE, || {
            Ok(match fs::read_to_string(&file) {
                Ok(name) => Answer::Is(name.trim().to_owned()),
                Err(error) => {
                    Answer::NotYet(format!("{error}: {}", site.engine.docker(&["logs", "node_tor_1"])?))
                }
            })
        })?;
        ensure!(address.len() == 62 && address.ends_with("d.onion"), "{address}");
        client.act("POST", "apps/node/restart")?;
        wait_for_address(&address).context("exports read it from the next start on")?;
        Ok(())
    })
}
