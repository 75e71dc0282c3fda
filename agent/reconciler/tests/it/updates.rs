use std::collections::BTreeSet;
use std::time::Duration;

use hearth_model::condition::ReasonCode;
use hearth_model::desired::Run;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppSpec, AppState, Reason};
use hearth_planner::Timing;
use hearth_planner::app_update::{TRANSITIONS, probation};
use hearth_planner::sim::{Behaviour, Fault, HealthCheck};
use insta::assert_snapshot;

use crate::driver::Agent;
use crate::fixture::{Build, app, blog, digest, id};
use crate::trouble::ends_after;

fn version_2() -> AppSpec {
    blog().version("2").with("web", |web| web.container.image = "wordpress:7".parse().expect("valid"))
}

fn updated(prepare: impl FnOnce(&mut Agent)) -> (Agent, String) {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    prepare(&mut agent);
    agent.update(&version_2());
    let story = agent.story();
    (agent, story)
}

pub(crate) fn phase_name(phase: &UpdatePhase) -> String {
    format!("{phase:?}").split(' ').next().map(str::to_owned).unwrap_or_default()
}

fn assert_old_is_back(agent: &Agent) {
    assert!(matches!(agent.update_of(&id("blog")).phase, UpdatePhase::Reverted { .. }));
    assert_eq!(agent.desired().apps[&id("blog")].digest, digest(&blog()));
    assert_eq!(
        agent.sim().data(&id("blog")),
        Some(&["db mariadb:11".to_owned(), "web wordpress:6".to_owned()][..])
    );
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
    assert!(agent.plan().is_empty());
}

#[test]
fn an_update_that_gets_healthy_is_kept() {
    let (agent, story) = updated(|_| {});
    assert_snapshot!(story);
    assert!(matches!(agent.update_of(&id("blog")).phase, UpdatePhase::Done { .. }));
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn an_update_that_gets_unhealthy_is_taken_back_with_its_data() {
    let (agent, story) = updated(|agent| {
        let unhealthy = Behaviour { health: HealthCheck::UnhealthyAfter(4), ..Behaviour::default() };
        agent.sim().behaviours.insert("wordpress:7".to_owned(), unhealthy);
    });
    assert_snapshot!(story);
    assert_old_is_back(&agent);
}

#[test]
fn each_way_to_fail_ends_with_the_old_version_and_its_data() {
    let never = HealthCheck::HealthyAfter(100_000);
    for behaviour in [
        ends_after(2, 1),
        Behaviour { health: never, ..Behaviour::default() },
        Behaviour { start_error: Some("no such file".to_owned()), ..Behaviour::default() },
    ] {
        let (agent, _) = updated(|agent| {
            agent.sim().behaviours.insert("wordpress:7".to_owned(), behaviour.clone());
        });
        assert_old_is_back(&agent);
    }
}

#[test]
fn an_image_that_is_not_there_leaves_the_old_version_untouched() {
    let (agent, story) = updated(|agent| {
        agent.sim().not_in_registry.insert("wordpress:7".parse().expect("valid"));
    });
    assert!(!story.contains("stop"), "{story}");
    assert_old_is_back(&agent);
}

#[test]
fn a_stopped_app_is_updated_without_a_start() {
    let (mut agent, story) = updated(|agent| {
        agent.set_run(&id("blog"), Run::Stopped);
        agent.settle();
    });
    assert!(!story.contains("start "), "{story}");
    assert!(matches!(agent.update_of(&id("blog")).phase, UpdatePhase::Done { .. }));
    agent.set_run(&id("blog"), Run::Running);
    agent.settle();
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn a_disk_too_full_for_the_copy_lets_the_old_version_start_again() {
    let mut ids = Vec::new();
    let container_ids = |agent: &Agent| -> Vec<String> {
        agent.observed().containers.values().map(|container| container.id.clone()).collect()
    };
    let (agent, _) = updated(|agent| {
        let reason = Reason::new(ReasonCode::DiskFull, "The disk is full. Remove what you no longer need.");
        agent.sim().faults.push(Fault { step: "copy the data".to_owned(), reason, times: 1 });
        ids = container_ids(agent);
    });
    assert_old_is_back(&agent);
    assert_eq!(ids, container_ids(&agent));
}

#[test]
fn a_port_that_the_new_version_wants_and_another_has_is_found_while_the_old_one_runs() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.want(&app("other").service("web", "nginx:1").port("web", 9090));
    agent.settle();
    agent.update(&version_2().port("db", 9090));
    let story = agent.story();
    assert!(!story.contains("stop "), "{story}");
    let UpdatePhase::Reverted { reason, .. } = &agent.update_of(&id("blog")).phase else { panic!("{story}") };
    assert!(reason.starts_with("Port 9090 (tcp) is used by the app other."), "{reason}");
    assert_old_is_back(&agent);
}

#[test]
fn the_drawing_shows_every_transition_and_no_other() {
    let source = include_str!("../../../planner/src/app_update.rs");
    let drawing = source.split("```").nth(1).expect("a drawing in the module's doc");
    let drawn: BTreeSet<(&str, &str)> =
        drawing.lines().filter_map(|line| line.trim_start_matches("//!").trim().split_once(" -> ")).collect();
    assert_eq!(drawn, BTreeSet::from(TRANSITIONS));
    for phase in TRANSITIONS.iter().flat_map(|(from, to)| [from, to]) {
        assert!(drawing.contains(&format!("│ {phase}")), "{phase} has no box");
    }
    let unhealthy = Behaviour { health: HealthCheck::UnhealthyAfter(4), ..Behaviour::default() };
    let full = Reason::new(ReasonCode::DiskFull, "The disk is full.");
    let runs = [
        updated(|_| {}),
        updated(|agent| {
            agent.sim().behaviours.insert("wordpress:7".to_owned(), unhealthy);
        }),
        updated(|agent| {
            agent.sim().not_in_registry.insert("wordpress:7".parse().expect("valid"));
        }),
        updated(|agent| {
            agent.sim().faults.push(Fault { step: "copy the data".to_owned(), reason: full, times: 1 });
        }),
    ];
    let transitions = runs.iter().flat_map(|(agent, _)| agent.transitions());
    let seen: BTreeSet<(String, String)> =
        transitions.map(|(from, to)| (phase_name(&from), phase_name(&to))).collect();
    let seen: BTreeSet<(&str, &str)> = seen.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(seen, drawn);
}

#[test]
fn a_probation_lasts_as_long_as_the_health_checks_need_within_bounds() {
    let timing = Timing::default();
    let with_start = |secs: u64| {
        blog().with("db", |db| {
            db.container.healthcheck.as_mut().expect("it has one").start_period_ms = Some(secs * 1000);
        })
    };
    let secs = |spec: &AppSpec| probation(spec, &timing).as_secs();
    assert_eq!(secs(&blog()), 120);
    assert_eq!(secs(&with_start(200)), 200 + 9 + 10);
    assert_eq!(secs(&with_start(100_000)), 600);
}

#[test]
fn the_owner_goes_back_by_hand() {
    let (mut agent, _) = updated(|_| {});
    agent.go_back(&id("blog"));
    assert_snapshot!(agent.story());
    assert_old_is_back(&agent);
}

#[test]
fn the_snapshot_of_an_earlier_update_goes_when_the_next_is_over() {
    let (mut agent, _) = updated(|_| {});
    let first = agent.update_of(&id("blog")).snapshot;
    agent.update(&version_2().version("3").env("web", "A", "b"));
    let story = agent.story();
    assert!(story.contains(&format!("remove the copy {first} of blog")), "{story}");
}

#[test]
fn a_box_that_was_switched_off_during_probation_gives_the_new_version_its_time() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    let slow = Behaviour { health: HealthCheck::HealthyAfter(60), ..Behaviour::default() };
    agent.sim().behaviours.insert("wordpress:7".to_owned(), slow);
    agent.update(&version_2());
    while !matches!(agent.update_of(&id("blog")).phase, UpdatePhase::Probation { .. }) {
        agent.pass(1);
    }
    agent.pass_without_agent(Duration::from_hours(5));
    agent.sim().reboot();
    agent.settle();
    assert!(
        matches!(agent.update_of(&id("blog")).phase, UpdatePhase::Done { .. }),
        "{:?}",
        agent.current().updates
    );
}
