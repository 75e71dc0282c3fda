//! How long a look takes as a box grows: `cargo bench -p hearth-planner`.

#![expect(clippy::print_stdout, reason = "a table is what this is for")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hearth_model::container::{Endpoint, Healthcheck, NetworkMode, PortBinding, Protocol, RestartPolicy};
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::package::Requirements;
use hearth_model::spec::{Dependency, DependencyCondition, NetworkSpec, ServiceSpec};
use hearth_model::{AppId, AppSpec, ContainerSpec, Desired, Digest, Reason};
use hearth_planner::sim::Sim;
use hearth_planner::{Input, Timing, plan};
use jiff::SignedDuration;

const LOOKS: u32 = 50;

fn main() {
    println!("{:>5} {:>11} {:>14} {:>16}", "apps", "containers", "install (ms)", "unchanged (ms)");
    for apps in [10, 30, 100, 200, 400] {
        let mut desired = Desired::default();
        let mut specs: BTreeMap<AppId, Result<AppSpec, Reason>> = BTreeMap::new();
        for number in 0..apps {
            let spec = spec(number);
            desired.apps.insert(spec.app.clone(), entry(&spec));
            specs.insert(spec.app.clone(), Ok(spec));
        }
        let mut sim = Sim::new();
        let install = measure(&desired, &specs, &sim);
        loop {
            let planned = look(&desired, &specs, &sim);
            if planned.is_empty() && planned.look_again_at.is_none() {
                break;
            }
            for (_, step) in planned.steps() {
                sim.execute(step).expect("nothing goes wrong on this box");
            }
            sim.tick(SignedDuration::from_secs(3));
        }
        let unchanged = measure(&desired, &specs, &sim);
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        println!("{apps:>5} {:>11} {:>14.2} {:>16.2}", apps * 3, ms(install), ms(unchanged));
    }
}

/// Returns the best time of a plan, which a busy machine disturbs least; looking itself is not counted.
fn measure(desired: &Desired, specs: &BTreeMap<AppId, Result<AppSpec, Reason>>, sim: &Sim) -> Duration {
    let observed = sim.observe(desired.apps.keys());
    let (updates, failures, wanted_since) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let input = Input {
        desired,
        specs,
        observed: &observed,
        updates: &updates,
        failures: &failures,
        wanted_since: &wanted_since,
        timing: Timing::default(),
        now: sim.now,
    };
    black_box(plan(&input));
    let once = |_| {
        let start = Instant::now();
        black_box(plan(black_box(&input)));
        start.elapsed()
    };
    (0..LOOKS).map(once).min().unwrap_or_default()
}

fn look(
    desired: &Desired,
    specs: &BTreeMap<AppId, Result<AppSpec, Reason>>,
    sim: &Sim,
) -> hearth_planner::Plan {
    let observed = sim.observe(desired.apps.keys());
    plan(&Input {
        desired,
        specs,
        observed: &observed,
        updates: &BTreeMap::new(),
        failures: &BTreeMap::new(),
        wanted_since: &BTreeMap::new(),
        timing: Timing::default(),
        now: sim.now,
    })
}

/// Returns an app of three services: a database, a cache, and a web server that waits for both.
fn spec(number: u16) -> AppSpec {
    let app: AppId = format!("app-{number}").parse().expect("a valid id");
    let network = format!("{app}_default");
    let mut services = BTreeMap::new();
    for (name, image) in [("db", "mariadb:11"), ("cache", "redis:7"), ("web", "wordpress:6")] {
        let mut container =
            ContainerSpec::new(format!("{app}-{name}-1"), image.parse().expect("a valid image"));
        container.network = NetworkMode::Networks([(network.clone(), Endpoint::default())].into());
        container.restart = RestartPolicy::UnlessStopped;
        for variable in 0..10 {
            container.environment.insert(format!("VARIABLE_{variable}"), "a value of some length".to_owned());
        }
        let test = vec!["CMD".to_owned(), "healthy".to_owned()];
        container.healthcheck = Some(Healthcheck {
            test,
            interval_ms: None,
            timeout_ms: None,
            retries: None,
            start_period_ms: None,
            start_interval_ms: None,
        });
        if name == "web" {
            let host_port = Some(10_000 + number);
            container.ports.push(PortBinding {
                host_ip: None,
                host_port,
                container_port: 80,
                protocol: Protocol::Tcp,
            });
        }
        let spec = ServiceSpec { container, depends_on: BTreeMap::new(), one_shot: false };
        services.insert(name.parse().expect("a valid name"), spec);
    }
    let healthy =
        Dependency { condition: DependencyCondition::ServiceHealthy, restart: false, required: true };
    let web = services.get_mut(&"web".parse().expect("a valid name")).expect("just made");
    for on in ["db", "cache"] {
        web.depends_on.insert(on.parse().expect("a valid name"), healthy);
    }
    AppSpec {
        app: app.clone(),
        version: "1".to_owned(),
        package_digest: Digest::of(app.as_str().as_bytes()),
        services,
        networks: [(network, NetworkSpec::default())].into(),
        volumes: BTreeMap::new(),
        files: BTreeMap::new(),
        folders: BTreeMap::new(),
        web: None,
        door: None,
        onion: None,
        access: Default::default(),
        requires: Requirements::default(),
        hooks: Default::default(),
    }
}

fn entry(spec: &AppSpec) -> DesiredApp {
    DesiredApp {
        store: "hearth".parse().expect("a valid id"),
        package: spec.app.to_string(),
        version: "1".to_owned(),
        digest: spec.package_digest.clone(),
        run: Run::Running,
        settings: BTreeMap::new(),
        ports: BTreeMap::new(),
        granted: Default::default(),
        uses: BTreeMap::new(),
        restarts: 0,
    }
}
