use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::on_a_machine;

use crate::apps::{PATIENCE, Site, container_ids, install, page};

#[test]
fn two_hearths_on_one_engine_leave_each_other_alone() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("one", "1", 8091)?;
        site.offer_page("two", "1", 8092)?;
        let (first, first_client) = site.set_up()?;
        install(&first_client, "one")?;
        let before = container_ids(&site.engine, "one")?;

        site.setup.state = machine.path("second-state");
        let (_second, second_client) = site.set_up()?;
        ensure!(second_client.apps()?.is_empty(), "the second Hearth shows the first one's app");
        install(&second_client, "two")?;
        second_client.act("DELETE", "apps/two?data=delete")?;
        second_client.wait_until_gone("two", PATIENCE)?;

        ensure!(
            container_ids(&site.engine, "one")? == before,
            "the second Hearth touched the first one's app"
        );
        ensure!(first_client.apps()?["one"].state == AppState::Running);
        drop(first);
        Ok(())
    })
}

#[test]
fn an_app_whose_names_another_hearth_has_says_so_and_takes_nothing() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("one", "1", 8091)?;
        let (_first, first_client) = site.set_up()?;
        install(&first_client, "one")?;
        let before = container_ids(&site.engine, "one")?;

        site.setup.state = machine.path("second-state");
        let (_second, second_client) = site.set_up()?;
        // Refused at once, or installed and not started: both are right, as long as the owner learns why.
        let refused = second_client.install("store", "one");
        if refused.is_ok() {
            second_client.wait_for_app("one", "refused with a reason", PATIENCE, |app| {
                app.state == AppState::Failed && app.reason.is_some()
            })?;
            second_client.act("DELETE", "apps/one?data=delete")?;
            second_client.wait_until_gone("one", PATIENCE)?;
        }

        ensure!(
            container_ids(&site.engine, "one")? == before,
            "the second Hearth touched the first one's containers"
        );
        Ok(())
    })
}

/// Where nothing is set, an engine has addresses for about 30 networks, and every app has one of its own.
#[test]
fn an_app_finds_addresses_when_the_engine_has_none_left() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        for number in 0.. {
            if site.engine.docker(&["network", "create", &format!("other-{number}")]).is_err() {
                break;
            }
            ensure!(number < 1000, "the engine never ran out of addresses");
        }
        for (app, port) in [("one", 8091), ("two", 8092)] {
            site.offer_page(app, "1", port)?;
        }
        let (_hearth, client) = site.set_up()?;
        for (app, port) in [("one", 8091), ("two", 8092)] {
            install(&client, app)?;
            ensure!(page(port)?.contains("it works"));
        }
        Ok(())
    })
}
