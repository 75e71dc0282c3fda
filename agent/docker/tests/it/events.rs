use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use hearth_docker::EngineEvent;
use hearth_model::plan::EngineStep;
use hearth_model::spec::NetworkSpec;

use crate::support::{Fixture, PATIENCE, docker};

async fn next(events: &mut BoxStream<'static, EngineEvent>) -> EngineEvent {
    tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("never ends")
}

/// Waits for one action of one container; anything else of that container is passed over.
async fn wait_for(events: &mut BoxStream<'static, EngineEvent>, name: &str, action: &str) {
    loop {
        match next(events).await {
            EngineEvent::Container { name: of, action: now } => {
                assert_eq!(of, name, "an event of somebody else");
                if now == action {
                    return;
                }
            }
            // Those of all, of other tests as well.
            EngineEvent::Network { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_happens_to_ours_is_told_and_nothing_else() {
    let (fixture, neighbour) = (Fixture::new("told"), Fixture::new("untold"));
    let mut events = fixture.engine.events();
    assert_eq!(next(&mut events).await, EngineEvent::Connected);
    neighbour.up(&neighbour.sleeper("a")).await;
    let spec = fixture.sleeper("a");
    fixture.up(&spec).await;
    wait_for(&mut events, &spec.name, "start").await;
    docker(["exec", &spec.name, "/bin/busybox", "true"]);
    fixture.do_it(&EngineStep::StopContainer { name: spec.name.clone() }).await;
    wait_for(&mut events, &spec.name, "die").await;
    fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
    wait_for(&mut events, &spec.name, "destroy").await;
}

#[tokio::test]
async fn a_network_that_is_taken_away_is_told() {
    let fixture = Fixture::new("net-told");
    let mut events = fixture.engine.events();
    assert_eq!(next(&mut events).await, EngineEvent::Connected);
    fixture.network("net", NetworkSpec::default()).await;
    let network = fixture.name("net");
    docker(["network", "rm", &network]);
    loop {
        if let EngineEvent::Network { name, action } = next(&mut events).await
            && name == network
        {
            assert_eq!(action, "destroy");
            return;
        }
    }
}
