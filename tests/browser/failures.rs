use std::net::TcpListener;

use anyhow::Result;
use hearth_tests::disk::{Disk, FileSystem};
use hearth_tests::machine::on_a_machine;
use hearth_tests::os::systemd::Systemd;

use crate::person::{PATIENCE, Site};

#[test]
fn an_image_that_is_not_there_is_named() -> Result<()> {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        site.offer_image("ghost", &site.registry.missing_image(), "")?;
        let (_hearth, person) = site.person(machine, "image-not-found")?;
        person.install("Ghost")?;
        person.wait_for_state("Needs attention")?;
        person.browser.wait_for_text("nothing-here", PATIENCE)?;
        person.browser.screenshots("app")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_registry_that_is_gone_is_named_and_the_install_goes_on_when_it_is_back() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let (_hearth, person) = site.person(machine, "registry-gone")?;
        site.registry.stop()?;
        person.install("Garden")?;
        person.browser.wait_for_text("localhost:5000", PATIENCE)?;
        person.wait_for_state("Needs attention")?;
        person.browser.screenshots("app")?;

        site.registry.start_again()?;
        person.browser.press("button", "Try again now")?;
        person.wait_for_state("Running")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_port_that_another_app_has_is_said_with_its_name_before_anything_starts() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        site.offer_page("kitchen", 8090)?;
        let (_hearth, person) = site.person(machine, "port-taken-by-app")?;
        person.install("Garden")?;
        person.wait_for_state("Running")?;

        person.ask_to_install("Kitchen")?;
        person.browser.wait_for_text("Garden", PATIENCE)?;
        person.browser.screenshots("dialog")?;
        person.browser.press("button", "instead")?;
        person.browser.wait_for_text("Ready to install", PATIENCE)?;
        person.browser.press("button", "=Install")?;
        person.wait_for_app_page()?;
        person.wait_for_state("Running")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_port_that_a_program_has_is_said_before_anything_starts() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let (_hearth, person) = site.person(machine, "port-taken-by-program")?;
        let listener = TcpListener::bind("0.0.0.0:8090")?;

        person.ask_to_install("Garden")?;
        person.browser.wait_for_text("Port 8090", PATIENCE)?;
        person.browser.find("button", "instead")?;
        person.browser.screenshots("dialog")?;
        drop(listener);
        person.expect_no_script_errors()
    })
}

#[test]
fn a_port_that_is_taken_while_an_app_is_stopped_is_said_on_its_page() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let (_hearth, person) = site.person(machine, "port-taken-later")?;
        person.install("Garden")?;
        person.wait_for_state("Running")?;
        person.browser.press("button", "=Stop")?;
        person.wait_for_state("Stopped")?;

        let listener = TcpListener::bind("0.0.0.0:8090")?;
        person.browser.press("button", "=Start")?;
        person.wait_for_state("Needs attention")?;
        person.browser.wait_for_text("8090", PATIENCE)?;
        person.browser.screenshots("app")?;
        drop(listener);
        person.browser.press("button", "Try again now")?;
        person.wait_for_state("Running")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_disk_that_images_do_not_fit_on_is_the_reason_shown() -> Result<()> {
    on_a_machine(|machine| {
        // The engine keeps its images on it.
        let disk = Disk::new(machine, "engine", FileSystem::Ext4, 96)?;
        let mut site = Site::new(machine)?;
        let image = site.registry.push("large", "1", 120 * 1024 * 1024)?.to_string();
        site.offer_image(
            "large",
            &image,
            "    healthcheck: { test: [CMD, test, -e, /], interval: 200ms }\n",
        )?;
        let (_hearth, person) = site.person(machine, "disk-full")?;
        person.install("Large")?;
        person.wait_for_state("Needs attention")?;
        person.browser.wait_for_text("disk", PATIENCE)?;
        person.browser.screenshots("app")?;
        person.expect_no_script_errors()?;
        drop(person);
        drop(site);
        drop(disk);
        Ok(())
    })
}

#[test]
fn a_full_state_folder_is_said_and_installing_works_once_there_is_room() -> Result<()> {
    on_a_machine(|machine| {
        let disk = Disk::new(machine, "disk", FileSystem::Ext4, 32)?;
        let mut site = Site::new(machine)?;
        site.setup.state = disk.path().join("state");
        site.offer_page("garden", 8090)?;
        let (_hearth, person) = site.person(machine, "state-folder-full")?;
        disk.fill(0)?;

        person.ask_to_install("Garden")?;
        // Said by the check where it can tell, else by the install itself.
        if !person.browser.text()?.to_lowercase().contains("disk") {
            person.browser.press("button", "=Install")?;
        }
        person.browser.wait_for_text("disk", PATIENCE)?;
        person.browser.screenshots("refused")?;
        anyhow::ensure!(person.browser.has("alert", "disk")?, "the reason went away by itself");

        disk.empty()?;
        person.go("/store/store/garden")?;
        person.browser.find("heading", "Garden")?;
        if person.browser.has("button", "=Install")? {
            person.install("Garden")?;
        } else {
            person.go("/apps/garden")?;
        }
        person.wait_for_state("Running")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_container_that_ends_is_shown_with_its_exit_code_and_last_lines() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer("flower", "    command: [sh, -c, 'echo no water in the vase; exit 3']\n")?;
        let (_hearth, person) = site.person(machine, "container-exits")?;
        person.install("Flower")?;
        person.wait_for_state("Needs attention")?;
        person.browser.wait_for_text("no water in the vase", PATIENCE)?;
        person.browser.wait_for_text("3", PATIENCE)?;
        person.browser.screenshots("app")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_service_that_is_not_healthy_is_shown_with_what_its_check_says() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let check = "    healthcheck: { test: [CMD-SHELL, 'echo the soil is dry; false'], interval: 1s, retries: 2 }\n";
        site.offer("flower", check)?;
        let (_hearth, person) = site.person(machine, "unhealthy")?;
        person.install("Flower")?;
        person.wait_for_state("Unhealthy")?;
        person.browser.wait_for_text("the soil is dry", PATIENCE)?;
        person.browser.screenshots("app")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn a_box_whose_engine_is_still_starting_says_so() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("garden", 8090)?;
        let systemd = Systemd::start(machine, &machine.path("system"))?;
        systemd.set_engine("activating", "start", 7);
        site.setup.environment = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), systemd.address().to_owned())];
        site.engine.kill()?;
        let (_hearth, person) = site.person(machine, "engine-starts")?;
        person.browser.wait_for_text("Docker is starting", PATIENCE)?;
        person.browser.screenshots("home")?;
        // What fails and is tried again is not on its way.
        systemd.set_engine("activating", "auto-restart", 0);
        person.browser.wait_for_text("Docker cannot be reached", PATIENCE)?;
        systemd.set_engine("inactive", "dead", 8);
        person.browser.wait_for_text("Docker is starting", PATIENCE)?;

        site.engine.start_again()?;
        systemd.set_engine("active", "running", 0);
        person.browser.wait_for_text("Running, ", PATIENCE)?;
        person.install("Garden")?;
        person.wait_for_state("Running")?;

        // An update of Docker starts it anew; its apps are neither gone nor ended.
        site.engine.kill()?;
        systemd.set_engine("activating", "start", 9);
        person.browser.wait_for_text("Docker is starting", PATIENCE)?;
        person.browser.press("link", "=Home")?;
        person.browser.wait_for_text("Your box is nearly ready", PATIENCE)?;
        person.browser.screenshots("apps")?;
        person.expect_no_script_errors()
    })
}

#[test]
fn an_engine_that_stops_half_way_is_said_and_the_install_goes_on_when_it_is_back() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("large", "1", 150 * 1024 * 1024)?.to_string();
        site.offer_image(
            "large",
            &image,
            "    healthcheck: { test: [CMD, test, -e, /], interval: 200ms }\n",
        )?;
        let (_hearth, person) = site.person(machine, "engine-stops")?;
        person.install("Large")?;
        person.browser.find_within("progressbar", "", PATIENCE)?;
        site.engine.kill()?;
        person.browser.wait_for_text("Docker cannot be reached", PATIENCE)?;
        person.browser.screenshots("app")?;

        site.engine.start_again()?;
        person.wait_for_state("Running")?;
        person.expect_no_script_errors()
    })
}
