use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::store::PackageDetail;
use hearth_model::form::FieldKind;
use hearth_tests::client;
use hearth_tests::machine::on_a_machine;

use super::{answer, site};
use crate::apps::PATIENCE;

const COMPOSE: &str = "name: wiki
services:
  web:
    image: IMAGE
    init: true
    network_mode: bridge
    command: [sh, -c, 'SHOW']
    environment:
      ADMIN: $DefaultUserName
      PASSWORD: $DefaultPassword
      USER_ID: ${PUID}
      API_KEY: $WIKI_API_KEY
    ports: [{ target: 80, published: '8321', protocol: tcp }]
    volumes:
      - { type: bind, source: /DATA/AppData/$AppID/config, target: /data }
      - { type: bind, source: /DATA/Media, target: /media }
    devices: [/dev/vchiq:/dev/vchiq]
x-casaos: { main: web, port_map: '8321', index: /, category: Media, title: { en_us: The Wiki } }
";

#[test]
fn a_package_of_casaos_runs_with_a_password_of_its_own() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "casaos", &[("Apps/Wiki/docker-compose.yml", COMPOSE)])?;
        let (hearth, client) = site.set_up()?;
        let detail: PackageDetail = client.get("store/packages/store/wiki")?;
        let field = |name: &str| detail.manifest.settings.iter().find(|field| field.name == name);
        let password = field("DefaultPassword").context("the password is a setting")?;
        ensure!(password.kind == FieldKind::Secret && password.generate.is_some(), "{password:?}");
        ensure!(field("WIKI_API_KEY").context("the key is asked for")?.kind == FieldKind::Secret);

        let mut wanted = client::install("store", "wiki")?;
        // What the package's page says that it may do is what it is asked for, in this box's own folders.
        wanted.granted = detail.access.iter().map(|asked| asked.access.clone()).collect();
        ensure!(wanted.granted.len() == 2, "{:?}", wanted.granted);
        wanted.settings.insert("WIKI_API_KEY".to_owned(), "of the owner".to_owned());
        client.send_nothing_back("POST", "apps", &wanted)?;
        let app = client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        let seen = answer(8321)?;
        for expected in ["ADMIN=admin", "USER_ID=1000", "API_KEY=of the owner"] {
            ensure!(seen.contains(expected), "`{expected}` is not in {seen}");
        }
        let given = seen.lines().find_map(|line| line.strip_prefix("PASSWORD=")).context("a password")?;
        ensure!(given.len() == 20, "{given}");
        ensure!(
            app.default_login.is_some_and(|login| login.password == given),
            "the owner reads the password"
        );
        ensure!(hearth.app_folder("wiki").join("config").is_dir());
        Ok(())
    })
}
