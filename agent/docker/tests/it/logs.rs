use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use hearth_docker::LogOptions;
use hearth_model::container::{ContainerSpec, Logging};
use hearth_model::plan::EngineStep;

use crate::support::{Fixture, PATIENCE};

const ALL: LogOptions = LogOptions { tail: None, follow: false };

#[tokio::test]
async fn both_outputs_are_read_with_their_times() {
    let fixture = Fixture::new("both");
    let spec = fixture.shell("a", "echo one; echo two >&2; echo; printf three");
    fixture.up(&spec).await;
    fixture.wait_for_exit(&spec).await;
    let lines: Vec<_> =
        fixture.engine.logs(&spec.name, ALL).await.expect("a log").try_collect().await.expect("lines");
    let mut texts: Vec<(bool, &str)> = lines.iter().map(|line| (line.stderr, line.line.as_str())).collect();
    // The two outputs are two pipes: their order is the engine's.
    texts.sort_unstable();
    assert_eq!(texts, [(false, ""), (false, "one"), (false, "three"), (true, "two")]);
    assert!(lines.iter().all(|line| line.at.is_some() && line.service == "web"), "{lines:?}");
    assert_eq!(fixture.engine.last_lines(&spec.name, 1).await.len(), 1);
}

#[tokio::test]
async fn a_terminal_is_read_as_well() {
    let fixture = Fixture::new("tty");
    let spec = ContainerSpec { tty: true, ..fixture.shell("a", "printf '\\001one\\ntwo\\n'") };
    fixture.up(&spec).await;
    fixture.wait_for_exit(&spec).await;
    assert_eq!(fixture.engine.last_lines(&spec.name, 9).await, ["\u{1}one", "two"]);
}

#[tokio::test]
async fn a_log_is_followed_until_the_container_ends() {
    let fixture = Fixture::new("follow");
    let spec =
        fixture.shell("a", "echo begun; until [ -e /tmp/go ]; do /bin/busybox sleep 0.05; done; echo ended");
    fixture.up(&spec).await;
    let options = LogOptions { tail: Some(10), follow: true };
    let mut lines = fixture.engine.logs(&spec.name, options).await.expect("a log");
    let next = async |lines: &mut futures_util::stream::BoxStream<'static, _>| {
        tokio::time::timeout(PATIENCE, lines.next()).await.expect("in time")
    };
    assert_eq!(next(&mut lines).await.expect("a line").expect("read").line, "begun");
    crate::support::docker(["exec", &spec.name, "/bin/busybox", "touch", "/tmp/go"]);
    assert_eq!(next(&mut lines).await.expect("a line").expect("read").line, "ended");
    assert!(next(&mut lines).await.is_none());
}

#[tokio::test]
async fn a_silent_container_can_be_followed_and_let_go() {
    let fixture = Fixture::new("silent");
    let spec = fixture.sleeper("a");
    fixture.up(&spec).await;
    let options = LogOptions { tail: Some(0), follow: true };
    let mut lines = fixture.engine.logs(&spec.name, options).await.expect("a log");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), lines.next()).await.is_err(),
        "it said something"
    );
    drop(lines);
    fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
    assert!(fixture.engine.logs(&spec.name, ALL).await.is_err());
    assert!(fixture.engine.last_lines(&spec.name, 5).await.is_empty());
}

#[tokio::test]
async fn the_last_of_many_lines_are_found() {
    let fixture = Fixture::new("many");
    let spec = fixture.shell("a", "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done");
    fixture.up(&spec).await;
    fixture.wait_for_exit(&spec).await;
    assert_eq!(fixture.engine.last_lines(&spec.name, 2).await, ["line 4998", "line 4999"]);
    let lines = fixture.engine.logs(&spec.name, ALL).await.expect("a log");
    assert_eq!(lines.count().await, 5000);
}

/// A container that writes a line of 30 MB between two others.
const LONG: &str = "echo before; /bin/busybox dd if=/dev/zero bs=1000000 count=30 2>/dev/null \
    | /bin/busybox tr '\\0' x; echo; echo after";

#[tokio::test]
async fn a_line_of_30_mb_is_cut_and_the_log_goes_on() {
    let fixture = Fixture::new("long");
    for driver in ["json-file", "local"] {
        let logging = Some(Logging { driver: driver.to_owned(), options: BTreeMap::new() });
        let spec = ContainerSpec { logging, ..fixture.shell(driver, LONG) };
        fixture.up(&spec).await;
        fixture.wait_for_exit(&spec).await;
        let last = LogOptions { tail: Some(200), follow: false };
        for options in [ALL, last, LogOptions { follow: true, ..last }] {
            let lines = fixture.engine.logs(&spec.name, options).await.expect("a log");
            let lines: Vec<_> = lines.try_collect().await.expect("lines");
            assert!((2..=3).contains(&lines.len()), "{driver} {options:?}: {} lines", lines.len());
            assert_eq!(lines.last().map(|line| line.line.as_str()), Some("after"), "{driver} {options:?}");
            assert!(lines.iter().all(|line| line.at.is_some() && line.line.len() < 70_000));
        }
        let json: serde_json::Value =
            serde_json::from_str(&crate::support::docker(["inspect", &spec.name])).unwrap();
        let bounds = serde_json::json!({ "max-size": "10m", "max-file": "3" });
        assert_eq!(json[0]["HostConfig"]["LogConfig"]["Config"], bounds);
    }
}
