use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::on_a_machine;

use super::{answer, blockers, install, refusal, request, site};
use crate::apps::PATIENCE;

const NODE: [(&str, &str); 3] = [
    ("node/umbrel-app.yml", "manifestVersion: 1\nid: node\nname: Node\nversion: '1'\nport: 8301\n"),
    (
        "node/docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: node_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo here is the node >/tmp/index.html; exec httpd -f -p 80 -h /tmp']
    networks: { default: { ipv4_address: $APP_NODE_IP } }
    volumes: ['${APP_DATA_DIR}/data:/data']
",
    ),
    (
        "node/exports.sh",
        "export APP_NODE_IP=\"10.21.21.40\"\nexport APP_NODE_PORT=\"80\"\n\
         export APP_NODE_DIR=\"${EXPORTS_APP_DIR}/data\"\n",
    ),
];
const EXPLORER: [(&str, &str); 2] = [
    (
        "explorer/umbrel-app.yml",
        "manifestVersion: 1\nid: explorer\nname: Explorer\nversion: '1'\nport: 8302\ndependencies: [node]\n",
    ),
    (
        "explorer/docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: explorer_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    command:
      - sh
      - -c
      - 'wget -q -O /tmp/by-name http://node_web_1:${APP_NODE_PORT}/; wget -q -O /tmp/by-address http://$APP_NODE_IP/;
        cat /tmp/by-name /tmp/by-address >/tmp/index.html; echo ${APP_NODE_DIR} >>/tmp/index.html; exec httpd -f -p 80 -h /tmp'
    volumes: ['${APP_NODE_DIR}:/node:ro']
",
    ),
];

#[test]
fn an_app_that_talks_to_another_needs_it_finds_it_and_keeps_it() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "together", &[&NODE[..], &EXPLORER[..]].concat())?;
        let (hearth, client) = site.set_up()?;

        let missing = blockers(&client, "explorer")?;
        ensure!(missing.contains("Explorer needs the app `node`, which is not installed"), "{missing}");
        let refused = refusal(client.install("store", "explorer"))?;
        ensure!(refused.contains("needs the app `node`"), "{refused}");

        install(&client, "node")?;
        install(&client, "explorer")?;
        let seen = answer(8302)?;
        ensure!(seen.matches("here is the node").count() == 2, "by name and by address: {seen}");
        let folder = hearth.app_folder("node").join("data");
        ensure!(seen.contains(&folder.display().to_string()), "{seen}");

        let refused = refusal(client.act("DELETE", "apps/node?data=delete"))?;
        ensure!(refused.contains("Node is needed by Explorer"), "{refused}");
        client.act("DELETE", "apps/explorer?data=delete")?;
        client.wait_until_gone("explorer", PATIENCE)?;
        client.act("DELETE", "apps/node?data=delete")?;
        client.wait_until_gone("node", PATIENCE)?;
        let left = site.engine.names("network")?;
        ensure!(!left.contains(&"hearth_shared".to_owned()), "{left:?}");

        // The home network has these addresses: its router must stay where it is.
        let home =
            "ip link add home0 type bridge && ip address add 10.21.0.2/24 dev home0 && ip link set home0 up";
        hearth_tests::process::run("sh", &["-c", home])?;
        let taken = blockers(&client, "node")?;
        ensure!(taken.contains("10.21.0.0/16") && taken.contains("10.21.0.0/24 over home0"), "{taken}");
        let refused = refusal(client.install("store", "node"))?;
        ensure!(refused.contains("over home0"), "{refused}");
        Ok(())
    })
}

#[test]
fn the_owner_chooses_which_app_takes_the_place_of_another() -> Result<()> {
    on_a_machine(|machine| {
        let stand_ins: Vec<(String, String)> = ["first", "second"]
            .iter()
            .zip([41, 42])
            .flat_map(|(id, address)| NODE.map(|(path, text)| stand_in(id, address, path, text)))
            .collect();
        let stand_ins: Vec<(&str, &str)> =
            stand_ins.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let site = site(machine, "choice", &[&EXPLORER[..], &stand_ins].concat())?;
        let (_hearth, client) = site.set_up()?;
        install(&client, "first")?;
        ensure!(blockers(&client, "explorer")?.is_empty(), "the only one that there is will do");
        install(&client, "second")?;
        let several = blockers(&client, "explorer")?;
        ensure!(several.contains("First or Second can take: choose one"), "{several}");

        let mut wanted = hearth_tests::client::install("store", "explorer")?;
        wanted.uses.insert("node".parse()?, "second".parse()?);
        let check: hearth_model::api::apps::InstallCheck = client.send("POST", "apps/check", &wanted)?;
        wanted.granted = check.access.into_iter().map(|asked| asked.access).collect();
        client.send_nothing_back("POST", "apps", &wanted)?;
        client.wait_for_state("explorer", AppState::Running, PATIENCE)?;
        let seen = answer(8302)?;
        ensure!(seen.contains("/second/data") && seen.contains("here is the node"), "{seen}");
        let refused = refusal(client.act("DELETE", "apps/second?data=keep"))?;
        ensure!(refused.contains("Second is needed by Explorer"), "{refused}");
        client.act("DELETE", "apps/first?data=delete")?;
        client.wait_until_gone("first", PATIENCE)?;
        Ok(())
    })
}

/// Returns a file of a package that takes the node's place.
fn stand_in(id: &str, address: u8, path: &str, text: &str) -> (String, String) {
    let name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
    let text = text
        .replace("id: node\nname: Node", &format!("id: {id}\nname: {name}\nimplements: [node]"))
        .replace("8301", &format!("83{address}"))
        .replace("node_web_1", &format!("{id}_web_1"))
        .replace("10.21.21.40", &format!("10.21.21.{address}"));
    (path.replace("node/", &format!("{id}/")), text)
}

#[test]
fn an_app_joins_the_others_only_when_one_talks_to_it() -> Result<()> {
    on_a_machine(|machine| {
        let store = [
            ("wiki/umbrel-app.yml", "manifestVersion: 1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8303\n"),
            (
                "wiki/docker-compose.yml",
                "services:
  app_proxy: { environment: { APP_HOST: wiki_web_1, APP_PORT: 80 } }
  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'] }
",
            ),
            (
                "reader/umbrel-app.yml",
                "manifestVersion: 1\nid: reader\nname: Reader\nversion: '1'\nport: 8304\ndependencies: [wiki]\n",
            ),
            (
                "reader/docker-compose.yml",
                "services:\n  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'] }\n",
            ),
        ];
        let site = site(machine, "apart", &store)?;
        let (_hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        ensure!(!site.engine.names("network")?.contains(&"hearth.wiki".to_owned()));
        client.send_nothing_back("POST", "apps", &request(&client, "reader")?)?;
        client.wait_for_state("reader", AppState::Running, PATIENCE)?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        let networks = |container: &str| {
            let format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
            site.engine.docker(&["inspect", "--format", format, container])
        };
        for container in ["wiki_web_1", "reader_web_1"] {
            let joined = networks(container)?;
            ensure!(joined.contains("hearth.wiki"), "{container}: {joined}");
        }
        Ok(())
    })
}
