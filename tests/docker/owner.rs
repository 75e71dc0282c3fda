use anyhow::{Context as _, Result, ensure};
use hearth_model::api::session::SessionState;
use hearth_tests::client::{PASSWORD, USERNAME};
use hearth_tests::machine::on_a_machine;

use crate::apps::Site;

#[test]
fn a_container_cannot_make_the_first_account() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        "0.0.0.0:0".clone_into(&mut site.setup.listen);
        let image = site.registry.push("eve", "1", 0)?.to_string();
        let hearth = site.setup.start()?;
        let port = hearth.address().rsplit_once(':').context("an address")?.1.to_owned();
        // It even knows the code, which apps that were kept over a reset do not.
        let code = hearth.setup_code()?;
        let body = format!(r#"{{"username":"eve","password":"{PASSWORD}","code":"{code}"}}"#);
        let address = format!("http://$gateway:{port}/api/v1");
        let script = format!(
            "gateway=$(busybox ip route | busybox awk '/^default/ {{ print $3 }}'); busybox wget -O - {address}/session; \
             busybox wget -O - --header 'Content-Type: application/json' --post-data '{body}' {address}/setup"
        );
        let script = format!("{{ {script}; }} 2>&1 || true");
        let said = site.engine.docker(&["run", "--rm", &image, "busybox", "sh", "-c", &script])?;
        ensure!(said.contains("needs_setup"), "the container does not reach Hearth: {said}");
        ensure!(said.contains("403"), "{said}");

        let client = hearth.client();
        ensure!(
            client.get::<SessionState>("session")? == SessionState::NeedsSetup,
            "it has an owner: {said}"
        );
        client.set_up()?;
        let SessionState::SignedIn { user, .. } = client.get("session")? else { anyhow::bail!("signed out") };
        ensure!(user.username == USERNAME && hearth.setup_code().is_err(), "{user:?}");
        Ok(())
    })
}
