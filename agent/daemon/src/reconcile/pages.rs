use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use hearth_gateway::upstream;
use hearth_model::observed::{ObservedContainer, ObservedPage};
use hearth_model::{AppId, Chain};
use hearth_planner::page::{self, Target};
use hearth_reconciler::{CurrentGeneration, Specs};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::hearth::Hearth;

/// Pages that are asked at the same time: an answer takes milliseconds, and silence is given up after a while.
const AT_ONCE: usize = 8;
/// How long a page may take to answer before it counts as silent.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The first pause before a page that was silent is asked again, and the longest that it grows to.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause before a page that answered is asked again while a new version has to prove itself.
const PROBATION_PAUSE: Duration = Duration::from_secs(1);

/// Asks the pages of apps, beside the loop: each from the start of its container until it answers, and while the app's new
/// version is on probation on and on. A page that answered is not asked again before its container's next start, so apps
/// that run cost nothing.
#[derive(Debug)]
pub(crate) struct Pages {
    asked: Mutex<BTreeMap<AppId, Asked>>,
    permits: Semaphore,
}

#[derive(Debug)]
struct Asked {
    target: Target,
    is_on_probation: bool,
    seen: Option<ObservedPage>,
    /// Asks; `None` once there is nothing more to ask.
    _task: Option<AbortOnDropHandle<()>>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { asked: Mutex::default(), permits: Semaphore::new(AT_ONCE) }
    }
}

impl Pages {
    /// Forgets everything and asks nobody any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Records what came of a question. Returns whether that is news.
    fn note(&self, app: &AppId, target: &Target, problem: Option<String>) -> bool {
        let mut asked = self.lock();
        let Some(asked) = asked.get_mut(app).filter(|asked| asked.target == *target) else { return false };
        let page =
            ObservedPage { container: target.container.clone(), started_at: target.started_at, problem };
        let is_news = asked.seen.as_ref() != Some(&page);
        asked.seen = Some(page);
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AppId, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that the pages are asked of which nothing is known, and returns what is known of the others. Asks nobody
/// itself, and does not wait.
pub(super) fn observe(
    hearth: &Hearth,
    current: &CurrentGeneration,
    specs: &Specs,
    containers: &BTreeMap<String, ObservedContainer>,
) -> BTreeMap<AppId, ObservedPage> {
    let mut asked = hearth.pages.lock();
    asked.retain(|app, _| specs.contains_key(app));
    for (app, spec) in specs {
        // The page of an app whose spec cannot be told is left as it is, like the app itself.
        let Ok(spec) = spec else { continue };
        let Some(target) = page::target(spec, containers) else {
            asked.remove(app);
            continue;
        };
        let is_on_probation = page::is_on_probation(current.updates.get(app));
        let known = asked.get(app).filter(|known| known.target == target);
        if known.is_some_and(|known| known.is_on_probation == is_on_probation) {
            continue;
        }
        let seen = known.and_then(|known| known.seen.clone());
        let answered = seen.as_ref().is_some_and(|seen| seen.problem.is_none());
        let task = (!answered || is_on_probation).then(|| {
            let ask = ask_on(hearth.clone(), app.clone(), target.clone(), is_on_probation);
            AbortOnDropHandle::new(tokio::spawn(ask))
        });
        asked.insert(app.clone(), Asked { target, is_on_probation, seen, _task: task });
    }
    asked.iter().filter_map(|(app, asked)| Some((app.clone(), asked.seen.clone()?))).collect()
}

/// Asks a page until it answers, or until nobody wants to know any more.
async fn ask_on(hearth: Hearth, app: AppId, target: Target, is_on_probation: bool) {
    let mut pause = FIRST_PAUSE;
    loop {
        let result = {
            let _permit = hearth.pages.permits.acquire().await;
            ask(&target, &hearth.hostname).await
        };
        let answered = result.is_ok();
        if hearth.pages.note(&app, &target, result.err()) {
            hearth.wake.changed();
        }
        if answered && !is_on_probation {
            return;
        }
        tokio::time::sleep(if answered { PROBATION_PAUSE } else { pause }).await;
        pause = if answered { FIRST_PAUSE } else { (pause * 3 / 2).min(LONGEST_PAUSE) };
    }
}

/// Asks a page once, as a browser would. Any HTTP status below 500 is an answer, and so is anything that is not HTTP.
///
/// # Errors
/// What was met instead, in words that stay the same while it does.
async fn ask(target: &Target, host: &str) -> Result<(), String> {
    let question = async {
        let stream = upstream::connect(target.address, target.scheme).await.map_err(|error| words(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| Chain(&error).to_string())?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let request = Request::get(target.path.as_str())
            .header(header::HOST, format!("{host}:{}", target.address.port()))
            .header(header::USER_AGENT, "hearth")
            .body(Body::empty())
            .map_err(|error| format!("the path {} cannot be asked for: {error}", target.path))?;
        match sender.send_request(request).await {
            Ok(answer) if answer.status().is_server_error() => Err(format!("it answers {}", answer.status())),
            Ok(_) => Ok(()),
            Err(error) if error.is_parse() => Ok(()),
            Err(error) => Err(Chain(&error).to_string()),
        }
    };
    let silent = || Err(format!("no answer within {} seconds", ANSWER_WITHIN.as_secs()));
    tokio::time::timeout(ANSWER_WITHIN, question).await.unwrap_or_else(|_| silent())
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection is refused".to_owned(),
        io::ErrorKind::TimedOut => "no connection in time".to_owned(),
        _ => Chain(error).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use hearth_model::package::Scheme;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks a page that answers with these bytes, or with silence.
    async fn answer(bytes: &'static [u8]) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serves = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.expect("a request");
            stream.write_all(bytes).await.expect("an answer");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let result = ask(&target(address), "box").await;
        let request = serves.await.expect("it was asked").to_lowercase();
        assert!(
            request.starts_with("get /start http/1.1\r\n") && request.contains("host: box:"),
            "{request}"
        );
        result
    }

    fn target(address: std::net::SocketAddr) -> Target {
        Target {
            service: "web".parse().expect("valid"),
            container: "1".to_owned(),
            started_at: None,
            address,
            scheme: Scheme::Http,
            path: "/start".to_owned(),
        }
    }

    #[tokio::test]
    async fn any_status_below_500_is_an_answer_and_so_is_another_protocol() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.0 404 Not Found\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        ] {
            assert_eq!(answer(bytes).await, Ok(()), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[tokio::test]
    async fn an_error_of_the_server_and_silence_are_none() {
        let unavailable = answer(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(unavailable, Err("it answers 503 Service Unavailable".to_owned()));
        assert!(answer(b"").await.is_err());
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        assert_eq!(ask(&target(gone), "box").await, Err("the connection is refused".to_owned()));
    }
}
