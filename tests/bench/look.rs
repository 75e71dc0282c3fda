use std::time::Duration;

use anyhow::{Result, ensure};
use hearth_tests::machine::on_a_machine;

use crate::compose::Compose;
use crate::report::{Report, milliseconds};
use crate::site::{self, Site};

/// Services of each app: 30 apps, 100 containers.
const APPS: [(usize, usize); 3] = [(10, 2), (10, 3), (10, 5)];
const LOOKS: usize = 41;

/// Measures a look at 100 containers of 30 unchanged apps beside `docker compose up -d` over the same projects.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let compose = Compose::new(machine, &site.engine)?;
        let apps: Vec<(String, usize)> = APPS
            .into_iter()
            .flat_map(|(count, services)| {
                (1..=count).map(move |number| (format!("a{services}-{number}"), services))
            })
            .collect();

        let mut nothing_to_do = Duration::ZERO;
        for (app, services) in &apps {
            compose.write(app, &site.image, *services)?;
            compose.up(app)?;
        }
        ensure!(site.engine.containers()?.len() == 100);
        for (app, _) in &apps {
            nothing_to_do += compose.up(app)?;
        }
        for (app, services) in &apps {
            compose.down(app)?;
            site.offer(app, *services)?;
        }

        let (_hearth, client) = site.start()?;
        let names: Vec<String> = apps.iter().map(|(app, _)| app.clone()).collect();
        site::install_all(&client, &names)?;
        ensure!(site.engine.containers()?.len() == 100);
        let look = site::look(&client, LOOKS)?;

        report.beside_peer("a look at 100 containers of 30 unchanged apps", look, nothing_to_do, 1.0 / 60.0);
        report.with_goal("the same, in itself", look.as_secs_f64() * 1000.0, "ms", 50.0);
        report.figure("Docker Compose, per project", &milliseconds(nothing_to_do / 30));
        Ok(())
    })
}
