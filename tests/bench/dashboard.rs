use anyhow::{Context as _, Result};
use hearth_model::api::session::SessionState;
use hearth_tests::browser::Browser;
use hearth_tests::client::{PASSWORD, USERNAME};
use hearth_tests::engine::Engine;
use hearth_tests::hearth::HearthSetup;
use hearth_tests::machine::on_a_machine;
use hearth_tests::paths;
use hearth_tests::store::StoreFolder;
use serde_json::json;

use crate::report::Report;

const ROUNDS: usize = 7;
/// Notes when the page first shows something that a person can use.
const WATCH: &str = "
    const usable = () => [...document.querySelectorAll('main h1, main input')].some((element) => element.checkVisibility());
    const watch = () => usable() ? requestAnimationFrame(() => { window.usableAt = performance.now(); })
                                 : requestAnimationFrame(watch);
    watch();
";
/// Sums what travelled, compressed as it was.
const BYTES: &str = "
    const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    return entries.filter((entry) => !entry.name.includes('/api/')).reduce((sum, entry) => sum + entry.encodedBodySize, 0);
";

/// Measures what a first visit fetches and when the page can be used, in Chromium with nothing cached.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    on_a_machine(|machine| {
        let engine = Engine::start(machine)?;
        let store = StoreFolder::new(machine, "store")?;
        let mut setup = HearthSetup::released(machine, engine.socket(), store.path())?;
        setup.assets = Some(paths::dashboard()?);
        let hearth = setup.start()?;
        let address = format!("http://{}/", hearth.address());
        let browser = Browser::start(machine, "bench")?;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH }))?;

        let (bytes, usable_ms) = first_visits(&browser, &address)?;
        report.with_goal("dashboard, first visit, as sent", bytes / 1000.0, "kB", 250.0);
        report.with_goal("dashboard, usable after, nothing cached", usable_ms, "ms", 1000.0);

        let client = hearth.client();
        client.set_up()?;
        let _session: SessionState = client.get("session")?;
        browser.open(&address)?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", PASSWORD)?;
        browser.press("button", "Sign in")?;
        browser.find("link", "Store")?;
        let (_, usable_ms) = visits(&browser, &address)?;
        report.with_goal("dashboard, usable after, seen before", usable_ms, "ms", 1000.0);
        Ok(())
    })
}

fn first_visits(browser: &Browser, address: &str) -> Result<(f64, f64)> {
    browser.devtools("Network.enable", &json!({}))?;
    browser.devtools("Network.setCacheDisabled", &json!({ "cacheDisabled": true }))?;
    let measured = visits(browser, address)?;
    browser.devtools("Network.setCacheDisabled", &json!({ "cacheDisabled": false }))?;
    Ok(measured)
}

/// Returns the bytes that travelled and the median time until the page was usable, in milliseconds.
fn visits(browser: &Browser, address: &str) -> Result<(f64, f64)> {
    let mut times = Vec::new();
    let mut bytes = 0.0;
    for _ in 0..ROUNDS {
        browser.open("about:blank")?;
        browser.open(address)?;
        browser.find("heading", "")?;
        let usable = browser.run("return new Promise((done) => { const ask = () => window.usableAt ? done(window.usableAt) : setTimeout(ask, 10); ask(); })", &json!([]))?;
        times.push(usable.as_f64().context("the page says when it was usable")?);
        bytes = browser.run(BYTES, &json!([]))?.as_f64().context("the page says what it fetched")?;
    }
    times.sort_by(f64::total_cmp);
    Ok((bytes, times[times.len() / 2]))
}
