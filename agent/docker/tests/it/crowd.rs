use std::time::{Duration, Instant};

use hearth_model::container::ContainerSpec;
use hearth_model::id::ServiceName;
use hearth_model::plan::EngineStep;
use hearth_model::spec::NetworkSpec;
use hearth_model::{AppId, Digest};

use crate::support::{Fixture, busybox, networks};

const APPS: usize = 30;
const CONTAINERS: usize = 100;

/// Prints what a look at a full box takes, and holds it to a generous limit: other work runs on the same machine.
#[tokio::test]
async fn a_look_at_a_hundred_containers_is_quick() {
    let fixture = Fixture::new("crowd");
    let app = |number: usize| -> AppId { format!("{}-{number}", fixture.prefix).parse().expect("valid") };
    // The engine has address ranges for about 30 networks: containers share one here.
    let net = fixture.name("net");
    fixture.network("net", NetworkSpec::default()).await;
    let creations: Vec<(EngineStep, EngineStep)> = (0..CONTAINERS)
        .map(|number| {
            let service: ServiceName = format!("s{number}").parse().expect("valid");
            let spec = ContainerSpec {
                network: networks(&[(&net, &format!("s{number}"))]),
                ..fixture.shell(&format!("c{number}"), "exec /bin/busybox sleep 100000")
            };
            let name = spec.name.clone();
            let create = EngineStep::CreateContainer {
                app: app(number % APPS),
                service,
                package_digest: Digest::of(b"package"),
                restarts: 0,
                container: Box::new(spec),
            };
            (create, EngineStep::StartContainer { name })
        })
        .collect();
    for (create, start) in &creations {
        fixture.do_it(create).await;
        fixture.do_it(start).await;
    }
    let wanted = [busybox()].into();
    let look = async || {
        let start = Instant::now();
        let view = fixture.engine.observe(&wanted).await.expect("a look");
        assert_eq!(view.containers.len(), CONTAINERS);
        start.elapsed()
    };
    let first = look().await;
    let mut later = Vec::new();
    for _ in 0..20 {
        later.push(look().await);
    }
    later.sort_unstable();
    let median = later[later.len() / 2];
    println!(
        "a look at {CONTAINERS} containers of {APPS} apps: first {first:?}, then {median:?} (median of 20)"
    );
    assert!(median < Duration::from_millis(500), "{later:?}");
}
