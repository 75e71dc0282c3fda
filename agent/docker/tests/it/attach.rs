use std::collections::BTreeMap;

use futures_util::StreamExt;
use hearth_docker::{Attached, Exec, Written};
use hearth_model::plan::EngineStep;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Fixture, PATIENCE};

fn shell(line: &str) -> Exec {
    Exec {
        command: ["/bin/busybox", "sh", "-c", line].map(str::to_owned).into(),
        environment: BTreeMap::new(),
        user: None,
        working_dir: None,
    }
}

/// What a program writes to its end, and how that is.
async fn end(fixture: &Fixture, mut attached: Attached) -> (String, String, i64) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    while let Some(written) = tokio::time::timeout(PATIENCE, attached.written.next()).await.expect("in time")
    {
        match written.expect("it is read") {
            Written::Output(bytes) => output.extend_from_slice(&bytes),
            Written::Errors(bytes) => errors.extend_from_slice(&bytes),
        }
    }
    let code = fixture.engine.exit_code(&attached.program).await.expect("it ended");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output), text(&errors), code)
}

#[tokio::test]
async fn a_program_in_a_container_reads_writes_and_ends() {
    let fixture = Fixture::new("exec");
    let spec = fixture.sleeper("a");
    fixture.up(&spec).await;
    let exec = Exec {
        environment: BTreeMap::from([("WORD".to_owned(), "a b".to_owned())]),
        user: Some("1000:1000".to_owned()),
        working_dir: Some("/tmp".to_owned()),
        ..shell("/bin/busybox cat; echo \"$WORD of $(/bin/busybox id -u) in $PWD\" >&2; exit 7")
    };
    let mut attached = fixture.engine.exec(&spec.name, &exec).await.expect("it starts");
    // More than any pipe holds, in lines as long.
    let sent = "x".repeat(300_000);
    attached.input.write_all(sent.as_bytes()).await.expect("it is taken");
    attached.input.shutdown().await.expect("the end is told");
    let (output, errors, code) = end(&fixture, attached).await;
    assert_eq!(output.len(), sent.len());
    assert_eq!((errors.as_str(), code), ("a b of 1000 in /tmp\n", 7));
}

#[tokio::test]
async fn a_program_that_is_not_there_and_a_container_that_does_not_run_are_told() {
    let fixture = Fixture::new("noexec");
    let spec = fixture.sleeper("a");
    let missing = fixture.engine.exec(&spec.name, &shell("true")).await.err().expect("refused");
    assert!(missing.to_string().contains("there is no container"), "{missing}");
    fixture.create(&spec).await;
    let stopped = fixture.engine.exec(&spec.name, &shell("true")).await.err().expect("refused");
    assert!(stopped.to_string().contains("is not running"), "{stopped}");
    fixture.start(&spec).await;
    let exec = Exec { command: vec!["/no/such".to_owned()], ..shell("") };
    let attached = fixture.engine.exec(&spec.name, &exec).await.expect("the engine tells when it tries");
    let (output, errors, code) = end(&fixture, attached).await;
    assert!(code == 126 || code == 127, "{code}: {output}{errors}");
}

#[tokio::test]
async fn what_a_container_writes_is_read_from_its_first_word_to_its_last() {
    let fixture = Fixture::new("attach");
    let spec = fixture.shell("a", "echo first; echo second >&2; exit 3");
    fixture.create(&spec).await;
    let attached = fixture.engine.attach(&spec.name).await.expect("attached");
    fixture.start(&spec).await;
    let ended = end(&fixture, attached).await;
    assert_eq!(ended, ("first\n".to_owned(), "second\n".to_owned(), 3));
}

#[tokio::test]
async fn a_container_that_is_removed_meanwhile_is_no_good_end() {
    let fixture = Fixture::new("removed");
    let spec = fixture.sleeper("a");
    fixture.create(&spec).await;
    let mut attached = fixture.engine.attach(&spec.name).await.expect("attached");
    fixture.start(&spec).await;
    fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
    while attached.written.next().await.is_some() {}
    let error = fixture.engine.exit_code(&attached.program).await.expect_err("it is gone");
    assert!(error.to_string().contains("o such container"), "{error}");
}
