use hearth_model::desired::Run;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppSpec, AppState};
use hearth_planner::sim::{Behaviour, HealthCheck};
use insta::assert_snapshot;

use crate::driver::Agent;
use crate::fixture::{Build, blog, digest, id};
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

fn assert_old_is_back(agent: &Agent) {
    assert!(matches!(agent.updates[&id("blog")].phase, UpdatePhase::Reverted { .. }));
    assert_eq!(agent.desired.apps[&id("blog")].digest, digest(&blog()));
    assert_eq!(
        agent.sim.data(&id("blog")),
        Some(&["db mariadb:11".to_owned(), "web wordpress:6".to_owned()][..])
    );
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
    assert!(agent.plan().is_empty());
}

#[test]
fn an_update_that_gets_healthy_is_kept() {
    let (agent, story) = updated(|_| {});
    assert_snapshot!(story);
    assert!(matches!(agent.updates[&id("blog")].phase, UpdatePhase::Done { .. }));
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn an_update_that_gets_unhealthy_is_taken_back_with_its_data() {
    let (agent, story) = updated(|agent| {
        let unhealthy = Behaviour { health: HealthCheck::UnhealthyAfter(4), ..Behaviour::default() };
        agent.sim.behaviours.insert("wordpress:7".to_owned(), unhealthy);
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
            agent.sim.behaviours.insert("wordpress:7".to_owned(), behaviour.clone());
        });
        assert_old_is_back(&agent);
    }
}

#[test]
fn an_image_that_is_not_there_leaves_the_old_version_untouched() {
    let (agent, story) = updated(|agent| {
        agent.sim.not_in_registry.insert("wordpress:7".parse().expect("valid"));
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
    assert!(matches!(agent.updates[&id("blog")].phase, UpdatePhase::Done { .. }));
    agent.set_run(&id("blog"), Run::Running);
    agent.settle();
    assert_eq!(agent.state(&id("blog")).0, AppState::Running);
}

#[test]
fn the_owner_goes_back_by_hand() {
    let (mut agent, _) = updated(|_| {});
    let update = agent.updates.get_mut(&id("blog")).expect("an update");
    update.phase = UpdatePhase::Reverting { reason: "You went back.".to_owned(), log: Vec::new() };
    assert_snapshot!(agent.story());
    assert_old_is_back(&agent);
}

#[test]
fn the_snapshot_of_an_earlier_update_goes_when_the_next_is_over() {
    let (mut agent, _) = updated(|_| {});
    let first = agent.updates[&id("blog")].snapshot.clone();
    agent.update(&version_2().version("3").env("web", "A", "b"));
    let story = agent.story();
    assert!(story.contains(&format!("remove the copy {first} of blog")), "{story}");
}

#[test]
fn a_box_that_was_switched_off_during_probation_gives_the_new_version_its_time() {
    let (mut agent, _) = updated(|agent| {
        let slow = Behaviour { health: HealthCheck::HealthyAfter(60), ..Behaviour::default() };
        agent.sim.behaviours.insert("wordpress:7".to_owned(), slow);
        agent.kill_after = Some(11);
    });
    agent.start();
    agent.sim.now = agent.sim.now.checked_add(jiff::SignedDuration::from_hours(5)).expect("in range");
    agent.sim.reboot();
    agent.settle();
    assert!(matches!(agent.updates[&id("blog")].phase, UpdatePhase::Done { .. }), "{:?}", agent.updates);
}
