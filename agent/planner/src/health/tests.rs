use std::collections::{BTreeMap, BTreeSet};

use hearth_model::container::{Beneath, Mount};
use hearth_model::{ContainerSpec, Digest};

use super::*;

const NOW: i64 = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn service(restart: RestartPolicy, one_shot: bool) -> ServiceSpec {
    let mut container = ContainerSpec::new("a-b-1", "image:1".parse().expect("valid"));
    container.restart = restart;
    ServiceSpec { container, depends_on: BTreeMap::new(), one_shot }
}

fn container(state: ContainerState) -> ObservedContainer {
    ObservedContainer {
        id: "1".to_owned(),
        app: "a".parse().expect("valid"),
        service: "b".parse().expect("valid"),
        spec_hash: Digest::of(b""),
        package_digest: Digest::of(b""),
        restarts: 0,
        state,
        health: None,
        restart_count: 0,
        started_at: Some(at(900)),
        networks: BTreeSet::new(),
        network_ids: BTreeMap::new(),
        addresses: BTreeMap::new(),
        ports: BTreeSet::new(),
        outside_volumes: Default::default(),
    }
}

fn exited(exit_code: i64, finished: i64) -> ObservedContainer {
    let finished_at = Some(at(finished));
    container(ContainerState::Exited { exit_code, oom_killed: false, finished_at, error: None })
}

#[test]
fn an_ended_container_is_started_again_when_its_policy_or_the_owner_wants_that() {
    use RestartPolicy::{Always, No, OnFailure, UnlessStopped};
    // Wanted since 950; ended before that (940) or after it (960).
    for (policy, one_shot, exit_code, finished, expected) in [
        (No, false, 1, 940, Again::Now),
        (No, false, 1, 960, Again::No),
        (No, false, 0, 960, Again::No),
        (Always, false, 0, 960, Again::Now),
        (UnlessStopped, false, 1, 960, Again::Now),
        (OnFailure(0), false, 1, 960, Again::Now),
        (OnFailure(3), false, 1, 960, Again::Now),
        (OnFailure(3), false, 0, 960, Again::No),
        (OnFailure(3), false, 0, 940, Again::Now),
        (No, true, 0, 940, Again::No),
        (No, true, 1, 940, Again::Now),
        (No, true, 1, 960, Again::No),
    ] {
        let decided = start_again(
            &service(policy, one_shot),
            &exited(exit_code, finished),
            Some(at(950)),
            &Timing::default(),
            at(NOW),
        );
        assert_eq!(decided, expected, "{policy:?}, one-shot {one_shot}, exit {exit_code} at {finished}");
    }
}

#[test]
fn a_policy_with_a_limit_is_over_once_the_engine_tried_so_often() {
    let mut tried = exited(1, 960);
    tried.restart_count = 3;
    let policy = service(RestartPolicy::OnFailure(3), false);
    let again = start_again(&policy, &tried, Some(at(950)), &Timing::default(), at(NOW));
    assert_eq!(again, Again::No);
}

#[test]
fn without_a_wish_an_ended_container_waits_for_a_pause() {
    let policy = service(RestartPolicy::No, false);
    let again = |finished| start_again(&policy, &exited(1, finished), None, &Timing::default(), at(NOW));
    assert_eq!(again(995), Again::At(at(1005)));
    assert_eq!(again(990), Again::Now);
}

#[test]
fn a_container_that_the_engine_may_not_restart_is_started_again_after_a_pause() {
    let mut policy = service(RestartPolicy::Always, false);
    let again = |service: &ServiceSpec, finished| {
        start_again(service, &exited(1, finished), Some(at(950)), &Timing::default(), at(NOW))
    };
    assert_eq!(again(&policy, 995), Again::Now);
    policy.container.mounts.push(Mount::Bind {
        source: "/apps/blog/data/x".to_owned(),
        target: "/x".to_owned(),
        read_only: false,
        create_host_path: true,
        propagation: None,
        selinux: None,
        beneath: Some(Beneath { volume: "blog.folder".to_owned(), subpath: "data/x".to_owned() }),
    });
    assert_eq!(again(&policy, 940), Again::Now);
    assert_eq!(again(&policy, 990), Again::Now);
    assert_eq!(again(&policy, 995), Again::At(at(1005)));
    policy.container.restart = RestartPolicy::OnFailure(0);
    assert_eq!(again(&policy, 995), Again::At(at(1005)));
}

#[test]
fn a_crash_loop_is_over_once_the_container_ran_for_a_while() {
    let mut often = container(ContainerState::Running);
    often.restart_count = 5;
    let look =
        |now| of_service(&service(RestartPolicy::Always, false), Some(&often), &Timing::default(), at(now));
    assert_eq!(look(959), ServiceHealth::CrashLoop(5));
    assert_eq!(look(960), ServiceHealth::Running);
}

#[test]
fn a_verdict_takes_the_start_period_and_all_failing_checks() {
    let mut check = Healthcheck {
        test: vec!["CMD".to_owned(), "true".to_owned()],
        interval_ms: Some(10_000),
        timeout_ms: Some(5_000),
        retries: Some(3),
        start_period_ms: Some(60_000),
        start_interval_ms: None,
    };
    assert_eq!(verdict_within(Some(&check)).as_secs(), 105);
    assert_eq!(verdict_within(None).as_secs(), 0);
    check.interval_ms = Some(u64::MAX);
    assert!(verdict_within(Some(&check)).as_secs() > 0);
}
