use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use hearth_docker::{Engine, EngineEvent, Options};
use hearth_model::condition::ReasonCode;
use hearth_model::observed::EngineState;
use hearth_model::plan::EngineStep;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::support::{PATIENCE, SOCKET};

/// A way to the real engine that can be taken away and given back.
struct Relay {
    socket: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    fn open(socket: PathBuf) -> Self {
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("bound");
        let task = tokio::spawn(async move {
            // Connections end with the task, as they do when an engine ends.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                connections.spawn(async move {
                    if let Ok(mut there) = UnixStream::connect(SOCKET).await {
                        let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                    }
                });
            }
        });
        Self { socket, task }
    }

    async fn close(self) -> PathBuf {
        self.task.abort();
        let _ = self.task.await;
        let _ = std::fs::remove_file(&self.socket);
        self.socket
    }
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_told_and_comes_back() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let socket = dir.path().join("docker.sock");
    let engine = Engine::connect(&socket, Options::new("hearthit-unreachable", dir.path()));
    let EngineState::Unreachable { reason } = engine.state().await else { panic!("it answers") };
    assert!(reason.contains("docker.sock"), "{reason}");
    let error = engine.observe(&BTreeSet::new()).await.expect_err("not there");
    assert_eq!(error.reason().code, ReasonCode::EngineUnreachable);
    let error = engine
        .execute(&EngineStep::StartContainer { name: "x".to_owned() }, &|_| {})
        .await
        .expect_err("not there");
    assert_eq!(error.reason().code, ReasonCode::EngineUnreachable);

    let mut events = engine.events();
    let mut next =
        async || tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("goes on");
    assert!(matches!(next().await, EngineEvent::Lost { .. }));
    let relay = Relay::open(socket);
    assert_eq!(next().await, EngineEvent::Connected);
    assert!(matches!(engine.state().await, EngineState::Ready { .. }));
    let socket = relay.close().await;
    assert!(matches!(next().await, EngineEvent::Lost { .. }));
    assert!(matches!(engine.state().await, EngineState::Unreachable { .. }));
    let _relay = Relay::open(socket);
    assert_eq!(next().await, EngineEvent::Connected);
    engine.observe(&BTreeSet::new()).await.expect("it is back");
}

#[tokio::test]
async fn words_of_a_future_engine_fail_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let socket = dir.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection));
        }
    });
    let engine = Engine::connect(&socket, Options::new("future", dir.path()));
    let looked = tokio::time::timeout(PATIENCE, engine.observe(&BTreeSet::new())).await;
    let view = looked.expect("in time").expect("a look");
    assert!(
        matches!(&view.engine, EngineState::Ready { version, .. } if version == "40.0.0"),
        "{:?}",
        view.engine
    );
    let seen = &view.containers["web"];
    assert_eq!(seen.state, hearth_model::observed::ContainerState::Other("hibernating".to_owned()));
    assert_eq!(seen.restart_count, 2);
    assert_eq!(view.foreign_containers, BTreeSet::from(["broken".to_owned()]));
}

/// Answers one request as no engine does yet.
async fn answer(mut connection: UnixStream) {
    let mut request = vec![0; 4096];
    let length = connection.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let digest = format!("sha256:{}", "a".repeat(64));
    let labels = format!(
        r#"{{"sh.hearth.box":"future","sh.hearth.app":"web","sh.hearth.service":"web","sh.hearth.spec":"{digest}",
            "sh.hearth.package":"{digest}","sh.hearth.restarts":"0"}}"#
    );
    let body = if request.starts_with("GET /_ping") {
        "OK".to_owned()
    } else if request.starts_with("GET /containers/json") {
        format!(
            r#"[{{"Id":"1","Names":["/web"],"State":"hibernating","Status":"Asleep","Labels":{labels},"Ports":null,
                "Mounts":[{{"Type":"crystal"}}]}},
                {{"Id":"2","Names":["/broken"],"State":"running","Status":"Up","Labels":{{"sh.hearth.box":"future"}}}}]"#
        )
    } else if request.starts_with("GET /containers/1/json") {
        r#"{"Id":"1","Name":"/web","RestartCount":2,"State":{"Status":"hibernating","Health":{"Status":"dreaming"}}}"#
            .to_owned()
    } else if request.starts_with("GET /volumes") {
        r#"{"Volumes":null}"#.to_owned()
    } else {
        "[]".to_owned()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: Docker/40.0.0 (linux)\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = connection.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.shutdown()).await;
}
