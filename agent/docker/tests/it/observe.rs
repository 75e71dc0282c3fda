use std::time::Duration;

use hearth_model::container::{ContainerSpec, Healthcheck, RestartPolicy};
use hearth_model::observed::{ContainerState, EngineState, Health};
use hearth_model::plan::EngineStep;

use crate::support::{Fixture, docker};

fn check(line: &str) -> Option<Healthcheck> {
    Some(Healthcheck {
        test: ["CMD", "/bin/busybox", "sh", "-c", line].map(str::to_owned).into(),
        interval_ms: Some(200),
        timeout_ms: Some(2_000),
        retries: Some(1),
        start_period_ms: None,
        start_interval_ms: None,
    })
}

#[tokio::test]
async fn the_engine_tells_its_versions_and_folder() {
    let fixture = Fixture::new("versions");
    let state = fixture.engine.state().await;
    let EngineState::Ready { version, api_version } = &state else { panic!("{state:?}") };
    assert!(version.contains('.') && api_version.contains('.'), "{version} {api_version}");
    assert_eq!(fixture.look().await.engine, state);
    assert!(fixture.engine.data_root().await.expect("a folder").is_absolute());
}

#[tokio::test]
async fn an_exit_is_told_with_its_code_and_time() {
    let fixture = Fixture::new("exit");
    // Engine 20.10 notes the start after the fact: a process that ends at once may have ended before it "started".
    let spec = fixture.shell("a", "/bin/busybox sleep 1; exit 7");
    fixture.up(&spec).await;
    let seen = fixture.wait_for_exit(&spec).await;
    let ContainerState::Exited { exit_code, finished_at, .. } = seen.state else { panic!("{seen:?}") };
    assert_eq!(exit_code, 7);
    assert!(finished_at >= seen.started_at);
    // From what the last look kept.
    assert_eq!(fixture.see(&spec).await.expect("there").state, seen.state);
    // The same code at another time is another end.
    fixture.start(&spec).await;
    let again = fixture.wait_for(
        &spec,
        "to another end",
        |now| matches!(&now.state, ContainerState::Exited { finished_at: at, .. } if *at > finished_at),
    );
    again.await;
}

#[tokio::test]
async fn health_is_told_as_it_changes() {
    let fixture = Fixture::new("health");
    let spec = ContainerSpec {
        healthcheck: check("/bin/busybox echo looked; /bin/busybox test ! -e /tmp/ill"),
        ..fixture.sleeper("a")
    };
    fixture.up(&spec).await;
    fixture.wait_for(&spec, "healthy", |seen| seen.health == Some(Health::Healthy)).await;
    docker(["exec", &spec.name, "/bin/busybox", "touch", "/tmp/ill"]);
    let ill =
        fixture.wait_for(&spec, "unhealthy", |seen| matches!(seen.health, Some(Health::Unhealthy { .. })));
    assert_eq!(ill.await.health, Some(Health::Unhealthy { output: "looked".to_owned() }));
    docker(["exec", &spec.name, "/bin/busybox", "rm", "/tmp/ill"]);
    fixture.wait_for(&spec, "healthy again", |seen| seen.health == Some(Health::Healthy)).await;
    docker(["pause", &spec.name]);
    fixture.wait_for(&spec, "paused", |seen| seen.state == ContainerState::Paused).await;
    fixture.do_it(&EngineStep::StopContainer { name: spec.name.clone() }).await;
    fixture.wait_for_exit(&spec).await;
}

#[tokio::test]
async fn restarts_by_the_engine_are_counted() {
    let fixture = Fixture::new("restarts");
    let spec = ContainerSpec { restart: RestartPolicy::Always, ..fixture.shell("a", "exit 3") };
    fixture.up(&spec).await;
    fixture.wait_for(&spec, "two restarts", |seen| seen.restart_count >= 2).await;
    fixture
        .wait_for(&spec, "to a pause between restarts", |seen| {
            seen.state == ContainerState::Restarting { exit_code: 3 }
        })
        .await;
}

#[tokio::test]
async fn a_restart_behind_our_back_is_seen() {
    let fixture = Fixture::new("behind");
    let spec = fixture.sleeper("a");
    fixture.up(&spec).await;
    // Long enough up that the text of the list shows the difference.
    let before = fixture.wait_for(&spec, "4 s up", |seen| {
        let up = seen.started_at.map(|at| jiff::Timestamp::now().duration_since(at)).unwrap_or_default();
        up > jiff::SignedDuration::from_secs(4)
    });
    let before = before.await;
    docker(["restart", &spec.name]);
    let after = fixture.see(&spec).await.expect("there");
    assert!(after.started_at > before.started_at, "{after:?}");
}

#[tokio::test]
async fn a_killed_process_is_told_from_want_of_memory() {
    let fixture = Fixture::new("oom");
    let eat = "x=a; while :; do x=$x$x; done";
    let mut spec = fixture.shell("a", eat);
    spec.resources.memory_bytes = Some(16 << 20);
    spec.resources.memory_swap_bytes = Some(16 << 20);
    fixture.up(&spec).await;
    let seen = fixture.wait_for_exit(&spec).await;
    let ContainerState::Exited { oom_killed, exit_code, .. } = seen.state else { panic!("{seen:?}") };
    assert!(oom_killed, "exit code {exit_code}");
}

#[tokio::test]
async fn images_are_found_by_tag() {
    let fixture = Fixture::new("images");
    let there = crate::support::busybox();
    let wanted = [there.clone(), "hearthit-not-there:1".parse().expect("valid")].into();
    let view = fixture.engine.observe(&wanted).await.expect("a look");
    assert_eq!(view.images, [there].into());
}

#[tokio::test]
async fn a_container_that_goes_away_between_looks_is_gone() {
    let fixture = Fixture::new("gone");
    let spec = fixture.sleeper("a");
    fixture.up(&spec).await;
    assert!(fixture.see(&spec).await.is_some());
    docker(["rm", "-f", &spec.name]);
    assert!(fixture.see(&spec).await.is_none());
    tokio::time::timeout(Duration::from_secs(10), fixture.look()).await.expect("in time");
}
