//! Lines that the containers of an app wrote, of all its services in one stream.

use std::collections::VecDeque;

use futures_util::future;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use hearth_docker::LogOptions;
use hearth_model::AppId;
use hearth_model::api::apps::LogLine;
use hearth_model::observed::EngineState;

use crate::error::{Error, Result};
use crate::hearth::Hearth;

/// Most lines of the past that are sent, for each service.
const MAX_TAIL: u32 = 5_000;

/// Bytes of past lines that are held for one request; the newest are kept.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// Only this service.
    pub service: Option<String>,
    /// So many lines of the past, for each service; 200 when `None`.
    pub tail: Option<u32>,
    /// Also every line that comes.
    pub follow: bool,
}

/// Opens the stream. Past lines of several services come in the order of their times.
pub(crate) async fn stream(
    hearth: &Hearth,
    app: &AppId,
    query: LogQuery,
) -> Result<BoxStream<'static, LogLine>> {
    let known = hearth.app(app).await?;
    if let EngineState::Unreachable { reason } = hearth.engine_state() {
        return Err(Error::EngineUnreachable(format!(
            "Docker does not answer, so there are no logs to read. {reason}"
        )));
    }
    let view = hearth
        .engine
        .observe(&std::collections::BTreeSet::new())
        .await
        .map_err(|error| Error::EngineUnreachable(error.reason().message))?;
    let containers: Vec<String> = view
        .containers
        .iter()
        .filter(|(_, container)| &container.app == app)
        .filter(|(_, container)| {
            query.service.as_deref().is_none_or(|wanted| container.service.as_str() == wanted)
        })
        .map(|(name, _)| name.clone())
        .collect();
    if containers.is_empty() {
        if let Some(service) = query.service {
            return Err(Error::Refused(format!("{} has no container of a service `{service}`", known.name)));
        }
        return Ok(stream::empty().boxed());
    }
    let tail = Some(query.tail.unwrap_or(200).min(MAX_TAIL));
    let mut past = Vec::new();
    let mut live = Vec::new();
    for name in containers {
        let written = newest(lines(hearth, &name, LogOptions { tail, follow: false }).await?).await;
        // Asked for again with the lines that come, so that none between the two is lost.
        let last = written.back().and_then(|line| line.at);
        past.extend(written);
        if query.follow {
            let following = lines(hearth, &name, LogOptions { tail, follow: true }).await?;
            live.push(following.skip_while(move |line| future::ready(last.is_some() && line.at <= last)));
        }
    }
    past.sort_by_key(|line: &LogLine| line.at);
    let past = newest(stream::iter(past)).await;
    Ok(stream::iter(past).chain(stream::select_all(live)).boxed())
}

/// Opens the log of one container; where it breaks off the stream ends.
async fn lines(hearth: &Hearth, container: &str, options: LogOptions) -> Result<BoxStream<'static, LogLine>> {
    let lines = hearth
        .engine
        .logs(container, options)
        .await
        .map_err(|error| Error::EngineUnreachable(error.reason().message))?;
    Ok(lines
        .take_while(|line| future::ready(line.is_ok()))
        .filter_map(|line| future::ready(line.ok()))
        .boxed())
}

/// Returns the newest lines within the bound.
async fn newest(lines: impl Stream<Item = LogLine>) -> VecDeque<LogLine> {
    let mut lines = std::pin::pin!(lines);
    let mut kept = VecDeque::new();
    let mut bytes = 0;
    while let Some(line) = lines.next().await {
        bytes += size(&line);
        kept.push_back(line);
        while bytes > MAX_BYTES
            && let Some(oldest) = kept.pop_front()
        {
            bytes -= size(&oldest);
        }
    }
    kept
}

/// What a line takes in the answer, about.
fn size(line: &LogLine) -> usize {
    line.line.len() + line.service.len() + 80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_lines_within_the_bound_are_kept() {
        let line = |n: usize| LogLine {
            service: "web".into(),
            at: None,
            stderr: false,
            line: format!("{n}{}", "x".repeat(100_000)),
        };
        let kept = newest(stream::iter((0..100).map(line))).await;
        assert!(kept.len() < 50, "{}", kept.len());
        assert!(kept.back().is_some_and(|line| line.line.starts_with("99x")));
    }
}
