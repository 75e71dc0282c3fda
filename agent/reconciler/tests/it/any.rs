use hearth_model::AppSpec;
use hearth_model::container::{NetworkMode, RestartPolicy};
use hearth_model::spec::{Dependency, DependencyCondition, NetworkSpec, VolumeSpec};
use hearth_planner::sim::{Behaviour, HealthCheck, PageAnswers};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::driver::Agent;
use crate::fixture::{Build, app, service};

pub(crate) const APPS: [&str; 3] = ["one", "two", "three"];

/// One service, by choices that are made valid when the app is put together.
#[derive(Debug, Clone)]
struct Shape {
    image: u8,
    checked: bool,
    one_shot: bool,
    /// For each service before it: whether it depends on that, and how.
    depends: Vec<Option<(u8, bool)>>,
    inside: Option<u8>,
    restart: u8,
    port: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    let depends = vec(proptest::option::weighted(0.4, (0u8..3, any::<bool>())), 3);
    let inside = proptest::option::weighted(0.15, 0u8..3);
    (0u8..3, any::<bool>(), proptest::bool::weighted(0.2), depends, inside, 0u8..4, any::<bool>()).prop_map(
        |(image, checked, one_shot, depends, inside, restart, port)| Shape {
            image,
            checked,
            one_shot,
            depends,
            inside,
            restart,
            port,
        },
    )
}

/// Puts an app together; its ports are its own.
fn build(number: usize, shapes: &[Shape], network: u8, volume: bool) -> AppSpec {
    let name = APPS[number];
    let mut spec = app(name);
    match network {
        0 => {}
        1 => {
            spec.networks.insert(format!("{name}_back"), NetworkSpec::default());
        }
        2 => {
            spec.networks.insert("common".to_owned(), NetworkSpec { shared: true, ..Default::default() });
        }
        _ => {
            spec.networks
                .insert(format!("{name}_default"), NetworkSpec { internal: true, ..Default::default() });
        }
    }
    if volume {
        let volume = VolumeSpec { folder: Some(format!("/apps/{name}/volumes/v")), ..Default::default() };
        spec.volumes.insert(format!("{name}_v"), volume);
    }
    for (index, shape) in shapes.iter().enumerate() {
        let own = format!("s{index}");
        let kind = if shape.one_shot { "job" } else { "image" };
        spec = spec.service(&own, &format!("{kind}:{}", shape.image));
        if shape.checked && !shape.one_shot {
            spec = spec.checked(&own);
        }
        if shape.port {
            spec = spec.port(&own, 1000 * (number as u16 + 1) + index as u16);
        } else if !shape.one_shot {
            spec = spec.door(&own, 500 + number as u16);
        }
        spec = spec.restart(
            &own,
            [
                RestartPolicy::No,
                RestartPolicy::UnlessStopped,
                RestartPolicy::OnFailure(2),
                RestartPolicy::Always,
            ][usize::from(shape.restart)],
        );
        if shape.one_shot {
            spec = spec.one_shot(&own);
        }
        for (on, depends) in shape.depends.iter().take(index).enumerate() {
            let Some((condition, restart)) = depends else { continue };
            let other = &shapes[on];
            let condition = match condition {
                1 if other.checked && !other.one_shot => DependencyCondition::ServiceHealthy,
                _ if other.one_shot => DependencyCondition::ServiceCompletedSuccessfully,
                _ => DependencyCondition::ServiceStarted,
            };
            let dependency = Dependency { condition, restart: *restart, required: true };
            spec = spec.with(&own, |one| {
                one.depends_on.insert(service(&format!("s{on}")), dependency);
            });
        }
        if let Some(host) =
            shape.inside.filter(|host| usize::from(*host) < index && !shapes[usize::from(*host)].one_shot)
        {
            spec = spec.with(&own, |one| {
                one.container.network = NetworkMode::Service(service(&format!("s{host}")));
                one.container.ports.clear();
            });
        }
    }
    spec
}

pub(crate) fn any_app(number: usize) -> impl Strategy<Value = AppSpec> {
    (vec(shape(), 1..4), 0u8..4, any::<bool>())
        .prop_map(move |(shapes, network, volume)| build(number, &shapes, network, volume))
}

/// What the owner may want: some of the apps, some of them stopped.
pub(crate) fn any_wish() -> impl Strategy<Value = Vec<Option<(AppSpec, bool)>>> {
    let one = |number| proptest::option::weighted(0.7, (any_app(number), proptest::bool::weighted(0.8)));
    (one(0), one(1), one(2)).prop_map(|(a, b, c)| vec![a, b, c])
}

/// What is wrong with a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    NotFound,
    Unhealthy,
    NeverHealthy,
    Crashes,
    DoesNotStart,
    PageIsSilent,
    WellForFiveSeconds,
}

pub(crate) fn any_wrong() -> impl Strategy<Value = Wrong> {
    prop_oneof![
        Just(Wrong::Nothing),
        Just(Wrong::NotFound),
        Just(Wrong::Unhealthy),
        Just(Wrong::NeverHealthy),
        Just(Wrong::Crashes),
        Just(Wrong::DoesNotStart),
        Just(Wrong::PageIsSilent),
        Just(Wrong::WellForFiveSeconds),
    ]
}

impl Wrong {
    pub(crate) fn apply(self, agent: &mut Agent, to: &AppSpec) {
        let images: Vec<_> = to.services.values().map(|service| service.container.image.clone()).collect();
        let behaviour = match self {
            Wrong::Nothing => return,
            Wrong::NotFound => {
                agent.sim().not_in_registry.extend(images);
                return;
            }
            Wrong::Unhealthy => Behaviour { health: HealthCheck::UnhealthyAfter(3), ..Behaviour::default() },
            Wrong::NeverHealthy => {
                Behaviour { health: HealthCheck::HealthyAfter(1_000_000), ..Behaviour::default() }
            }
            Wrong::Crashes => crate::trouble::ends_after(1, 1),
            Wrong::PageIsSilent => Behaviour { page: PageAnswers::After(1_000_000), ..Behaviour::default() },
            Wrong::WellForFiveSeconds => Behaviour {
                health: HealthCheck::HealthyUntil(5),
                page: PageAnswers::Until(5),
                ..Behaviour::default()
            },
            Wrong::DoesNotStart => Behaviour { start_error: Some("no".to_owned()), ..Behaviour::default() },
        };
        for image in images {
            agent.sim().behaviours.insert(image.familiar(), behaviour.clone());
        }
    }
}
