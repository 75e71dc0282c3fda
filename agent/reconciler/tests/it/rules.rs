use hearth_model::container::PullPolicy;
use hearth_model::desired::Run;
use hearth_model::observed::DataState;
use hearth_model::plan::AppPlan;
use hearth_model::spec::NetworkSpec;
use hearth_model::{AppState, DataStep, EngineStep, Plan, Step};
use hearth_planner::checks::problems;

use crate::driver::Agent;
use crate::fixture::{Build, app, blog, digest, id};

/// Returns what the rules say to these stages for the blog, which runs.
fn broken(prepare: impl FnOnce(&mut Agent), stages: Vec<Vec<Step>>) -> String {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    prepare(&mut agent);
    let plan = AppPlan { stages, state: AppState::Starting, ..AppPlan::default() };
    let plan = Plan { apps: [(id("blog"), plan)].into(), ..Plan::default() };
    agent.with_input(|input| problems(&plan, input).join("; "))
}

fn name(name: &str) -> String {
    name.to_owned()
}

fn create(service: &str) -> Step {
    let spec = blog();
    Step::Engine(EngineStep::CreateContainer {
        app: id("blog"),
        service: service.parse().expect("valid"),
        package_digest: digest(&spec),
        restarts: 0,
        container: Box::new(spec.services[&service.parse().expect("valid")].container.clone()),
    })
}

#[test]
fn each_rule_finds_the_plan_that_breaks_it() {
    let stop = |service: &str| Step::Engine(EngineStep::StopContainer { name: format!("blog-{service}-1") });
    let start =
        |service: &str| Step::Engine(EngineStep::StartContainer { name: format!("blog-{service}-1") });
    let remove =
        |service: &str| Step::Engine(EngineStep::RemoveContainer { name: format!("blog-{service}-1") });
    let app = || id("blog");
    let nothing = |_: &mut Agent| {};
    for (found, stages) in [
        ("it was not stopped before", vec![vec![remove("web")]]),
        ("it was not stopped before", vec![vec![stop("web"), remove("web")]]),
        ("db is stopped before web", vec![vec![stop("db")], vec![stop("web")]]),
        ("db is stopped before web", vec![vec![stop("db"), stop("web")]]),
        (
            "not a container of this app",
            vec![vec![Step::Engine(EngineStep::StopContainer { name: name("other") })]],
        ),
        ("it is there", vec![vec![create("web")]]),
        ("created twice", vec![vec![stop("web")], vec![remove("web")], vec![create("web"), create("web")]]),
        ("db has not come so far", {
            vec![
                vec![stop("web")],
                vec![stop("db")],
                vec![remove("web"), remove("db")],
                vec![create("db"), create("web")],
                vec![start("db")],
                vec![start("web")],
            ]
        }),
        ("it was started before", vec![vec![start("db")], vec![start("db")]]),
        (
            "still connected",
            vec![vec![Step::Engine(EngineStep::RemoveNetwork { name: name("blog_default") })]],
        ),
        ("nobody asked for it", vec![vec![Step::Data(DataStep::RemoveData { app: app() })]]),
        ("is still there", vec![vec![stop("web")], vec![Step::Data(DataStep::RemoveData { app: app() })]]),
        (
            "nobody asked for it",
            vec![vec![Step::Data(DataStep::SnapshotData { app: app(), name: name("s") })]],
        ),
        (
            "a container still runs",
            vec![vec![Step::Data(DataStep::SnapshotData { app: app(), name: name("s") })]],
        ),
        (
            "nobody asked for it",
            vec![vec![Step::Data(DataStep::RestoreData { app: app(), name: name("s") })]],
        ),
        (
            "nobody asked for it",
            vec![vec![Step::Data(DataStep::RemoveSnapshot { app: app(), name: name("s") })]],
        ),
        ("it is another app's", vec![vec![Step::Data(DataStep::CreateData { app: id("other") })]]),
        (
            "it is not this app's",
            vec![vec![Step::Engine(EngineStep::RemoveVolume { name: name("other_v") })]],
        ),
        ("it is there", {
            let network = NetworkSpec::default();
            vec![vec![Step::Engine(EngineStep::CreateNetwork {
                app: Some(app()),
                name: name("blog_default"),
                network,
            })]]
        }),
        ("its policy forbids that", {
            let image = "a:1".parse().expect("valid");
            vec![vec![Step::Engine(EngineStep::PullImage {
                image,
                policy: PullPolicy::Never,
                platform: None,
            })]]
        }),
        ("a stage is empty", vec![vec![]]),
    ] {
        let said = broken(nothing, stages);
        assert!(said.contains(found), "expected `{found}`, found `{said}`");
    }
}

#[test]
fn what_must_not_run_or_has_no_data_gets_no_start() {
    let start = || vec![vec![Step::Engine(EngineStep::StartContainer { name: name("blog-db-1") })]];
    let said = broken(|agent| agent.set_run(&id("blog"), Run::Stopped), start());
    assert!(said.contains("should not run"), "{said}");
    let said = broken(|agent| agent.sim().set_data_away(&id("blog"), true), start());
    assert!(said.contains("data is missing"), "{said}");
    let said = broken(|agent| agent.remove(&id("blog"), false), start());
    assert!(said.contains("should not run"), "{said}");
}

#[test]
fn two_apps_on_one_port_are_found() {
    let mut agent = Agent::new();
    agent.want(&app("one").service("web", "nginx:1").port("web", 80));
    agent.settle();
    agent.want(&app("two").service("web", "nginx:1").port("web", 80));
    let stages = vec![vec![Step::Engine(EngineStep::StartContainer { name: name("two-web-1") })]];
    let plan = AppPlan { stages, state: AppState::Starting, ..AppPlan::default() };
    let plan = Plan { apps: [(id("two"), plan)].into(), ..Plan::default() };
    let said = agent.with_input(|input| {
        assert_eq!(input.observed.data[&id("two")], DataState::New);
        problems(&plan, input).join("; ")
    });
    assert!(said.contains("although one has port 80"), "{said}");
}

#[test]
fn a_shared_step_concerns_shared_networks_only() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.settle();
    for step in [
        EngineStep::RemoveNetwork { name: name("blog_default") },
        EngineStep::StopContainer { name: name("blog-web-1") },
        EngineStep::CreateNetwork { app: None, name: name("x"), network: NetworkSpec::default() },
    ] {
        let plan = Plan { shared: vec![step], ..Plan::default() };
        let said = agent.with_input(|input| problems(&plan, input));
        assert_eq!(said.len(), 1, "{said:?}");
    }
}
