use anyhow::{Result, ensure};
use hearth_model::os::Channel;
use hearth_tests::machine::on_a_machine;
use hearth_tests::os::device::{Device, changed_root, version};
use hearth_tests::os::systemd::{Systemd, set_entry};
use hearth_tests::paths;
use hearth_tests::web::Page;

use crate::person::{PATIENCE, Person, Site};

#[test]
fn a_release_is_installed_by_clicks_and_left_again() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let mut device = Device::new(machine)?;
        let systemd = Systemd::start(machine, &device.root)?;
        device.setup.docker_socket = site.engine.socket();
        device.setup.stores = vec![site.store.path().to_owned()];
        device.setup.environment = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), systemd.address().to_owned())];
        device.setup.assets = Some(paths::dashboard()?);
        // The page waits at its address for the box to come back.
        device.setup.listen = "127.0.0.1:8070".to_owned();
        device.publisher.publish(version(2), Channel::Stable, &changed_root())?;
        let hearth = device.setup.start()?;
        let person = Person::at(machine, &hearth, "system")?;
        let browser = &person.browser;
        person.sign_up()?;
        person.install("Garden")?;
        person.wait_for_state("Running")?;

        browser.press("link", "=Settings")?;
        browser.press("link", "Updates and releases")?;
        browser.find("heading", "Operating system")?;
        browser.press("button", "Check for updates")?;
        browser.wait_for_text("Release 1.0.2", PATIENCE)?;
        browser.screenshots("01-available")?;
        device.server.serve("/os/", Page::Status(404));
        browser.press("button", "Check for updates")?;
        browser.wait_for_text("the channel has no file timestamp.json; it may be in the middle", PATIENCE)?;
        browser.screenshots("01-unreached")?;
        device.server.serve("/os/", Page::Folder(device.publisher.served()));
        browser.press("button", "=Install")?;
        browser.wait_for_text("It is ready", PATIENCE)?;
        browser.screenshots("02-ready")?;
        browser.press("link", "=Home")?;
        browser.wait_for_text("restart when it suits you", PATIENCE)?;
        browser.press("link", "Show details")?;
        browser.press("button", "Restart now")?;
        systemd.wait_for_reboot(1)?;
        browser.wait_for_text("The box restarts", PATIENCE)?;
        hearth.kill()?;

        set_entry(&device.root, version(2), Some("+2-1"))?;
        device.boots(version(2), "two")?;
        let hearth = device.setup.start()?;
        browser.wait_for_text("Release 1.0.2 works", PATIENCE)?;
        browser.screenshots("03-kept")?;

        browser.press("button", "Go back to this")?;
        browser.find("dialog", "Go back to release 1.0.1?")?;
        browser.screenshots("04-back")?;
        browser.press("button", "Restart into it")?;
        systemd.wait_for_reboot(2)?;
        hearth.kill()?;

        device.boots(version(1), "three")?;
        let _hearth = device.setup.start()?;
        let text = browser.wait_for_text("Hearth 1.0.1", PATIENCE)?;
        ensure!(text.contains("You went back from it to 1.0.1"), "{text}");
        browser.screenshots("05-left")?;
        person.expect_no_script_errors()
    })
}
