use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use serde_json::json;

use crate::engine::Engine;
use crate::http::{Failure, filters};
use crate::labels;
use crate::wire;

/// First and longest pause before the engine is asked again for its events.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Longest line of events that is kept; a longer one is passed over.
const LINE_LIMIT_BYTES: usize = 1 << 20;

/// Why it is time to look at the engine again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineEvent {
    /// The engine listens, for the first time or again: whatever happened before was missed.
    Connected,
    /// Something happened to a container of ours.
    Container {
        /// Its name.
        name: String,
        /// What, in the engine's word: `start`, `die`, `health_status: healthy`, `destroy` …
        action: String,
    },
    /// A network was removed, or a container was taken out of one.
    Network {
        /// The network's name. The engine does not say whose it is.
        name: String,
        /// What, in the engine's word: `destroy` or `disconnect`.
        action: String,
    },
    /// The engine went away, or never was there; it is tried again.
    Lost {
        /// What was seen.
        reason: String,
    },
}

impl Engine {
    /// Returns what happens to containers of ours and to their networks, for as long as it is listened to. It never ends: when the engine
    /// goes away it says [`EngineEvent::Lost`] once and tries again, 0.2 to 10 seconds apart.
    pub fn events(&self) -> BoxStream<'static, EngineEvent> {
        let engine = self.clone();
        let (sender, receiver) = tokio::sync::mpsc::channel(64);
        // Ends with the first event that nobody takes.
        let listening = tokio::spawn(async move { engine.listen(sender).await });
        let listening = AbortOnDrop(listening);
        futures_util::stream::unfold((receiver, listening), async |(mut receiver, listening)| {
            receiver.recv().await.map(|event| (event, (receiver, listening)))
        })
        .boxed()
    }

    async fn listen(&self, sender: tokio::sync::mpsc::Sender<EngineEvent>) {
        let mut pause = FIRST_PAUSE;
        let mut told_lost = false;
        loop {
            let failure = match self.listen_once(&sender, &mut told_lost, &mut pause).await {
                Ok(()) => return,
                Err(failure) => failure,
            };
            if !told_lost {
                told_lost = true;
                let reason = self.error(failure, "listen to the engine").to_string();
                if sender.send(EngineEvent::Lost { reason }).await.is_err() {
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Listens until the engine goes away, or until nobody listens any more, which is `Ok`.
    async fn listen_once(
        &self,
        sender: &tokio::sync::mpsc::Sender<EngineEvent>,
        told_lost: &mut bool,
        pause: &mut Duration,
    ) -> Result<(), Failure> {
        // An engine answers a request for events only with the first event, so it is asked whether it is there before.
        self.inner.reader.versions().await?;
        let ours = format!("{}={}", labels::BOX, self.inner.options.box_id);
        let containers = filters(&json!({ "type": ["container"], "label": [ours] }));
        // Events of networks have no labels, so a filter for ours would keep all of them away.
        let networks = filters(&json!({ "type": ["network"], "event": ["destroy", "disconnect"] }));
        let follow =
            |filter: &str| lines(self.inner.reader.follow_slow(&format!("/events?filters={filter}")));
        let (containers, networks) = (follow(&containers), follow(&networks));
        let mut events = std::pin::pin!(futures_util::stream::select(containers, networks));
        *told_lost = false;
        *pause = FIRST_PAUSE;
        if sender.send(EngineEvent::Connected).await.is_err() {
            return Ok(());
        }
        while let Some(line) = events.next().await {
            if let Some(event) = self.read_event(&line?)
                && sender.send(event).await.is_err()
            {
                return Ok(());
            }
        }
        Err(ended())
    }

    fn read_event(&self, line: &[u8]) -> Option<EngineEvent> {
        let event: wire::Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "an event of the engine is not understood");
                return Some(EngineEvent::Connected);
            }
        };
        // Health checks run commands all the time; nothing changes by that.
        if ["exec_", "attach", "detach", "resize", "top", "copy", "export", "archive-path", "extract-to-dir"]
            .iter()
            .any(|noise| event.action.starts_with(noise))
        {
            return None;
        }
        let name = event.actor.attributes.get("name").cloned().unwrap_or_default();
        if event.kind == "network" {
            return Some(EngineEvent::Network { name, action: event.action });
        }
        self.inner.cache.forget(&event.actor.id);
        Some(EngineEvent::Container { name, action: event.action })
    }
}

/// Cuts what the engine sends into lines. An engine that goes away is an error, so that one of two streams that ends is
/// not waited out by the other.
fn lines(
    pieces: impl Stream<Item = Result<Bytes, Failure>> + Send,
) -> impl Stream<Item = Result<Vec<u8>, Failure>> + Send {
    let pieces = pieces.chain(futures_util::stream::once(async { Err(ended()) }));
    let mut line = Vec::new();
    let cut = move |piece: Result<Bytes, Failure>| {
        let mut whole = Vec::new();
        match piece {
            Ok(bytes) => {
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    if line.len() < LINE_LIMIT_BYTES {
                        line.extend_from_slice(part);
                    }
                    if part.ends_with(b"\n") {
                        whole.push(Ok(std::mem::take(&mut line)));
                    }
                }
            }
            Err(failure) => whole.push(Err(failure)),
        }
        futures_util::stream::iter(whole)
    };
    pieces.map(cut).flatten()
}

fn ended() -> Failure {
    Failure::Unreachable("it ended its events".to_owned())
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
