use hearth_model::condition::ReasonCode;
use hearth_model::container::RestartPolicy;
use hearth_model::desired::Run;
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::observed::{ContainerState, EngineState};
use hearth_model::spec::DependencyCondition;
use hearth_model::{AppSpec, AppState, Reason};
use hearth_planner::sim::{Behaviour, Ending, Fault, HealthCheck};
use insta::assert_snapshot;

use crate::driver::{Agent, words};
use crate::fixture::{Build, app, blog, everywhere, id};

pub(crate) fn ends_after(after_secs: i64, exit_code: i64) -> Behaviour {
    Behaviour { ends: Some(Ending { after_secs, exit_code, out_of_memory: false }), ..Behaviour::default() }
}

/// Installs the blog with something wrong and returns what the owner reads in the end.
fn verdict(spec: &AppSpec, prepare: impl FnOnce(&mut Agent)) -> String {
    let mut agent = Agent::new();
    prepare(&mut agent);
    agent.want(spec);
    agent.settle();
    agent.pass(10);
    words(&agent.settle())
}

fn behaves(image: &str, behaviour: Behaviour) -> impl FnOnce(&mut Agent) {
    let image = image.to_owned();
    move |agent| {
        agent.sim().behaviours.insert(image, behaviour);
    }
}

#[test]
fn what_the_owner_reads_says_what_happened_and_what_to_do() {
    let mut report = String::new();
    let mut case = |title: &str, text: String| report.push_str(&format!("{title}\n{text}\n"));
    case("the image is not in the registry", {
        verdict(&blog(), |agent| {
            agent.sim().not_in_registry.insert("wordpress:6".parse().expect("valid"));
        })
    });
    case("a port is used by another program", {
        verdict(&blog(), |agent| {
            agent.sim().foreign_ports.insert(everywhere(8080), "nginx".to_owned());
        })
    });
    case("a name is taken", {
        verdict(&blog(), |agent| {
            agent.sim().foreign_containers.insert("blog-web-1".to_owned());
        })
    });
    case(
        "a network's name is taken",
        verdict(&blog(), |agent| agent.sim().add_foreign_network("blog_default")),
    );
    let unhealthy = Behaviour { health: HealthCheck::UnhealthyAfter(3), ..Behaviour::default() };
    case("the database is unhealthy", verdict(&blog(), behaves("mariadb:11", unhealthy.clone())));
    case("the web server is unhealthy", verdict(&blog(), behaves("wordpress:6", unhealthy)));
    let slow = Behaviour { health: HealthCheck::HealthyAfter(100_000), ..Behaviour::default() };
    case("the database never says anything", verdict(&blog(), behaves("mariadb:11", slow)));
    case(
        "the web server ends",
        verdict(&blog().restart("web", RestartPolicy::No), behaves("wordpress:6", ends_after(3, 127))),
    );
    let oom = Ending { after_secs: 3, exit_code: 137, out_of_memory: true };
    let oom = Behaviour { ends: Some(oom), ..Behaviour::default() };
    case("the web server needs too much", {
        verdict(&blog().restart("web", RestartPolicy::No), behaves("wordpress:6", oom))
    });
    case("the engine refuses to start it", {
        let error = Some("exec: \"/run.sh\": permission denied".to_owned());
        verdict(&blog(), behaves("wordpress:6", Behaviour { start_error: error, ..Behaviour::default() }))
    });
    case("services wait for one another", {
        let spec = blog().after("db", "web", DependencyCondition::ServiceStarted);
        verdict(&spec, |_| {})
    });
    case("a needed migration fails", {
        let spec = app("git")
            .service("migrate", "migrate:1")
            .one_shot("migrate")
            .service("web", "web:1")
            .after("web", "migrate", DependencyCondition::ServiceCompletedSuccessfully);
        verdict(&spec, behaves("migrate:1", ends_after(2, 1)))
    });
    case("two services of one app want one port", verdict(&blog().port("db", 8080), |_| {}));
    case("the package is broken", {
        verdict(&blog(), |agent| {
            let reason = Reason::new(ReasonCode::PackageInvalid, "compose.yml, line 3: no such key.");
            agent.break_spec(&id("blog"), reason);
        })
    });
    assert_snapshot!(report);
}

#[test]
fn who_runs_keeps_the_port_and_is_named() {
    let mut agent = Agent::new();
    agent.want(&app("pihole").service("dns", "pihole:1").port("dns", 53));
    agent.settle();
    agent.want(&app("adguard").service("dns", "adguard:1").port("dns", 53));
    let plan = agent.settle();
    assert_snapshot!(words(&plan), @r"
      adguard Failed: Port 53 (tcp) is used by the app pihole. Choose another port in the app's settings, or stop what uses it. [PortTaken]
      pihole Running
    ");
    agent.set_run(&id("pihole"), Run::Stopped);
    agent.settle();
    assert_eq!(agent.state(&id("adguard")).0, AppState::Running);
}

#[test]
fn a_crashing_app_does_not_lose_its_port_to_a_new_one() {
    let mut agent = Agent::new();
    agent.want(&app("pihole").service("dns", "pihole:1").port("dns", 53));
    agent.settle();
    agent.sim().change_container("pihole-dns-1", |seen| {
        seen.state = ContainerState::Restarting { exit_code: 1 };
        seen.ports.clear();
    });
    agent.want(&app("adguard").service("dns", "adguard:1").port("dns", 53));
    assert_eq!(agent.state(&id("adguard")).0, AppState::Failed);
    assert_ne!(agent.state(&id("pihole")).0, AppState::Failed);
}

#[test]
fn one_port_may_be_shared_by_addresses() {
    let on = |name: &str, address: &str| {
        app(name).service("web", "nginx:1").port("web", 80).with("web", |web| {
            web.container.ports[0].host_ip = Some(address.to_owned());
        })
    };
    let mut agent = Agent::new();
    agent.want(&on("one", "127.0.0.1"));
    agent.want(&on("two", "192.168.1.2"));
    let both = agent.plan();
    assert!(both.apps.values().all(|app| app.state == AppState::Installing), "{}", words(&both));
    agent.want(&on("six", "::"));
    assert_eq!(agent.state(&id("six")).0, AppState::Installing, "IPv6 is apart");
    agent.want(&on("wide", "0.0.0.0"));
    assert_eq!(agent.state(&id("wide")).0, AppState::Failed);
    assert_eq!(agent.state(&id("two")).0, AppState::Installing);
}

#[test]
fn another_programs_port_on_another_address_stands_in_nobodys_way() {
    let on = |address: &str| {
        app("dns").service("dns", "pihole:1").port("dns", 53).with("dns", |dns| {
            dns.container.ports[0].host_ip = Some(address.to_owned());
        })
    };
    let mut agent = Agent::new();
    let stub = HostSocket { address: HostAddress::of(Some("127.0.0.53")), ..everywhere(53) };
    agent.sim().foreign_ports.insert(stub, "systemd-resolve".to_owned());
    agent.want(&on("0.0.0.0"));
    assert_snapshot!(words(&agent.plan()), @"  dns Failed: Port 53 (tcp) is used by `systemd-resolve` on 127.0.0.53, which is not an app of Hearth. Choose another port in the app's settings, or stop what uses it. [PortTaken]");
    agent.want(&on("192.168.1.2"));
    agent.settle();
    assert_eq!(agent.state(&id("dns")).0, AppState::Running);
    // The engine has listeners of its own for what it publishes, under a name that depends on its version.
    agent.sim().foreign_ports.insert(
        HostSocket { address: HostAddress::of(Some("192.168.1.2")), ..everywhere(53) },
        "dockerd".to_owned(),
    );
    agent.settle();
    assert_eq!(agent.state(&id("dns")).0, AppState::Running);
}

#[test]
fn an_app_without_its_data_is_not_started_on_an_empty_folder() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    agent.set_run(&id("blog"), Run::Stopped);
    agent.settle();
    agent.sim().set_data_away(&id("blog"), true);
    agent.set_run(&id("blog"), Run::Running);
    let plan = agent.settle();
    assert_snapshot!(words(&plan), @"  blog Failed: The app's data is not where it was. Perhaps a disk is not connected: connect it, and the app starts by itself. To begin again without the old data, choose to start fresh. [DataMissing]");
    agent.sim().set_data_away(&id("blog"), false);
    agent.settle();
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn a_container_that_crashes_over_and_over_is_said_to_and_not_touched() {
    let mut agent = Agent::new();
    agent.sim().behaviours.insert("wordpress:6".to_owned(), ends_after(2, 1));
    agent.want(&blog());
    agent.pass(60);
    let plan = agent.plan();
    assert!(plan.is_empty());
    assert_eq!(plan.apps[&id("blog")].state, AppState::Unhealthy);
    assert_eq!(plan.apps[&id("blog")].reason.as_ref().map(|reason| reason.code), Some(ReasonCode::CrashLoop));
}

#[test]
fn a_container_that_ended_by_itself_stays_so_until_the_owner_or_a_reboot_asks_again() {
    let spec = blog().restart("web", RestartPolicy::No);
    let mut agent = Agent::new();
    agent.sim().behaviours.insert("wordpress:6".to_owned(), ends_after(60, 3));
    agent.want(&spec);
    agent.settle();
    agent.pass(120);
    assert!(agent.plan().is_empty());
    assert_eq!(agent.state(&id("blog")).0, AppState::Failed);
    agent.sim().reboot();
    agent.start();
    agent.settle();
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn a_failed_step_waits_longer_each_time_and_a_changed_wish_does_not_wait() {
    let mut agent = Agent::new();
    let reason = Reason::new(ReasonCode::RegistryUnreachable, "The registry does not answer.");
    agent.sim().faults.push(Fault { step: "fetch".to_owned(), reason, times: 1000 });
    agent.want(&blog());
    let mut tries = Vec::new();
    for turn in agent.watch(200) {
        if !turn.plan.is_empty() {
            tries.push(turn.at.as_second());
        }
    }
    tries.dedup();
    assert_eq!(tries, [0, 5, 15, 35, 75, 155]);
    assert_eq!(agent.state(&id("blog")), (AppState::Failed, "The registry does not answer.".to_owned()));
    agent.want(&blog().env("web", "A", "b"));
    assert!(!agent.plan().is_empty());
}

#[test]
fn without_an_engine_nothing_is_planned_and_every_app_says_so() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    agent.sim().engine = EngineState::Unreachable { reason: "Docker does not answer. Start it.".to_owned() };
    assert_snapshot!(words(&agent.plan()), @"  blog EngineUnreachable: Docker does not answer. Start it. [EngineUnreachable]");
}

#[test]
fn a_broken_spec_leaves_what_runs_alone_and_can_still_be_stopped() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    let reason = Reason::new(ReasonCode::PackageMissing, "The package's files are gone.");
    agent.break_spec(&id("blog"), reason);
    assert!(agent.plan().is_empty());
    agent.set_run(&id("blog"), Run::Stopped);
    assert_snapshot!(words(&agent.plan()), @r"
      blog Stopping
        stop blog-web-1
        stop blog-db-1
    ");
}

#[test]
fn what_others_did_to_a_container_is_mended() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    for harm in 0..4 {
        match harm {
            0 => agent.sim().lose_container("blog-db-1"),
            1 => agent.sim().change_container("blog-web-1", |seen| seen.networks.clear()),
            2 => agent.sim().change_container("blog-web-1", |seen| seen.state = ContainerState::Dead),
            _ => agent.sim().change_container("blog-db-1", |seen| {
                seen.state = ContainerState::Created { error: Some("port is already allocated".to_owned()) };
            }),
        }
        assert!(!agent.plan().is_empty(), "harm {harm} was not seen");
        agent.settle();
        assert_eq!(agent.state(&id("blog")).0, AppState::Running, "harm {harm} was not mended");
        assert!(agent.plan().is_empty());
    }
}
