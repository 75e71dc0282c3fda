//! Packages of other stores, written here in their formats, from store to answering.

/// What apps cannot reach of each other.
mod apart;
/// Scripts that ask for more of their own app.
mod calls;
/// Packages in the format of CasaOS.
mod casaos;
/// Packages whose page the agent stands in front of.
mod door;
/// Packages in the format of Runtipi.
mod runtipi;
/// Packages in the format of umbrelOS with scripts.
mod scripts;
/// Packages whose page speaks HTTPS.
mod secure;
/// Packages in the format of umbrelOS that talk to each other.
mod together;
/// Packages that use the box's Tor, or bring their own.
mod tor;
/// Packages of a store that a person names, with stand-ins for their images.
mod unchanged;
/// Packages in the format of umbrelOS that change, or ask for much.
mod updates;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use hearth_model::AppState;
use hearth_model::api::apps::{InstallApp, InstallCheck};
use hearth_tests::client::{self, Client, Refused};
use hearth_tests::machine::Machine;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site, page};

/// A command line that shows the environment, the app's data and its own words as its page.
const SHOW_ALL: &str =
    "{ busybox env; cat /data/* 2>/dev/null; echo the end; } >/tmp/index.html; exec httpd -f -p 80 -h /tmp";

/// Makes a site whose store is in another store's format: `files` by path.
pub(crate) fn site(machine: &Machine, image: &str, files: &[(&str, &str)]) -> Result<Site> {
    let mut site = Site::new(machine)?;
    let image = site.registry.push(image, "1", 0)?.to_string();
    write(site.store.path(), &image, files)?;
    Ok(site)
}

/// Writes files of a store; `IMAGE` in them is the image, `SHOW` the command line of [`SHOW_ALL`].
fn write(store: &Path, image: &str, files: &[(&str, &str)]) -> Result<()> {
    // A folder `apps` would make it a store of Hearth's own.
    if fs::read_dir(store.join("apps")).is_ok_and(|mut entries| entries.next().is_none()) {
        fs::remove_dir(store.join("apps"))?;
    }
    for (path, text) in files {
        let path = store.join(path);
        fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
        fs::write(path, text.replace("IMAGE", image).replace("SHOW", SHOW_ALL))?;
    }
    Ok(())
}

/// Returns the request to install a package of the test's store, with consent to all that it asks for.
fn request(client: &Client, package: &str) -> Result<InstallApp> {
    let mut request = client::install("store", package)?;
    let check: InstallCheck = client.send("POST", "apps/check", &request)?;
    request.granted = check.access.into_iter().map(|asked| asked.access).collect();
    Ok(request)
}

/// Installs a package with consent to all that it asks for, and waits until it runs.
pub(crate) fn install(client: &Client, package: &str) -> Result<()> {
    client.send_nothing_back("POST", "apps", &request(client, package)?)?;
    client.wait_for_state(package, AppState::Running, PATIENCE)?;
    Ok(())
}

/// Waits until an app's page answers, and returns it.
pub(crate) fn answer(port: u16) -> Result<String> {
    wait_for("the page", PATIENCE, || {
        Ok(match page(port) {
            Ok(text) => Answer::Is(text),
            Err(error) => Answer::NotYet(error.to_string()),
        })
    })
}

/// Returns what stands in the way of an install.
fn blockers(client: &Client, package: &str) -> Result<String> {
    let check: InstallCheck = client.send("POST", "apps/check", &client::install("store", package)?)?;
    Ok(check.blockers.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("\n"))
}

/// Returns why Hearth refused something.
fn refusal(result: Result<()>) -> Result<String> {
    let error = result.err().context("it was not refused")?;
    Ok(error.downcast_ref::<Refused>().context("Hearth did not answer")?.body.clone())
}
