use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::on_a_machine;
use hearth_tests::paths;

use crate::apps::{PATIENCE, Site};

/// How long requests are made up, in seconds; `MADE_UP_SECS` asks for more.
const SECS: u64 = 45;

/// What is not asked: streams, which do not end; a file, which the program cannot make up; a restart of the machine; and
/// what would end or change the session that all requests are made with.
const LEFT_OUT: [&str; 7] =
    ["/events", "/apps/{id}/logs", "/os/upload", "/os/reboot", "/session", "/session/password", "/setup"];

/// [Schemathesis](https://schemathesis.readthedocs.io) reads the OpenAPI document and makes requests up, with ids of what is
/// there: the document's links lead it from lists to apps, packages, stores and generations.
#[test]
fn no_made_up_request_is_answered_with_a_failure_of_hearth() -> Result<()> {
    on_a_machine(|machine| {
        let program = paths::target().join("tools/schemathesis/bin/st");
        ensure!(program.is_file(), "schemathesis is missing; `.ci/setup tests` installs it");
        let secs = match std::env::var("MADE_UP_SECS") {
            Ok(secs) => secs.parse().context("MADE_UP_SECS is a number")?,
            Err(_) => SECS,
        };
        let mut site = Site::new(machine)?;
        for (id, port) in [("page", 8090), ("other", 8091)] {
            site.offer_page(id, "1", port)?;
        }
        let (hearth, client) = site.set_up()?;
        client.install("store", "page")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;

        let mut command = Command::new(program);
        command
            .arg("run")
            .arg(format!("http://{}/api/v1/openapi.json", hearth.address()))
            .args(["--header", &format!("Authorization:Bearer {}", client.session_key()?)])
            .args(["--checks", "not_a_server_error", "--max-time", &secs.to_string()])
            // An install or a fetch of a store that nobody has may take a while.
            .args(["--request-timeout", "20", "--max-failures", "5", "--no-color", "--warnings", "off"])
            .args(["--suppress-health-check", "all", "--generation-database", "none"])
            // The app stays, so that there is one to ask about until the end.
            .args(["--exclude-operation-id", "delete_apps_id"])
            .current_dir(machine.folder());
        for path in LEFT_OUT {
            command.args(["--exclude-path", path]);
        }
        let output = command.output().context("failed to start schemathesis")?;
        let said = String::from_utf8_lossy(&output.stdout);
        // Kept as text for whoever wants the numbers.
        println!("{said}");
        ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        client.get::<serde_json::Value>("apps").context("Hearth no longer answers")?;
        Ok(())
    })
}
