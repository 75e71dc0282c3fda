/// Bytes of a log into lines.
mod decode;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use hearth_model::api::apps::LogLine;

use crate::engine::Engine;
use crate::error::Error;
use crate::http::encode;
use crate::labels;
use decode::Decoder;

/// Which lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// So many of the last lines; all when `None`.
    pub tail: Option<u32>,
    /// Goes on with new lines until the container ends.
    pub follow: bool,
}

impl Engine {
    /// Returns what a container wrote, oldest first, from both of its outputs.
    ///
    /// Fails when there is no such container, or its log driver keeps nothing that can be read. With `follow` the
    /// stream ends when the container ends; it may be dropped at any time.
    pub async fn logs(
        &self,
        container: &str,
        options: LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine, Error>>, Error> {
        let doing = format!("read the log of {container}");
        let found = self.find_container(container).await.map_err(|failure| self.error(failure, &*doing))?;
        let Some(found) = found else {
            return Err(Error::Refused { doing, answer: format!("there is no container {container}") });
        };
        let service =
            found.config.labels.get(labels::SERVICE).cloned().unwrap_or_else(|| container.to_owned());
        let tail = options.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let path = format!(
            "/containers/{}/logs?stdout=1&stderr=1&timestamps=1&tail={tail}&follow={}",
            encode(&found.id),
            u8::from(options.follow)
        );
        let mut decoder = Decoder::new(found.config.tty);
        let engine = self.clone();
        let bytes = if options.follow {
            self.inner.reader.follow_slow(&path).boxed()
        } else {
            let stream = self.inner.reader.follow(&path).await;
            stream.map_err(|failure| self.error(failure, &*doing))?.boxed()
        };
        let lines = bytes
            .map(Some)
            .chain(futures_util::stream::iter([None]))
            .map(move |bytes| match bytes {
                Some(Ok(bytes)) => Ok(decoder.read(&bytes)),
                Some(Err(failure)) => Err(engine.error(failure, &*doing)),
                None => Ok(decoder.end()),
            })
            .map_ok(move |lines| {
                let service = service.clone();
                futures_util::stream::iter(lines.into_iter().map(move |line| {
                    Ok(LogLine {
                        service: service.clone(),
                        at: line.at,
                        stderr: line.stderr,
                        line: line.text,
                    })
                }))
            })
            .try_flatten();
        Ok(lines.boxed())
    }

    /// Returns the last lines that a container wrote, oldest first; none when it, or its log, is not there.
    pub async fn last_lines(&self, container: &str, count: u32) -> Vec<String> {
        let options = LogOptions { tail: Some(count), follow: false };
        let lines = match self.logs(container, options).await {
            Ok(lines) => lines.try_collect::<Vec<LogLine>>().await,
            Err(error) => Err(error),
        };
        match lines {
            Ok(lines) => lines.into_iter().map(|line| line.line).collect(),
            Err(error) => {
                tracing::debug!(container, %error, "a log cannot be read");
                Vec::new()
            }
        }
    }
}
