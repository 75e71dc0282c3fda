use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::browser::{Browser, Look};
use hearth_tests::engine::Engine;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::paths;
use hearth_tests::process::run;
use hearth_tests::registry::Registry;

use crate::person::{PATIENCE, Person, with_dashboard};

const SITE_TITLE: &str = "Adas garden";
const WORDPRESS_PASSWORD: &str = "long enough for anyone 27";

#[test]
fn wordpress_is_installed_set_up_updated_removed_and_found_again() -> Result<()> {
    on_a_machine(|machine| {
        let starter = paths::starter()?;
        let store = copy_store(machine, &starter.store)?;
        let engine = Engine::start(machine)?;
        let _registry = Registry::start_with_starter(machine, &starter)?;
        let hearth = with_dashboard(machine, &engine, &store)?.start()?;
        let person = Person::at(machine, &hearth, "wordpress")?;
        person.sign_up()?;

        install_with_progress(&person)?;
        let page = page_address(&person.browser)?;
        set_wordpress_up(&person.browser, &page)?;
        stop_and_start(&person, &page)?;
        let first_image = image(&engine)?;
        update(&person, &store, &starter.second_store)?;
        expect_site(&person.browser, &page, "03-after-update")?;
        ensure!(image(&engine)? != first_image, "the container has the image of before the update");

        uninstall_keeping_data(&person)?;
        ensure!(engine.containers()?.is_empty(), "containers are left: {:?}", engine.containers()?.keys());
        person.ask_to_install("WordPress")?;
        person.browser.wait_for_text("Data of an earlier install is still here", PATIENCE)?;
        person.browser.screenshots("13-kept-data")?;
        person.browser.press("button", "=Install")?;
        person.wait_for_app_page()?;
        person.wait_for_state("Running")?;
        expect_site(&person.browser, &page, "04-after-reinstall")?;
        person.expect_no_script_errors()
    })
}

fn install_with_progress(person: &Person) -> Result<()> {
    let browser = &person.browser;
    browser.press("link", "=Store")?;
    browser.find("link", "WordPress")?;
    browser.screenshots("01-store")?;
    browser.press("link", "WordPress")?;
    browser.find("button", "=Install")?;
    browser.screenshots("02-package")?;
    browser.press("button", "=Install")?;
    browser.wait_for_text("Ready to install", PATIENCE)?;
    browser.screenshots("03-install")?;
    browser.press("button", "=Install")?;
    person.wait_for_app_page()?;
    browser.find_within("progressbar", "", PATIENCE)?;
    browser.wait_for_text("mariadb", PATIENCE)?;
    // One look only: fetching from loopback is over soon.
    browser.screenshot("04-progress")?;
    browser.look(Look::Phone)?;
    browser.screenshot("04-progress-phone")?;
    browser.look(Look::Desktop)?;
    person.wait_for_state("Running")?;
    browser.screenshots("05-running")?;
    browser.press("link", "=Logs")?;
    browser.wait_for_text("database", PATIENCE)?;
    browser.screenshots("06-logs")?;
    browser.press("link", "=Overview")
}

/// Returns where the app's "Open" leads.
fn page_address(browser: &Browser) -> Result<String> {
    let open = browser.find("link", "=Open")?;
    browser.attribute(&open, "href")?.context("the link leads somewhere")
}

/// Goes through WordPress's own set-up page, signs in, and comes back.
fn set_wordpress_up(browser: &Browser, page: &str) -> Result<()> {
    let dashboard = browser.address()?;
    browser.open(page)?;
    browser.select("body")?;
    // Without the internet there is no choice of languages; with it, the first page asks for one.
    if browser.run("return !!document.querySelector('#language-continue')", &serde_json::json!([]))? == true {
        browser.click(&browser.select("#language-continue")?)?;
    }
    browser.type_into(&browser.select("#weblog_title")?, SITE_TITLE)?;
    browser.type_into(&browser.select("#user_login")?, "ada")?;
    browser.type_into(&browser.select("#pass1")?, WORDPRESS_PASSWORD)?;
    browser.type_into(&browser.select("#admin_email")?, "ada@home.example")?;
    browser.screenshot("07-wordpress-set-up")?;
    browser.click(&browser.select("#submit")?)?;
    browser.wait_for_text("WordPress has been installed", PATIENCE)?;
    browser.open(&format!("{page}wp-login.php"))?;
    browser.type_into(&browser.select("#user_login")?, "ada")?;
    browser.type_into(&browser.select("#user_pass")?, WORDPRESS_PASSWORD)?;
    browser.click(&browser.select("#wp-submit")?)?;
    browser.select("#wpadminbar")?;
    browser.screenshot("08-wordpress-signed-in")?;
    browser.open(&dashboard)
}

fn stop_and_start(person: &Person, page: &str) -> Result<()> {
    person.browser.press("button", "=Stop")?;
    person.wait_for_state("Stopped")?;
    person.browser.screenshots("09-stopped")?;
    ensure!(ureq::get(page).call().is_err(), "a stopped app answers");
    person.browser.press("button", "=Start")?;
    person.wait_for_state("Running")?;
    expect_site(&person.browser, page, "02-after-start")
}

/// Puts the later store in place, finds the update and makes it.
fn update(person: &Person, store: &Path, later: &Path) -> Result<()> {
    let browser = &person.browser;
    run("rm", &["-r", &store.join("apps").to_string_lossy()])?;
    run("cp", &["-r", &later.join("apps").to_string_lossy(), &store.to_string_lossy()])?;
    browser.press("link", "=Settings")?;
    browser.press("button", "Look for new packages")?;
    browser.press("link", "=Home")?;
    browser.press("link", "WordPress")?;
    let button = browser.find("button", "Update to")?;
    let label = browser.run("return arguments[0].innerText", &serde_json::json!([button.reference()]))?;
    let version = label.as_str().unwrap_or_default().trim().trim_start_matches("Update to").trim().to_owned();
    browser.press("button", "Update to")?;
    browser.find("dialog", "Update WordPress")?;
    browser.screenshots("10-update")?;
    browser.press("button", "=Update")?;
    browser.wait_for_text("Updated from", PATIENCE)?;
    person.wait_for_state("Running")?;
    browser.wait_for_text(&format!("Version {version}"), PATIENCE)?;
    browser.screenshots("11-updated")
}

fn image(engine: &Engine) -> Result<String> {
    engine.docker(&["inspect", "--format", "{{.Image}}", "wordpress-wordpress-1"])
}

fn uninstall_keeping_data(person: &Person) -> Result<()> {
    let browser = &person.browser;
    browser.press("button", "Uninstall…")?;
    browser.find("dialog", "Uninstall WordPress?")?;
    browser.screenshots("12-uninstall")?;
    browser.press("button", "Uninstall, keep data")?;
    browser.wait_for_text("nobody home yet", PATIENCE)?;
    Ok(())
}

/// Checks that the site has what its owner entered, and comes back.
fn expect_site(browser: &Browser, page: &str, name: &str) -> Result<()> {
    let dashboard = browser.address()?;
    browser.open(page)?;
    browser.wait_for_text(SITE_TITLE, PATIENCE)?;
    browser.screenshot(&format!("site-{name}"))?;
    browser.open(&dashboard)
}

/// Copies the store, as the journey changes it.
fn copy_store(machine: &Machine, store: &Path) -> Result<PathBuf> {
    let copy = machine.path("starter");
    let status = Command::new("cp").arg("-r").arg(store).arg(&copy).status()?;
    ensure!(status.success(), "the starter store could not be copied");
    Ok(copy)
}
