use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::machine::on_a_machine;
use serde_json::json;

use crate::person::{PATIENCE, Site};

/// Writes a package in the format of umbrelOS that serves a page.
fn offer(site: &mut Site, id: &str, port: u16, more: &str) -> Result<()> {
    let image = site.registry.push(id, "1", 0)?.to_string();
    let name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
    let about = format!(
        "manifestVersion: 1\nid: {id}\nname: {name}\ntagline: Made for a test\nversion: '1'\nport: {port}\n{more}"
    );
    let compose = format!(
        "services:\n  app_proxy: {{ environment: {{ APP_HOST: {id}_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' }} }}\n  web:\n    \
         image: {image}\n    init: true\n    command: [sh, -c, 'echo {id} >/tmp/index.html; exec httpd -f -p 80 -h /tmp']\n"
    );
    let folder = site.store.path().join(id);
    fs::create_dir(&folder)?;
    fs::write(folder.join("umbrel-app.yml"), about)?;
    fs::write(folder.join("docker-compose.yml"), compose)?;
    Ok(())
}

#[test]
fn the_owner_is_told_what_to_install_first_and_then_chooses_among_what_is_there() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        fs::remove_dir(site.store.path().join("apps"))?;
        offer(&mut site, "node", 8351, "")?;
        offer(&mut site, "knots", 8352, "implements: [node]\n")?;
        offer(&mut site, "explorer", 8353, "dependencies: [node]\n")?;
        let (hearth, person) = site.person(machine, "companions")?;

        person.ask_to_install("Explorer")?;
        person.browser.wait_for_text("Install one of these first", PATIENCE)?;
        person.browser.screenshots("01-missing")?;
        person.browser.press("link", "=Knots")?;
        person.browser.press("button", "=Install")?;
        person.browser.find("dialog", "Install Knots")?;
        person.browser.wait_for_text("Ready to install", PATIENCE)?;
        person.browser.press("button", "=Install")?;
        person.wait_for_app_page()?;
        person.wait_for_state("Running")?;

        person.ask_to_install("Explorer")?;
        person.browser.wait_for_text("It uses Knots, which is installed.", PATIENCE)?;
        person.browser.screenshots("02-the-only-one")?;
        person.browser.press("button", "=Cancel")?;
        person.install("Node")?;
        person.wait_for_state("Running")?;

        person.ask_to_install("Explorer")?;
        person.browser.find("combobox", "As its node")?;
        person.browser.wait_for_text("Ready to install", PATIENCE)?;
        let chosen = "return document.querySelector('select[id=\"use-node\"]').value";
        ensure!(
            person.browser.run(chosen, &json!([]))? == "node",
            "what the package names is chosen beforehand"
        );
        person.browser.screenshots("03-choice")?;
        let choose = "const s = document.querySelector('select[id=\"use-node\"]'); s.value = 'knots'; \
                      s.dispatchEvent(new Event('change', { bubbles: true }))";
        person.browser.run(choose, &json!([]))?;
        person.browser.press("button", "=Install")?;
        person.wait_for_app_page()?;
        person.wait_for_state("Running")?;
        let exported = hearth.command_line(&["export"])?;
        let document = String::from_utf8(exported.stdout).context("text")?;
        ensure!(document.contains("node: knots"), "{document}");
        person.expect_no_script_errors()
    })
}
