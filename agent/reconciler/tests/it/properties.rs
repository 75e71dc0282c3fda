use hearth_model::condition::ReasonCode;
use hearth_model::container::NetworkMode;
use hearth_model::desired::Run;
use hearth_model::observed::ContainerState;
use hearth_model::update::UpdatePhase;
use hearth_model::{AppId, AppSpec, AppState, Digest, Reason};
use hearth_planner::app_update::TRANSITIONS;
use hearth_planner::sim::{Behaviour, Ending, Fault};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any::{APPS, Wrong, any_app, any_wish, any_wrong};
use crate::driver::{Agent, words};
use crate::fixture::{Build, digest, id, service};
use crate::updates::phase_name;
use crate::world::Script;

/// What may happen to a box.
#[derive(Debug, Clone)]
enum Event {
    Wish(Vec<Option<(AppSpec, bool)>>),
    Restart(usize),
    Delete(usize),
    Run { secs: i64, kill_after: Option<usize> },
    Harm { kind: u8, which: usize },
    Fault { step: &'static str, times: u32 },
    Panic { step: &'static str, times: u32 },
    Script { which: usize, secs: u64, fails: bool },
    Reboot,
    Time(i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => any_wish().prop_map(Event::Wish),
        1 => (0..APPS.len()).prop_map(Event::Restart),
        1 => (0..APPS.len()).prop_map(Event::Delete),
        4 => any_run(25),
        3 => (0u8..10, 0usize..12).prop_map(|(kind, which)| Event::Harm { kind, which }),
        1 => (prop_oneof![Just("start"), Just("create"), Just("fetch"), Just("remove"), Just("stop")], 1u32..4)
            .prop_map(|(step, times)| Event::Fault { step, times }),
        1 => (prop_oneof![Just("start"), Just("create"), Just("stop")], 1u32..3)
            .prop_map(|(step, times)| Event::Panic { step, times }),
        1 => (0..APPS.len(), 0u64..40, any::<bool>())
            .prop_map(|(which, secs, fails)| Event::Script { which, secs, fails }),
        1 => Just(Event::Reboot),
        2 => (1i64..40).prop_map(Event::Time),
    ]
}

fn any_run(kill_before: usize) -> impl Strategy<Value = Event> {
    (1i64..4, proptest::option::of(0..kill_before))
        .prop_map(|(secs, kill_after)| Event::Run { secs, kill_after })
}

fn apply(agent: &mut Agent, event: &Event) {
    match event {
        Event::Wish(wish) => want(agent, wish),
        Event::Restart(which) => {
            if agent.desired().apps.contains_key(&id(APPS[*which])) {
                agent.restart(&id(APPS[*which]));
            }
        }
        Event::Delete(which) => agent.remove(&id(APPS[*which]), true),
        Event::Run { secs, kill_after } => {
            agent.state_of_box().kill_after = *kill_after;
            run(agent, *secs);
            agent.state_of_box().kill_after = None;
        }
        Event::Harm { kind, which } => harm(agent, *kind, *which),
        Event::Fault { step, times } => agent.sim().faults.push(Fault {
            step: (*step).to_owned(),
            reason: Reason::new(ReasonCode::EngineRefused, "The engine refused."),
            times: *times,
        }),
        Event::Panic { step, times } => agent.state_of_box().panics.push(((*step).to_owned(), *times)),
        Event::Script { which, secs, fails } => {
            let script = Script { secs: *secs, fails: *fails };
            agent.state_of_box().scripts.insert(id(APPS[*which]), script);
        }
        Event::Reboot => {
            agent.sim().reboot();
            agent.start();
        }
        Event::Time(secs) => agent.pass(*secs),
    }
}

/// Lets seconds pass; an agent that is killed is started again at once.
fn run(agent: &mut Agent, secs: i64) {
    for _ in 0..secs {
        if agent.run(1).is_err() {
            agent.start();
        }
    }
}

/// Ends everything that goes wrong, and lets the owner ask for another try.
fn mend(agent: &mut Agent) {
    agent.sim().faults.clear();
    agent.state_of_box().panics.clear();
    agent.state_of_box().scripts.clear();
    agent.retry_all();
}

fn want(agent: &mut Agent, wish: &[Option<(AppSpec, bool)>]) {
    for (number, app) in wish.iter().enumerate() {
        match app {
            Some((spec, run)) => {
                agent.want(spec);
                agent.set_run(&spec.app, if *run { Run::Running } else { Run::Stopped });
            }
            None => agent.remove(&id(APPS[number]), false),
        }
    }
}

/// Somebody or something else changes a container.
fn harm(agent: &mut Agent, kind: u8, which: usize) {
    let observed = agent.observed();
    let Some(name) = observed.containers.keys().nth(which).cloned() else { return };
    match kind {
        0 => agent.sim().lose_container(&name),
        1 => agent.sim().change_container(&name, |seen| seen.state = ContainerState::Created { error: None }),
        2 => agent.sim().change_container(&name, |seen| seen.spec_hash = Digest::of(b"another")),
        3 => agent.sim().change_container(&name, |seen| seen.networks.clear()),
        4 => agent.sim().change_container(&name, |seen| seen.state = ContainerState::Dead),
        5 => agent.sim().change_container(&name, |seen| seen.service = service("gone")),
        6 => agent.sim().restart_container(&name),
        7 | 8 => {
            if let Some(network) = observed.networks.keys().nth(which) {
                agent.sim().lose_network(network, kind == 8);
            }
        }
        _ => agent.sim().change_container(&name, |seen| seen.restarts += 7),
    }
}

fn agent() -> Agent {
    let agent = Agent::new();
    for number in 0..3 {
        let ending = Ending { after_secs: 2, exit_code: 0, out_of_memory: false };
        let job = Behaviour { ends: Some(ending), ..Behaviour::default() };
        agent.sim().behaviours.insert(format!("job:{number}"), job);
    }
    agent
}

/// The box is as the owner wants it, and nothing is left of what the owner does not want.
fn assert_converged(agent: &mut Agent) {
    let plan = agent.settle();
    for (app, entry) in &agent.desired().apps {
        let wanted = match entry.run {
            Run::Running => AppState::Running,
            Run::Stopped => AppState::Stopped,
        };
        assert_eq!(plan.apps[app].state, wanted, "{app}\n{}", words(&plan));
    }
    let observed = agent.observed();
    for (name, container) in &observed.containers {
        assert!(agent.desired().apps.contains_key(&container.app), "{name} is left over");
    }
    for (name, network) in &observed.networks {
        let wanted = match &network.app {
            Some(app) => agent.desired().apps.contains_key(app),
            None => !agent.desired().apps.is_empty(),
        };
        assert!(wanted, "{name} is left over");
    }
    assert_nobody_is_cut_off(agent, &observed);
    let before = agent.observed();
    agent.pass(2);
    assert!(agent.plan().is_empty(), "a second look plans something");
    assert_eq!(before.containers, agent.observed().containers);
}

/// What runs in a namespace of another was started after it, and is in the networks that there are.
fn assert_nobody_is_cut_off(agent: &Agent, observed: &hearth_model::Observed) {
    agent.with_input(|input| {
        for spec in input.specs.values().filter_map(|spec| spec.as_ref().ok()) {
            let seen = |name: &hearth_model::ServiceName| {
                let container = spec.services.get(name)?.container.name.as_str();
                observed.containers.get(container).filter(|seen| seen.state == ContainerState::Running)
            };
            for (name, service) in &spec.services {
                let Some(own) = seen(name) else { continue };
                if let NetworkMode::Service(host) = &service.container.network {
                    let host = seen(host).and_then(|host| host.started_at);
                    assert!(own.started_at >= host, "{name} is cut off");
                }
                for (network, id) in &own.network_ids {
                    assert_eq!(&observed.networks[network].id, id, "{name} is in no {network}");
                }
            }
        }
    });
}

/// Cases of each property: 20,000 of all. `PROPTEST_CASES` asks for more, or for fewer while one is written.
const CASES: u32 = 2_860;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_state_converges_to_every_wish(events in vec(any_event(), 0..14), wish in any_wish()) {
        let mut agent = agent();
        for event in &events {
            apply(&mut agent, event);
        }
        mend(&mut agent);
        want(&mut agent, &wish);
        assert_converged(&mut agent);
    }

    #[test]
    fn data_survives_everything_but_its_deletion(events in vec(any_event(), 0..20), spec in any_app(0)) {
        let mut agent = agent();
        agent.want(&spec);
        agent.settle();
        let app = id(APPS[0]);
        let first = agent.sim().data(&app).map(<[String]>::to_vec).expect("an app that ran has data");
        for event in &events {
            if !matches!(event, Event::Delete(0)) {
                apply(&mut agent, event);
            }
            let sim = agent.sim();
            let data = sim.data(&app).expect("nobody deleted it");
            prop_assert!(data.starts_with(&first));
        }
    }

    #[test]
    fn what_an_earlier_version_kept_outside_the_folder_is_never_lost(
        events in vec(any_event(), 0..20),
        spec in any_app(0),
        next in any_app(0),
        updates in any::<bool>(),
    ) {
        let mut agent = agent();
        agent.sim().keeps_volumes_outside = true;
        agent.want(&spec);
        agent.settle();
        agent.sim().keeps_volumes_outside = false;
        let app = id(APPS[0]);
        let services: Vec<String> = spec.services.keys().map(ToString::to_string).collect();
        let first: Vec<Vec<String>> =
            services.iter().map(|service| agent.sim().volume(&app, service).to_vec()).collect();
        if updates {
            for number in 0..3 {
                let job = agent.sim().behaviours[&format!("job:{number}")].clone();
                agent.sim().behaviours.insert(format!("job-new:{number}"), job);
            }
            agent.update(&rename_images(next, "new"));
        }
        for event in &events {
            // Who takes a container away, or says that it is another service's, takes what is in it along.
            let harms = matches!(event, Event::Harm { kind: 0 | 5, .. });
            if harms || matches!(event, Event::Delete(0)) {
                continue;
            }
            apply(&mut agent, event);
            for (service, first) in services.iter().zip(&first) {
                let sim = agent.sim();
                let now = sim.volume(&app, service);
                prop_assert!(now.starts_with(first), "{} held {:?} and now {:?}", service, first, now);
            }
        }
        mend(&mut agent);
        agent.settle();
        for (service, first) in services.iter().zip(&first) {
            prop_assert!(agent.sim().volume(&app, service).starts_with(first));
        }
    }

    #[test]
    fn a_kill_at_every_step_ends_in_the_same_state(wish in any_wish(), next in any_wish()) {
        let mut calm = agent();
        want(&mut calm, &wish);
        calm.settle();
        want(&mut calm, &next);
        calm.settle();
        let mut killed = agent();
        for wish in [&wish, &next] {
            want(&mut killed, wish);
            for kill_after in 0..30 {
                killed.state_of_box().kill_after = Some(kill_after % 4);
                run(&mut killed, 1);
            }
            killed.state_of_box().kill_after = None;
        }
        assert_converged(&mut killed);
        let (calm, killed) = (calm.observed(), killed.observed());
        let names = |observed: &hearth_model::Observed| -> Vec<(String, Digest)> {
            observed.containers.iter().map(|(name, seen)| (name.clone(), seen.spec_hash.clone())).collect()
        };
        prop_assert_eq!(names(&calm), names(&killed));
        prop_assert_eq!(calm.networks.keys().collect::<Vec<_>>(), killed.networks.keys().collect::<Vec<_>>());
    }

    #[test]
    fn no_app_waits_for_another(wish in any_wish(), sick in 0..APPS.len(), illness in any_illness()) {
        let mut healthy = wish.clone();
        healthy[sick] = None;
        let mut calm = agent();
        want(&mut calm, &healthy);
        calm.settle();
        let needed = calm.now().as_second();

        let mut agent = agent();
        illness.befalls(&agent, sick);
        want(&mut agent, &wish);
        agent.pass(needed + 10);
        let plan = agent.last_turn().expect("it ran").plan;
        for (spec, run) in healthy.iter().flatten() {
            let wanted = if *run { AppState::Running } else { AppState::Stopped };
            prop_assert_eq!(plan.apps[&spec.app].state, wanted, "{}\n{}", spec.app, words(&plan));
        }
    }

    #[test]
    fn a_request_is_never_lost(spec in any_app(0), events in 0usize..2000) {
        let mut agent = agent();
        agent.sim().faults.push(Fault {
            step: "fetch".to_owned(),
            reason: Reason::new(ReasonCode::RegistryUnreachable, "The registry does not answer."),
            times: 1_000_000,
        });
        agent.want(&spec);
        // By then the next try is more than a minute away.
        agent.pass(80);
        agent.sim().faults.clear();
        for _ in 0..events {
            agent.world.wake().engine_changed();
            agent.world.wake().changed();
        }
        agent.world.wake().retry(&spec.app);
        agent.pass(1);
        let failures = agent.last_turn().expect("it ran").failures;
        prop_assert!(failures.is_empty(), "it was not tried: {:?}", failures);
    }

    #[test]
    fn an_update_ends_with_the_new_version_or_with_the_old_one_and_its_data(
        from in any_app(0),
        to in any_app(0),
        wrong in any_wrong(),
        events in vec(any_mishap(), 0..8),
    ) {
        let from = rename_images(from, "old");
        let to = rename_images(to, "new").version("2");
        let mut agent = agent();
        for number in 0..3 {
            let job = agent.sim().behaviours[&format!("job:{number}")].clone();
            agent.sim().behaviours.insert(format!("job-old:{number}"), job.clone());
            agent.sim().behaviours.insert(format!("job-new:{number}"), job);
        }
        agent.want(&from);
        agent.settle();
        let app = from.app.clone();
        let before = agent.sim().data(&app).map(<[String]>::to_vec);
        wrong.apply(&mut agent, &to);
        agent.update(&to);
        for event in &events {
            apply(&mut agent, event);
        }
        agent.sim().faults.clear();
        agent.settle();
        // What failed four times is tried again by itself, ten minutes later at most.
        if agent.last_turn().is_some_and(|turn| !turn.failures.is_empty()) {
            agent.pass(601);
            agent.settle();
        }
        assert_update_is_over(&mut agent, &app, &from, &to, before.as_deref());
        for pair in &agent.transitions() {
            prop_assert!(is_drawn(pair), "{pair:?} is not in the drawing");
        }
        let gets_well = wrong == Wrong::Nothing && events.is_empty();
        let done = matches!(agent.update_of(&app).phase, UpdatePhase::Done { .. });
        prop_assert!(done || !gets_well, "{:?}", agent.current().updates);
        let never_well = matches!(wrong, Wrong::Unhealthy | Wrong::NeverHealthy | Wrong::WellForFiveSeconds);
        prop_assert!(!done || !never_well, "{wrong:?} was kept: {:?}", agent.current().updates);
    }
}

/// What is wrong with an app that the others must not notice.
#[derive(Debug, Clone, Copy)]
enum Illness {
    StepsHang,
    StepsPanic,
    Script(Script),
}

fn any_illness() -> impl Strategy<Value = Illness> {
    prop_oneof![
        Just(Illness::StepsHang),
        Just(Illness::StepsPanic),
        (15u64..30, any::<bool>()).prop_map(|(secs, fails)| Illness::Script(Script { secs, fails })),
    ]
}

impl Illness {
    fn befalls(self, agent: &Agent, sick: usize) {
        let app = id(APPS[sick]);
        let mut state = agent.state_of_box();
        match self {
            Illness::StepsHang => _ = state.hanging.insert(app),
            Illness::StepsPanic => state.panics.push((format!("make the folder of {app}"), u32::MAX)),
            Illness::Script(script) => _ = state.scripts.insert(app, script),
        }
    }
}

fn assert_update_is_over(
    agent: &mut Agent,
    app: &AppId,
    from: &AppSpec,
    to: &AppSpec,
    before: Option<&[String]>,
) {
    let is = agent.desired().apps[app].digest.clone();
    match &agent.update_of(app).phase {
        UpdatePhase::Done { .. } => assert_eq!(is, digest(to)),
        UpdatePhase::Reverted { .. } => {
            assert_eq!(is, digest(from));
            assert_eq!(agent.sim().data(app), before, "the old data is not back");
        }
        other => panic!("the update is still {other:?}"),
    }
    let plan = agent.settle();
    assert_eq!(plan.apps[app].state, AppState::Running, "{}", words(&plan));
    let observed = agent.observed();
    let spec = if is == digest(from) { from } else { to };
    for service in spec.services.values() {
        let seen = &observed.containers[&service.container.name];
        assert_eq!(seen.spec_hash, service.container.hash());
    }
    assert!(agent.plan().is_empty(), "a second look plans something");
}

fn is_drawn((from, to): &(UpdatePhase, UpdatePhase)) -> bool {
    TRANSITIONS.contains(&(phase_name(from).as_str(), phase_name(to).as_str()))
}

fn rename_images(mut spec: AppSpec, suffix: &str) -> AppSpec {
    for service in spec.services.values_mut() {
        let image = service.container.image.familiar();
        let renamed =
            image.replace("image:", &format!("image-{suffix}:")).replace("job:", &format!("job-{suffix}:"));
        service.container.image = renamed.parse().expect("a valid image");
    }
    spec
}

/// What may happen during an update.
fn any_mishap() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any_run(12),
        1 => (prop_oneof![Just("start"), Just("create"), Just("copy"), Just("put"), Just("remove")], 1u32..5)
            .prop_map(|(step, times)| Event::Fault { step, times }),
        1 => Just(Event::Reboot),
        1 => (1i64..40).prop_map(Event::Time),
    ]
}
