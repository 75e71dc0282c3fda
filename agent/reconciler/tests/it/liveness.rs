use std::time::Duration;

use hearth_model::condition::ReasonCode;
use hearth_model::container::RestartPolicy;
use hearth_model::desired::Run;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppSpec, AppState, Hook, Reason};
use hearth_planner::sim::{Behaviour, Fault, HealthCheck, PageAnswers};

use crate::driver::Agent;
use crate::fixture::{Build, app, digest, id};
use crate::trouble::ends_after;

/// Returns an app of one service without a health check, whose page is at a door.
fn wiki() -> AppSpec {
    app("wiki").service("web", "wiki:1").door("web", 8080)
}

fn wiki_2() -> AppSpec {
    wiki().version("2").with("web", |web| web.container.image = "wiki:2".parse().expect("valid"))
}

fn page(page: PageAnswers) -> Behaviour {
    Behaviour { page, ..Behaviour::default() }
}

fn installed(spec: &AppSpec, image: &str, behaviour: Behaviour) -> Agent {
    let mut agent = Agent::new();
    agent.sim().behaviours.insert(image.to_owned(), behaviour);
    agent.want(spec);
    agent
}

/// Lets so many seconds pass; returns the states that the app was seen in, in a row.
fn states(agent: &mut Agent, spec: &AppSpec, secs: i64) -> Vec<AppState> {
    let mut states = Vec::new();
    states.extend(agent.watch(secs).iter().map(|turn| turn.plan.apps[&spec.app].state));
    states.dedup();
    states
}

#[test]
fn an_app_runs_as_soon_as_its_page_answers() {
    let mut agent = installed(&wiki(), "wiki:1", page(PageAnswers::After(2)));
    assert_eq!(states(&mut agent, &wiki(), 4), [AppState::Installing, AppState::Starting, AppState::Running]);
}

#[test]
fn a_page_that_never_answers_is_waited_for_and_then_called_a_fault() {
    let mut agent = installed(&wiki(), "wiki:1", page(PageAnswers::After(1_000_000)));
    assert_eq!(states(&mut agent, &wiki(), 290), [AppState::Installing, AppState::Starting]);
    let (_, reason) = agent.state(&id("wiki"));
    assert_eq!(reason, "web runs, and its page at port 80 does not answer yet (connection refused).");
    assert_eq!(states(&mut agent, &wiki(), 20), [AppState::Starting, AppState::Unhealthy]);
    let (_, reason) = agent.state(&id("wiki"));
    assert!(reason.starts_with("web runs, but its page at port 80 does not answer"), "{reason}");
}

#[test]
fn a_program_that_ends_at_once_never_counts_as_running() {
    for policy in [RestartPolicy::No, RestartPolicy::UnlessStopped, RestartPolicy::OnFailure(5)] {
        let spec = app("once").service("main", "once:1").restart("main", policy);
        let mut agent = installed(&spec, "once:1", ends_after(1, 1));
        let seen = states(&mut agent, &spec, 20);
        assert!(!seen.contains(&AppState::Running), "{policy:?}: {seen:?}");
        assert!(
            seen.contains(&AppState::Failed) || seen.contains(&AppState::Unhealthy),
            "{policy:?}: {seen:?}"
        );
    }
}

#[test]
fn an_app_without_a_page_or_a_check_runs_once_it_was_up_for_a_while() {
    let spec = app("plain").service("main", "plain:1");
    let mut agent = installed(&spec, "plain:1", Behaviour::default());
    assert_eq!(states(&mut agent, &spec, 10), [AppState::Installing, AppState::Starting]);
    assert_eq!(states(&mut agent, &spec, 2), [AppState::Running]);
}

#[test]
fn what_runs_beside_a_page_that_answers_need_not_be_up_for_as_long() {
    let spec = wiki().service("worker", "worker:1");
    let mut agent = installed(&spec, "wiki:1", Behaviour::default());
    assert_eq!(states(&mut agent, &spec, 3), [AppState::Installing, AppState::Starting]);
    assert_eq!(states(&mut agent, &spec, 2), [AppState::Running]);
}

#[test]
fn an_agent_that_starts_asks_again_before_it_says_that_an_app_runs() {
    let mut agent = installed(&wiki(), "wiki:1", Behaviour::default());
    agent.settle();
    agent.pass(3600);
    let state = agent.with_input(|input| {
        let mut observed = input.observed.clone();
        observed.pages.clear();
        let plan = hearth_planner::plan(&hearth_planner::Input { observed: &observed, ..*input });
        plan.apps[&id("wiki")].state
    });
    assert_eq!(state, AppState::Starting);
}

/// Updates the wiki to a version that behaves so, and returns the phase that it ends in.
fn updated(behaviour: Behaviour) -> (Agent, UpdatePhase) {
    let mut agent = installed(&wiki(), "wiki:1", Behaviour::default());
    agent.settle();
    agent.sim().behaviours.insert("wiki:2".to_owned(), behaviour);
    agent.update(&wiki_2());
    agent.settle();
    let phase = agent.update_of(&id("wiki")).phase;
    (agent, phase)
}

#[test]
fn a_version_whose_page_never_answers_goes_back_by_itself() {
    let (agent, phase) = updated(page(PageAnswers::After(1_000_000)));
    let UpdatePhase::Reverted { reason, .. } = phase else { panic!("{phase:?}") };
    assert!(reason.starts_with("web runs, but its page at port 80 does not answer"), "{reason}");
    assert_eq!(agent.desired().apps[&id("wiki")].digest, digest(&wiki()));
    assert_eq!(agent.state(&id("wiki")).0, AppState::Running);
}

#[test]
fn a_version_that_is_well_for_five_seconds_only_goes_back_by_itself() {
    for behaviour in [
        Behaviour { health: HealthCheck::HealthyUntil(5), ..Behaviour::default() },
        page(PageAnswers::Until(5)),
        ends_after(5, 1),
    ] {
        let (agent, phase) = updated(behaviour.clone());
        assert!(matches!(phase, UpdatePhase::Reverted { .. }), "{behaviour:?}: {phase:?}");
        assert_eq!(agent.desired().apps[&id("wiki")].digest, digest(&wiki()));
    }
}

#[test]
fn a_version_whose_page_takes_minutes_is_kept() {
    let (_, phase) = updated(page(PageAnswers::After(400)));
    assert!(matches!(phase, UpdatePhase::Done { .. }), "{phase:?}");
}

#[test]
fn what_shares_the_network_of_a_service_that_was_started_again_is_started_again() {
    let spec = app("vpn")
        .service("tunnel", "gluetun:3")
        .service("web", "torrent:1")
        .inside("web", "tunnel")
        .service("feeds", "feeds:1")
        .with("feeds", |feeds| feeds.container.pid = Some("service:web".to_owned().into()));
    let mut agent = installed(&spec, "gluetun:3", Behaviour::default());
    agent.settle();
    let before = agent.observed().containers;
    agent.pass(60);
    agent.sim().restart_container("vpn-tunnel-1");
    let plan = agent.plan();
    let reason = plan.apps[&spec.app].reason.clone().expect("a reason");
    assert!(
        reason.message.starts_with("feeds uses") || reason.message.starts_with("web uses"),
        "{}",
        reason.message
    );
    let plan = agent.settle();
    assert_eq!(plan.apps[&spec.app].state, AppState::Running);
    let after = agent.observed().containers;
    let started = |name: &str| after[name].started_at.expect("it runs");
    assert!(started("vpn-web-1") >= started("vpn-tunnel-1"));
    assert!(started("vpn-feeds-1") >= started("vpn-web-1"));
    for (name, container) in &before {
        assert_eq!(container.id, after[name].id, "{name} was made anew");
    }
}

#[test]
fn what_shares_a_network_that_keeps_crashing_is_left_alone_until_that_is_over() {
    let spec = app("vpn").service("tunnel", "gluetun:3").service("web", "torrent:1").inside("web", "tunnel");
    let mut agent = installed(&spec, "gluetun:3", Behaviour::default());
    agent.settle();
    agent.pass(1);
    for _ in 0..4 {
        agent.sim().restart_container("vpn-tunnel-1");
    }
    assert!(agent.plan().is_empty());
    agent.pass_without_agent(Duration::from_secs(61));
    assert!(!agent.plan().is_empty());
}

#[test]
fn an_app_whose_network_was_removed_comes_back() {
    for (stopped, cut_off) in [(true, false), (false, true)] {
        let mut agent = installed(&wiki(), "wiki:1", Behaviour::default());
        agent.settle();
        if stopped {
            agent.set_run(&id("wiki"), Run::Stopped);
            agent.settle();
        }
        agent.sim().lose_network("wiki_default", cut_off);
        agent.set_run(&id("wiki"), Run::Running);
        assert!(!agent.plan().is_empty(), "nothing is mended");
        let plan = agent.settle();
        assert_eq!(plan.apps[&id("wiki")].state, AppState::Running);
        let observed = agent.observed();
        assert_eq!(
            observed.containers["wiki-web-1"].network_ids["wiki_default"],
            observed.networks["wiki_default"].id
        );
    }
}

#[test]
fn a_network_that_was_made_again_under_its_name_is_joined() {
    let mut agent = installed(&wiki(), "wiki:1", Behaviour::default());
    agent.settle();
    agent.sim().change_container("wiki-web-1", |seen| {
        seen.network_ids.insert("wiki_default".to_owned(), "another".to_owned());
    });
    let plan = agent.plan();
    assert!(!plan.is_empty(), "{plan:?}");
    agent.settle();
    assert!(agent.plan().is_empty());
}

fn cannot(step: &str) -> Fault {
    let reason = Reason::new(ReasonCode::ScriptFailed, "A script of the package cannot run.");
    Fault { step: step.to_owned(), reason, times: 1_000_000 }
}

/// Looks and lets time pass until the app comes to rest or a quarter of an hour is over.
fn rest(agent: &mut Agent) -> AppState {
    for _ in 0..900 {
        agent.pass(1);
        let state = agent.last_turn().expect("it ran").plan.apps[&id("wiki")].state;
        if !state.is_busy() && !matches!(state, AppState::Unknown) {
            return state;
        }
    }
    panic!("it is still on its way: {:?}", agent.current().updates);
}

#[test]
fn a_way_back_whose_script_cannot_run_comes_to_an_end() {
    let mut old = wiki();
    old.hooks = [Hook::PreStart].into();
    let mut agent = installed(&old, "wiki:1", Behaviour::default());
    agent.settle();
    agent.sim().behaviours.insert("wiki:2".to_owned(), ends_after(1, 1));
    // The new version has no script.
    agent.sim().faults.push(cannot("run the script"));
    agent.update(&wiki_2());
    assert_eq!(rest(&mut agent), AppState::Failed);
    let UpdatePhase::Reverted { reason, .. } = &agent.update_of(&id("wiki")).phase else {
        panic!("{:?}", agent.current().updates)
    };
    assert!(reason.contains("could not be started: A script of the package cannot run."), "{reason}");
    assert_eq!(agent.sim().data(&id("wiki")), Some(&["web wiki:1".to_owned()][..]));
    // What stood in the way is mended, and the owner restarts.
    agent.sim().faults.clear();
    agent.restart(&id("wiki"));
    agent.retry_all();
    agent.settle();
    assert_eq!(agent.state(&id("wiki")).0, AppState::Running);
}

#[test]
fn data_that_cannot_be_put_back_is_not_run_on_and_the_owner_may_try_again() {
    let mut agent = installed(&wiki(), "wiki:1", Behaviour::default());
    agent.settle();
    agent.sim().behaviours.insert("wiki:2".to_owned(), ends_after(1, 1));
    agent.sim().faults.push(cannot("put the data"));
    agent.update(&wiki_2());
    assert_eq!(rest(&mut agent), AppState::Failed);
    let (_, reason) = agent.state(&id("wiki"));
    assert!(reason.contains("cannot be brought back either"), "{reason}");
    agent.pass(3600);
    assert_eq!(rest(&mut agent), AppState::Failed);
    assert!(matches!(agent.update_of(&id("wiki")).phase, UpdatePhase::Reverting { .. }));
    let lines = agent.sim().data(&id("wiki")).expect("it has data").len();
    assert_eq!(lines, 2, "the old version ran on the new one's data");
    agent.sim().faults.clear();
    agent.restart(&id("wiki"));
    agent.retry_all();
    agent.settle();
    assert!(matches!(agent.update_of(&id("wiki")).phase, UpdatePhase::Reverted { .. }));
    assert_eq!(agent.sim().data(&id("wiki")), Some(&["web wiki:1".to_owned()][..]));
}
