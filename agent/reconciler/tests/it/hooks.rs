use hearth_model::desired::Run;
use hearth_model::plan::Plan;
use hearth_model::spec::FolderSpec;
use hearth_model::{DataStep, Hook, Step};
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

#[test]
fn what_only_a_mount_asks_for_is_made_after_the_script_that_may_make_a_file_of_it() {
    let mut agent = Agent::new();
    let mut spec = blog();
    spec.hooks = [Hook::PreStart].into();
    let mounted = FolderSpec { mounted: true, ..FolderSpec::default() };
    spec.folders.insert("/apps/blog/config.json".to_owned(), mounted);
    spec.folders.insert("/apps/blog/volumes/db".to_owned(), FolderSpec::default());
    agent.want(&spec);
    let written = |plan: &Plan| {
        let mut folders = Vec::new();
        for (_, step) in plan.steps() {
            match step {
                Step::Data(DataStep::WriteFiles { folders: made, .. }) => {
                    folders.push(made.len().to_string());
                }
                Step::RunHook { hook, .. } => folders.push(hook.to_string()),
                _ => {}
            }
        }
        folders.join(" ")
    };
    let mut story: Vec<String> = agent.watch(4).iter().map(|turn| written(&turn.plan)).collect();
    story.dedup();
    story.retain(|text| !text.is_empty());
    assert_eq!(story[..2], ["1 pre-start", "2"], "{story:?}");
}
