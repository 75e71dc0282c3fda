use std::net::TcpListener;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::{TestPackage, web_service};

use crate::apps::{PATIENCE, Site, install};

#[test]
fn a_port_on_one_address_is_free_on_the_others() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("dns", "1", 0)?.to_string();
        for (id, published) in [
            ("resolver", "127.0.0.53:8053:80"),
            ("second", "127.0.0.53:8053:80"),
            ("names", "127.0.0.1:8053:80"),
            ("wide", "8053:80"),
        ] {
            let compose = format!("services:\n  dns:\n{}    ports: [\"{published}\"]\n", web_service(&image));
            site.store.write(&TestPackage { id, version: "1", web: None, compose: &compose })?;
        }
        let foreign = TcpListener::bind("127.0.0.1:8053")?;
        let (_hearth, client) = site.set_up()?;

        install(&client, "resolver")?;
        let answer = ureq::get("http://127.0.0.53:8053/").call()?.body_mut().read_to_string()?;
        ensure!(answer.contains("it works"), "{answer}");

        let refusal = |app: &str| -> Result<String> {
            Ok(format!("{:#}", client.install("store", app).err().context("two have one port")?))
        };
        let second = refusal("second")?;
        ensure!(
            second.contains("Port 8053 (tcp) is used by the app resolver on 127.0.0.53. Port 8100 is free."),
            "{second}"
        );
        let names = refusal("names")?;
        ensure!(names.contains(" on 127.0.0.1. ") && !names.contains("resolver"), "{names}");
        drop(foreign);
        let wide = refusal("wide")?;
        ensure!(wide.contains("is used by the app resolver on 127.0.0.53. "), "{wide}");

        install(&client, "names")?;
        ensure!(client.apps()?["resolver"].state == AppState::Running);
        client.act("DELETE", "apps/resolver?data=delete")?;
        client.wait_until_gone("resolver", PATIENCE)
    })
}
