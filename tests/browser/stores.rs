use anyhow::{Result, ensure};
use hearth_tests::machine::on_a_machine;
use hearth_tests::tarball::Tarball;
use hearth_tests::web::{Page, WebServer};

use crate::person::{PATIENCE, Site};

/// Returns an archive of packages in one folder, as servers offer them; each with its version.
fn archive(packages: &[(&str, &str)]) -> Vec<u8> {
    let compose = b"services:\n  web:\n    image: busybox:1\n";
    let all = packages.iter().fold(Tarball::default(), |all, (id, version)| {
        let manifest = format!(
            "manifest: 1\nid: {id}\nname: {id}\ntagline: Grows on the balcony\nversion: \"{version}\"\ncategory: other\n"
        );
        all.file(&format!("balcony-main/apps/{id}/app.yml"), manifest.as_bytes())
            .file(&format!("balcony-main/apps/{id}/compose.yml"), compose)
    });
    all.finish()
}

#[test]
fn a_store_is_added_by_its_address_refreshed_and_removed() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let server = WebServer::start()?;
        let (_hearth, person) = site.person(machine, "stores")?;
        let browser = &person.browser;

        person.go("/settings")?;
        browser.press("button", "=Add a store")?;
        browser.find("textbox", "Location")?;
        browser.fill("Location", &server.url("/balcony.tar"))?;
        browser.wait_for_text("It comes over plain http", PATIENCE)?;
        browser.screenshots("01-add")?;
        browser.press("button", "=Add a store")?;
        browser.wait_for_text("404", PATIENCE)?;
        browser.screenshots("02-not-there")?;

        server.serve("/balcony.tar", Page::file(archive(&[("mint", "1"), ("basil", "1")])));
        browser.press("button", "=Add a store")?;
        browser.wait_for_text("balcony is added", PATIENCE)?;
        let text = browser.wait_for_text("2 packages", PATIENCE)?;
        ensure!(text.contains(&server.url("/balcony.tar")), "the address is not shown: {text}");
        ensure!(
            text.contains("It comes over plain http"),
            "its packages can be changed on their way: {text}"
        );
        // The page stands open for a while.
        browser.run("const then = Date.now; Date.now = () => then() + 600000", &serde_json::json!([]))?;
        browser.wait_for_text("checked 10 minutes ago", PATIENCE)?;

        server.serve("/balcony.tar", Page::file(archive(&[("mint", "2"), ("thyme", "1")])));
        browser.click(&browser.select(
            "li.store:has(button[aria-label^=Remove]) button[aria-label='Look for new packages in balcony']",
        )?)?;
        browser.wait_for_text("1 new, 1 updated, 1 removed", PATIENCE)?;
        browser.click(&browser.select("details.is-news summary")?)?;
        browser.wait_for_text("mint 1 → 2", PATIENCE)?;
        browser.screenshots("03-refreshed")?;

        server.serve("/balcony.tar", Page::Status(500));
        browser.click(&browser.select(
            "li.store:has(button[aria-label^=Remove]) button[aria-label='Look for new packages in balcony']",
        )?)?;
        browser.wait_for_text("You see the packages from the last refresh that worked", PATIENCE)?;
        browser.screenshots("04-failed")?;
        person.go("/store")?;
        browser.wait_for_text("thyme", PATIENCE)?;

        person.go("/settings")?;
        browser.press("button", "=Remove balcony")?;
        browser.wait_for_text("Remove balcony?", PATIENCE)?;
        browser.screenshots("05-remove")?;
        browser.click(&browser.select("dialog[open] .is-danger")?)?;
        browser.wait_for_text("1 package", PATIENCE)?;
        person.go("/store")?;
        browser.wait_for_text("garden", PATIENCE)?;
        ensure!(!browser.text()?.contains("thyme"), "a package of the removed store is still offered");
        Ok(())
    })
}
