use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::browser::{Browser, Look};
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use serde_json::{Value, json};

use crate::person::{PATIENCE, Person, Site};

/// How often each page is loaded, and how often it is left from within; `PAGE_LOADS` asks for more.
const LOADS: usize = 3;

/// Names another page on the address bar and tells the program, as the browser's own buttons do, and leaves after a moment:
/// some visits end before the page's first answer, some before its first frame, some after both.
const VISIT_AND_LEAVE: &str = r#"
    const [pages, rounds] = arguments;
    const wait = (time) => new Promise((done) => setTimeout(done, time));
    return (async () => {
        for (let round = 0; round < rounds; round += 1) {
            for (const page of pages) {
                history.pushState(null, "", page);
                dispatchEvent(new PopStateEvent("popstate"));
                await wait((round * 37) % 120);
            }
        }
    })();
"#;

/// Returns the words of the navigation that are hard to read on what really lies behind them: contrast below 4.5
/// (<https://www.w3.org/TR/WCAG22/#contrast-minimum>). A background that lets others through is mixed with what is below.
const HARD_TO_READ: &str = include_str!("pages/contrast.js");

#[test]
fn every_page_can_be_loaded_and_left_at_any_moment() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        offer_talkers(&mut site)?;
        let (hearth, person) = site.person(machine, "pages")?;
        person.install("Talkers")?;
        person.wait_for_state("Running")?;
        let browser = &person.browser;
        browser.console_errors()?;

        let loads = match std::env::var("PAGE_LOADS") {
            Ok(loads) => loads.parse().context("PAGE_LOADS is a number")?,
            Err(_) => LOADS,
        };
        let pages = pages(&hearth)?;
        for page in &pages {
            for load in 0..loads {
                person.go(page)?;
                std::thread::sleep(Duration::from_millis((load as u64 * 53) % 250));
                expect_no_errors(browser, page)?;
            }
        }
        person.go("/")?;
        browser.find("link", "=Store")?;
        // In parts, so that one call does not take longer than the driver waits.
        for _ in 0..loads {
            browser.run(VISIT_AND_LEAVE, &json!([pages, 10]))?;
            expect_no_errors(browser, "one of the pages, left")?;
        }

        person.go("/apps/talkers/logs")?;
        browser.wait_for_text("the first says", PATIENCE)?;
        browser.look(Look::Phone)?;
        browser.run("scrollTo(0, 0); document.querySelector('.logs').scrollIntoView()", &json!([]))?;
        let faint = browser.run(HARD_TO_READ, &json!([]))?;
        ensure!(faint == json!([]), "hard to read on a phone: {faint}");
        browser.look(Look::Desktop)?;

        crash_is_shown(&person)
    })
}

/// Two services that write all the time, so that a page of the log is always busy.
fn offer_talkers(site: &mut Site) -> Result<()> {
    let image = site.registry.push("talkers", "1", 0)?.to_string();
    let service = |name: &str| {
        format!(
            "  {name}:\n    image: {image}\n    init: true\n    command: [sh, -c, 'while true; do echo the {name} says; sleep 0.02; done']\n"
        )
    };
    let compose = format!("services:\n{}{}", service("first"), service("second"));
    site.store.write(&TestPackage { id: "talkers", version: "1", web: None, compose: &compose })
}

/// Addresses of every kind of page.
fn pages(hearth: &Hearth) -> Result<Vec<String>> {
    let client = hearth.client();
    client.sign_in()?;
    let packages: Value = client.get("store/packages")?;
    let store = packages.pointer("/0/store").and_then(Value::as_str).context("the store offers a package")?;
    let package = format!("/store/{store}/talkers");
    let fixed = [
        "/",
        "/store",
        "/history",
        "/settings",
        "/system",
        "/apps/talkers",
        "/apps/talkers/logs",
        "/apps/talkers/settings",
        "/no/such/page",
    ];
    Ok(fixed.into_iter().map(str::to_owned).chain([package]).collect())
}

/// Checks that nothing failed: no script, no request of the page's own.
fn expect_no_errors(browser: &Browser, page: &str) -> Result<()> {
    let errors = browser.console_errors()?;
    ensure!(errors.is_empty(), "on {page}: {errors:#?}");
    Ok(())
}

/// A panic covers the page, which does nothing any more, with the way out.
fn crash_is_shown(person: &Person) -> Result<()> {
    let browser = &person.browser;
    let panic =
        "dispatchEvent(new ErrorEvent('error', { error: new WebAssembly.RuntimeError('unreachable') }))";
    browser.run(panic, &json!([]))?;
    browser.find("alertdialog", "This page crashed")?;
    browser.screenshots("crash")?;
    let errors = browser.console_errors()?;
    ensure!(
        errors.iter().any(|error| error.contains("unreachable")),
        "the console does not say why: {errors:?}"
    );
    browser.press("button", "=Reload")?;
    browser.wait_for_text("the first says", PATIENCE)?;
    ensure!(!browser.has("alertdialog", "This page crashed")?, "the reloaded page is covered still");
    Ok(())
}
