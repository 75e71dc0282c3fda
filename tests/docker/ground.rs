use std::time::Duration;

use anyhow::{Result, ensure};
use hearth_tests::engine::Engine;
use hearth_tests::machine::on_a_machine;
use hearth_tests::registry::Registry;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::page;

/// When this fails, the failures of the other tests say nothing about Hearth.
#[test]
fn the_ground_that_tests_stand_on_holds() -> Result<()> {
    on_a_machine(|machine| {
        let mut engine = Engine::start(machine)?;
        let mut registry = Registry::start(machine)?;
        let image = registry.push("ground", "1", 100_000)?.to_string();
        let script = "echo it works >/data/index.html; exec httpd -f -p 80 -h /data";
        engine.docker(&[
            "run",
            "--detach",
            "--name",
            "ground",
            "--publish",
            "8096:80",
            &image,
            "sh",
            "-c",
            script,
        ])?;
        wait_for("the page", Duration::from_secs(10), || Ok(Answer::when(page(8096).is_ok(), "no answer")))?;

        engine.kill()?;
        ensure!(page(8096).is_err(), "a container outlived its engine");
        registry.stop()?;
        engine.start_again()?;
        ensure!(engine.containers()?["ground"].state == "exited");
        ensure!(
            engine.docker(&["pull", &registry.missing_image()]).is_err(),
            "a registry that is gone answered"
        );
        Ok(())
    })
}
