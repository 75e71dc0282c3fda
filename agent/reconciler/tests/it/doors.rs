use hearth_model::desired::Run;
use hearth_model::{AppSpec, AppState};

use crate::driver::{Agent, words};
use crate::fixture::{Build, app, everywhere, id};
use insta::assert_snapshot;

fn behind_a_door(name: &str, port: u16) -> AppSpec {
    app(name).service("web", "nginx:1").door("web", port)
}

fn doors(agent: &Agent) -> String {
    let sim = agent.sim();
    let doors = sim.doors.iter().map(|(port, app)| format!("{port} {app}"));
    doors.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_door_is_there_as_long_as_the_app_is_installed() {
    let mut agent = Agent::new();
    agent.want(&behind_a_door("wiki", 8080));
    agent.settle();
    assert_eq!(doors(&agent), "8080 wiki");
    agent.set_run(&id("wiki"), Run::Stopped);
    agent.settle();
    assert_eq!(doors(&agent), "8080 wiki");
    agent.start();
    agent.settle();
    assert_eq!(doors(&agent), "8080 wiki", "the agent's restart opens it again");
    agent.want(&behind_a_door("wiki", 8081));
    agent.settle();
    assert_eq!(doors(&agent), "8081 wiki");
    agent.remove(&id("wiki"), false);
    agent.settle();
    assert_eq!(doors(&agent), "");
}

#[test]
fn who_has_the_port_keeps_it_and_is_named() {
    let mut agent = Agent::new();
    agent.want(&behind_a_door("wiki", 8080));
    agent.settle();
    agent.want(&behind_a_door("blog", 8080));
    agent.want(&app("chat").service("web", "nginx:1").port("web", 8080));
    let plan = agent.settle();
    assert_snapshot!(words(&plan), @r"
      blog Failed: Port 8080 (tcp) is used by the app wiki. Choose another port in the app's settings, or stop what uses it. [PortTaken]
      chat Failed: Port 8080 (tcp) is used by the app wiki. Choose another port in the app's settings, or stop what uses it. [PortTaken]
      wiki Running
    ");
    assert_eq!(doors(&agent), "8080 wiki");
    agent.remove(&id("wiki"), false);
    agent.settle();
    assert_eq!(doors(&agent), "8080 blog");
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn the_door_of_a_stopped_app_makes_way_for_one_that_runs() {
    let mut agent = Agent::new();
    agent.want(&behind_a_door("wiki", 8080));
    agent.settle();
    agent.set_run(&id("wiki"), Run::Stopped);
    agent.settle();
    agent.want(&app("chat").service("web", "nginx:1").port("web", 8080));
    agent.settle();
    assert_eq!(doors(&agent), "");
    assert_eq!(agent.state(&id("chat")).0, AppState::Running);
    agent.set_run(&id("chat"), Run::Stopped);
    agent.settle();
    assert_eq!(doors(&agent), "8080 wiki", "nobody else wants it any more");
}

#[test]
fn another_programs_port_is_no_door() {
    let mut agent = Agent::new();
    agent.sim().foreign_ports.insert(everywhere(8080), "nginx".to_owned());
    agent.want(&behind_a_door("wiki", 8080));
    let plan = agent.settle();
    assert_snapshot!(words(&plan), @"  wiki Failed: Port 8080 (tcp) is used by `nginx`, which is not an app of Hearth. Choose another port in the app's settings, or stop what uses it. [PortTaken]");
    agent.sim().foreign_ports.clear();
    agent.settle();
    assert_eq!(doors(&agent), "8080 wiki");
}
