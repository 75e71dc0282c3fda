use anyhow::{Result, ensure};
use hearth_tests::browser::Browser;
use hearth_tests::client::{PASSWORD, USERNAME};
use hearth_tests::hearth::HearthSetup;
use hearth_tests::machine::on_a_machine;
use hearth_tests::paths;

use crate::person::{PATIENCE, Person, Site};

#[test]
fn the_first_owner_signs_up_looks_around_and_signs_in_again() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        site.offer_page("kitchen", 8091)?;
        let hearth = site.setup.start()?;
        let person = Person::at(machine, &hearth, "first-visit")?;
        let browser = &person.browser;

        // Somebody who came by an address without the code, and types it.
        let code = hearth.setup_code()?;
        browser.open("about:blank")?;
        person.go("/")?;
        browser.find("button", "Make this box mine")?;
        browser.screenshots("01-welcome")?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", PASSWORD)?;
        browser.press("button", "Make this box mine")?;
        browser.wait_for_text("Enter the code of your box", PATIENCE)?;
        browser.fill("Set-up code", "AAAA-3333")?;
        browser.press("button", "Make this box mine")?;
        browser.wait_for_text("not the set-up code of this box", PATIENCE)?;
        browser.screenshots("01-wrong-code")?;
        browser.fill("Set-up code", &code.to_lowercase().replace('-', ""))?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", "short")?;
        browser.press("button", "Make this box mine")?;
        browser.wait_for_text("at least 10 characters", PATIENCE)?;
        person.sign_up()?;
        browser.wait_for_text(USERNAME, PATIENCE)?;
        browser.screenshots("02-home-empty")?;

        browse_the_store(browser)?;
        visit_other_pages(&person)?;

        browser.press("button", "=Sign out")?;
        browser.find("button", "=Sign in")?;
        browser.screenshots("07-sign-in")?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", "not the password")?;
        browser.press("button", "=Sign in")?;
        browser.find("alert", "")?;
        browser.fill("Password", PASSWORD)?;
        browser.press("button", "=Sign in")?;
        browser.find("link", "=Store")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_session_that_ends_leads_to_the_sign_in_page_and_back() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let (_hearth, person) = site.person(machine, "session-ends")?;
        let browser = &person.browser;

        browser.find("link", "=Store")?;
        let sign_out =
            "const headers = { Authorization: `Bearer ${localStorage.getItem('hearth-session-key')}` };
            return fetch('/api/v1/session', { method: 'DELETE', headers }).then((answer) => answer.status)";
        browser.run(sign_out, &serde_json::json!([]))?;
        browser.press("link", "=Settings")?;
        browser.wait_for_text("Your session has ended", PATIENCE)?;
        browser.screenshots("sign-in")?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", PASSWORD)?;
        browser.press("button", "=Sign in")?;
        browser.find("heading", "Settings")?;
        ensure!(!browser.text()?.contains("Your session has ended"), "the end of the session is still told");
        person.expect_no_script_errors()
    })
}

#[test]
fn without_an_engine_the_dashboard_comes_up_and_says_so() -> Result<()> {
    on_a_machine(|machine| {
        let store = hearth_tests::store::StoreFolder::new(machine, "store")?;
        let mut setup = HearthSetup::new(machine, machine.path("no-engine.sock"), store.path())?;
        setup.assets = Some(paths::dashboard()?);
        let hearth = setup.start()?;
        let person = Person::at(machine, &hearth, "without-engine")?;
        person.sign_up()?;
        person.browser.wait_for_text("Docker cannot be reached", PATIENCE)?;
        person.browser.screenshots("home")?;
        person.expect_no_script_errors()
    })
}

fn browse_the_store(browser: &Browser) -> Result<()> {
    browser.press("link", "=Store")?;
    browser.find("link", "Garden")?;
    browser.screenshots("03-store")?;
    browser.fill("Search", "kitch")?;
    browser.find("link", "Kitchen")?;
    ensure!(!browser.has("link", "Garden")?, "the search shows what was not searched for");
    browser.fill("Search", "no such app")?;
    browser.wait_for_text("Nothing found", PATIENCE)?;
    browser.press("button", "Show everything")?;
    browser.press("link", "Garden")?;
    browser.find("button", "=Install")?;
    browser.screenshots("04-package")
}

fn visit_other_pages(person: &Person) -> Result<()> {
    let browser = &person.browser;
    browser.press("link", "=History")?;
    browser.find("heading", "History")?;
    browser.screenshots("05-history")?;
    browser.press("link", "=Settings")?;
    browser.find("heading", "Settings")?;
    browser.wait_for_text("Stores", PATIENCE)?;
    browser.screenshots("06-settings")?;
    browser.press("link", "Updates and releases")?;
    browser.wait_for_text("does not update it", PATIENCE)?;
    browser.screenshots("06-system")?;
    person.go("/no/such/page")?;
    browser.find("link", "Go home")?;
    browser.press("link", "Go home")?;
    browser.find("link", "=Store")?;
    Ok(())
}
