use std::collections::BTreeMap;

use hearth_model::desired::Run;
use hearth_model::package::{Access, AccessKind, Architecture};
use hearth_model::plan::Waiting;
use hearth_model::spec::DependencyCondition;
use hearth_model::{AppSpec, Desired, Observed};
use hearth_planner::check::{Candidate, Findings, findings};
use hearth_planner::order::{self, OrderError};
use hearth_planner::{Timing, diff, status};
use insta::assert_snapshot;

use crate::driver::Agent;
use crate::fixture::{Build, app, blog, entry, everywhere, service};
use crate::trouble::ends_after;

const GIB: u64 = 1024 * 1024 * 1024;

#[test]
fn services_stand_above_all_that_they_need() {
    let started = DependencyCondition::ServiceStarted;
    let spec = app("x")
        .service("a", "i:1")
        .after("a", "b", started)
        .after("a", "c", started)
        .service("b", "i:1")
        .after("b", "c", started)
        .service("c", "i:1")
        .service("d", "i:1")
        .inside("d", "b");
    let order = order::of(&spec).expect("an order");
    let names = |layers: &[Vec<&hearth_model::ServiceName>]| -> Vec<String> {
        layers
            .iter()
            .map(|layer| layer.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(names(&order.layers), ["c", "b", "a d"]);
    assert_eq!(names(&order.creation_layers()), ["c b a", "d"]);
}

#[test]
fn a_circle_and_a_missing_service_have_no_order() {
    let started = DependencyCondition::ServiceStarted;
    let circle =
        app("x").service("a", "i:1").after("a", "b", started).service("b", "i:1").after("b", "a", started);
    assert_eq!(order::of(&circle).err(), Some(OrderError::Cycle(vec![service("a"), service("b")])));
    let missing = app("x").service("a", "i:1").after("a", "b", started);
    let expected = OrderError::Missing { service: service("a"), on: service("b") };
    assert_eq!(order::of(&missing).err(), Some(expected));
    let optional = missing.with("a", |a| {
        a.depends_on.get_mut(&service("b")).expect("just added").required = false;
    });
    assert!(order::of(&optional).is_ok());
}

#[test]
fn findings_say_what_would_not_fit_and_offer_a_port() {
    let mut agent = Agent::new();
    agent.want(&app("pihole").service("dns", "pihole:1").port("dns", 53).port("dns", 8100));
    agent.settle();
    agent.sim().foreign_ports.insert(everywhere(8081), "nginx".to_owned());
    agent.sim().foreign_containers.insert("blog-db-1".to_owned());
    agent.sim().host.architecture = Some(Architecture::Arm64);
    agent.sim().host.data_total_bytes = 100 * GIB;
    agent.sim().host.data_free_bytes = 10 * GIB;
    agent.sim().host.engine_free_bytes = Some(2 * GIB);
    agent.sim().host.memory_total_bytes = 4 * GIB;
    agent.sim().host.memory_available_bytes = GIB;
    let mut spec = blog().port("db", 53).port("web", 8081);
    spec.requires.disk_mb = Some(3000);
    spec.requires.memory_mb = Some(1536);
    let ports = BTreeMap::from([("80/tcp".to_owned(), 8081)]);
    let found = agent.with_input(|input| {
        let architectures = [Architecture::Amd64];
        let candidate = Candidate { spec: &spec, architectures: &architectures, ports: &ports };
        findings(&candidate, input.specs, input.observed)
    });
    assert_snapshot!(text(&found), @r"
    blocker PortTaken 53/tcp: Port 53 (tcp) is used by the app pihole. Port 8101 is free.
    blocker PortTaken 80/tcp: Port 8081 (tcp) is used by nginx. Port 8102 is free.
    blocker NameTaken: The container name `blog-db-1` is used by a container that was not made by Hearth; rename or remove it.
    blocker WrongArchitecture: This box has a processor of the kind arm64, and the app is made for amd64 only.
    blocker DiskFull: The app needs 3 GB of disk space, and only 2.1 GB are free. Remove what you no longer need, then try again.
    warning MemoryShort: The app needs 1.5 GB of memory, and 1.1 GB are free now. It may be slow, or other apps may be stopped.
    free 53/tcp 8101
    free 80/tcp 8102
    ");
}

#[test]
fn an_app_never_clashes_with_itself_and_unknown_facts_block_nothing() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    agent.sim().foreign_ports.insert(everywhere(8080), "docker-proxy".to_owned());
    let mut spec = blog();
    spec.requires.disk_mb = Some(3000);
    spec.requires.memory_mb = Some(3000);
    let found = agent.with_input(|input| {
        let ports = BTreeMap::new();
        findings(
            &Candidate { spec: &spec, architectures: &[Architecture::Arm], ports: &ports },
            input.specs,
            input.observed,
        )
    });
    assert_eq!(found, Findings::default());
}

fn text(found: &Findings) -> String {
    let mut lines = Vec::new();
    for (kind, list) in [("blocker", &found.blockers), ("warning", &found.warnings)] {
        for finding in list {
            let field = finding.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
            lines.push(format!("{kind} {:?}{field}: {}", finding.code, finding.message));
        }
    }
    lines.extend(found.free_ports.iter().map(|(field, port)| format!("free {field} {port}")));
    lines.join("\n")
}

#[test]
fn differences_are_sentences_without_secrets() {
    let desired = |apps: &[AppSpec]| Desired {
        apps: apps.iter().map(|spec| (spec.app.clone(), entry(spec))).collect(),
        ..Desired::default()
    };
    let from = desired(&[blog(), app("git"), app("old"), app("older")]);
    let mut to = desired(&[blog().version("2"), app("git"), app("new")]);
    let blog = to.apps.get_mut(&blog().app).expect("it is there");
    blog.settings.insert("PASSWORD".to_owned(), "secret".to_owned());
    blog.ports.insert("8080/tcp".to_owned(), 9000);
    let git = to.apps.get_mut(&app("git").app).expect("it is there");
    git.run = Run::Stopped;
    git.restarts = 1;
    let detail = "/mnt/disk".to_owned();
    git.granted.insert(Access::new(AccessKind::HostPaths, "web", detail));
    to.deleted_data.insert(app("older").app);
    to.deleted_data.insert(app("oldest").app);
    to.settings.box_name = Some("Cellar".to_owned());
    assert_snapshot!(diff::changes(&from, &to).join("\n"), @r"
    Update blog from 1 to 2.
    Change settings of blog: PASSWORD.
    Publish port 8080/tcp of blog as 9000.
    Stop git.
    Allow git a folder outside its own: /mnt/disk.
    Restart git.
    Install new 1 from hearth.
    Remove old and keep its data.
    Remove older and delete its data for good.
    Delete the kept data of oldest for good.
    Call this box Cellar.
    ");
    assert!(diff::changes(&from, &from).is_empty());
}

#[test]
fn each_service_has_its_state_in_a_word_or_two() {
    let mut agent = Agent::new();
    agent.sim().behaviours.insert("job:1".to_owned(), ends_after(1, 3));
    let spec = blog().service("job", "job:1").one_shot("job");
    agent.want(&spec);
    let states = |observed: &Observed, waiting: &[Waiting], now| -> String {
        let services = status::services(&spec, &observed.containers, waiting, &Timing::default(), now);
        let one = |service: &hearth_model::condition::ServiceStatus| {
            format!("{} {} {}", service.service, service.state, if service.ok { "ok" } else { "not ok" })
        };
        services.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let plan = agent.plan();
    let waiting = &plan.apps[&spec.app].waiting;
    assert_snapshot!(states(&agent.observed(), waiting, agent.now()), @"db not made not ok, job not made not ok, web waits for db not ok");
    agent.settle();
    agent.pass(5);
    agent.settle();
    assert_snapshot!(states(&agent.observed(), &[], agent.now()), @"db healthy ok, job exited (3) not ok, web running ok");
}

#[test]
fn a_port_that_the_package_does_not_have_is_named_with_those_it_has() {
    let spec = app("site").service("web", "nginx:1").port("web", 8080).door("web", 9090);
    let chosen = |port: &str| BTreeMap::from([(port.to_owned(), 1234)]);
    for known in ["8080/tcp", "9090/tcp"] {
        assert_eq!(hearth_planner::check::unknown_ports(&spec, &chosen(known)), []);
    }
    for unknown in ["80/tcp", "8080/udp"] {
        let found = hearth_planner::check::unknown_ports(&spec, &chosen(unknown));
        assert_eq!(found[0].field.as_deref(), Some(unknown));
        assert_eq!(
            found[0].message,
            format!("site has no port {unknown} that could be moved: it has 8080/tcp, 9090/tcp.")
        );
    }
    let found = hearth_planner::check::unknown_ports(&app("none"), &chosen("80/tcp"));
    assert!(found[0].message.ends_with("it publishes none."), "{}", found[0].message);
}
