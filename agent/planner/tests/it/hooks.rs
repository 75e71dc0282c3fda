use hearth_model::Hook;
use hearth_model::desired::Run;
use insta::assert_snapshot;

use crate::driver::Agent;
use crate::fixture::{Build, blog, id};

#[test]
fn scripts_run_at_their_points_of_an_apps_life() {
    let mut agent = Agent::new();
    let mut spec = blog();
    spec.hooks = Hook::ALL.into();
    agent.want(&spec);
    assert_snapshot!("scripts_of_an_install", agent.story());

    agent.set_run(&id("blog"), Run::Stopped);
    assert_snapshot!("scripts_of_a_stop", agent.story());

    agent.set_run(&id("blog"), Run::Running);
    assert_snapshot!("scripts_of_a_start", agent.story());

    let theme = spec.env("web", "THEME", "dark");
    agent.want(&theme);
    assert_snapshot!("a_change_of_one_service_runs_no_script_before_it", agent.story());
}
