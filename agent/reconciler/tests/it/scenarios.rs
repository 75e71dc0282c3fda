use hearth_model::container::{PullPolicy, RestartPolicy};
use hearth_model::desired::Run;
use hearth_model::spec::{DependencyCondition, FolderSpec, NetworkSpec, VolumeSpec};
use hearth_model::{AppSpec, AppState};
use insta::assert_snapshot;

use crate::driver::Agent;
use crate::fixture::{Build, app, blog, id};

#[test]
fn an_install_goes_as_far_as_can_be_seen_and_then_on() {
    let mut agent = Agent::new();
    let mut spec = blog();
    spec.folders.insert("/apps/blog/db".to_owned(), FolderSpec::default());
    spec.volumes
        .insert("blog_files".to_owned(), VolumeSpec { folder: Some("/x".to_owned()), ..Default::default() });
    agent.want(&spec);
    assert_snapshot!(agent.story());
}

#[test]
fn a_migration_runs_once_before_the_service_that_waits_for_it() {
    let mut agent = Agent::new();
    let spec = app("git")
        .service("db", "postgres:17")
        .checked("db")
        .service("migrate", "forgejo:11")
        .one_shot("migrate")
        .after("migrate", "db", DependencyCondition::ServiceHealthy)
        .service("web", "forgejo:11")
        .after("web", "migrate", DependencyCondition::ServiceCompletedSuccessfully);
    agent.sim().behaviours.insert("forgejo:11".to_owned(), crate::trouble::ends_after(5, 0));
    let spec = spec.with("web", |web| web.container.image = "forgejo-web:11".parse().expect("valid"));
    agent.want(&spec);
    assert_snapshot!(agent.story());
    agent.restart(&id("git"));
    assert_snapshot!("a_restart_leaves_a_done_migration_alone", agent.story());
}

#[test]
fn only_what_changed_is_made_anew() {
    let mut agent = running(&blog());
    agent.want(&blog().env("web", "THEME", "dark"));
    assert_snapshot!(agent.story());
}

#[test]
fn what_is_tied_to_a_changed_container_is_made_anew_with_it() {
    let spec = app("tor")
        .service("proxy", "tor:1")
        .service("web", "nginx:1")
        .inside("web", "proxy")
        .service("log", "log:1");
    let mut agent = running(&spec);
    agent.want(&spec.env("proxy", "A", "b"));
    assert_snapshot!(agent.story());
}

#[test]
fn a_service_that_is_gone_from_the_spec_goes_with_its_network() {
    let mut spec = blog().service("cache", "redis:7");
    spec.networks.insert("blog_back".to_owned(), NetworkSpec::default());
    let mut agent = running(&spec);
    agent.want(&blog());
    assert_snapshot!(agent.story());
}

#[test]
fn containers_are_made_anew_around_a_changed_network() {
    let mut agent = running(&blog());
    let mut spec = blog();
    spec.networks.insert("blog_default".to_owned(), NetworkSpec { enable_ipv6: true, ..Default::default() });
    agent.want(&spec);
    assert_snapshot!(agent.story());
}

#[test]
fn stop_and_start_keep_containers_whatever_their_restart_policy() {
    let spec = blog().restart("web", RestartPolicy::No).restart("db", RestartPolicy::OnFailure(3));
    let mut agent = running(&spec);
    agent.set_run(&id("blog"), Run::Stopped);
    assert_snapshot!("stop", agent.story());
    agent.pass(300);
    assert_eq!(agent.state(&id("blog")).0, AppState::Stopped);
    agent.set_run(&id("blog"), Run::Running);
    assert_snapshot!("start", agent.story());
}

#[test]
fn an_app_is_removed_and_its_data_kept() {
    let mut agent = running(&blog());
    agent.remove(&id("blog"), false);
    assert_snapshot!(agent.story());
    assert!(agent.sim().data(&id("blog")).is_some());
    agent.want(&blog());
    agent.settle();
    assert_eq!(
        agent.sim().data(&id("blog")),
        Some(&["db mariadb:11".to_owned(), "web wordpress:6".to_owned()][..])
    );
}

#[test]
fn data_goes_last_and_only_when_the_owner_asked() {
    let mut agent = running(&blog());
    agent.remove(&id("blog"), true);
    assert_snapshot!(agent.story());
    assert_eq!(agent.sim().data(&id("blog")), None);
}

#[test]
fn a_shared_network_comes_first_and_goes_when_nobody_needs_it() {
    let member = |name: &str| {
        let mut spec = app(name);
        spec.networks =
            [("hearth_shared".to_owned(), NetworkSpec { shared: true, ..Default::default() })].into();
        spec.service("web", "nginx:1")
    };
    let mut agent = Agent::new();
    agent.want(&member("one"));
    agent.want(&member("two"));
    assert_snapshot!("shared_comes", agent.story());
    agent.remove(&id("one"), false);
    agent.remove(&id("two"), false);
    assert_snapshot!("shared_goes", agent.story());
}

#[test]
fn an_image_that_is_always_asked_for_is_asked_for_once_per_new_container() {
    let spec = blog().with("web", |web| web.container.pull_policy = PullPolicy::Always);
    let mut agent = Agent::new();
    agent.want(&spec);
    let pulls = |story: &str| story.matches("fetch wordpress:6").count();
    assert_eq!(pulls(&agent.story()), 1);
    assert_eq!(pulls(&agent.story()), 0);
    agent.want(&spec.env("web", "A", "b"));
    assert_eq!(pulls(&agent.story()), 1);
}

#[test]
fn apps_may_swap_their_ports() {
    let one = |port| app("one").service("web", "nginx:1").port("web", port);
    let two = |port| app("two").service("web", "nginx:1").port("web", port);
    let mut agent = Agent::new();
    agent.want(&one(1000));
    agent.want(&two(2000));
    agent.settle();
    agent.want(&one(2000));
    agent.want(&two(1000));
    assert_snapshot!(agent.story());
}

fn running(spec: &AppSpec) -> Agent {
    let mut agent = Agent::new();
    agent.want(spec);
    agent.settle();
    assert_eq!(agent.state(&spec.app).0, AppState::Running);
    assert!(agent.plan().is_empty());
    agent
}
