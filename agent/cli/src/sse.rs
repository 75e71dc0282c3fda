use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::error::{CliError, Exit};

/// Largest event that is read, in bytes.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// A stream of server-sent events
/// ([HTML, server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)).
#[derive(Debug)]
pub(super) struct Events {
    body: Incoming,
    buffer: Buffer,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: Buffer::default() }
    }

    /// Returns the data of the next event; `None` when the service ends the stream.
    pub(super) async fn next(&mut self) -> Result<Option<String>, CliError> {
        loop {
            if let Some(data) = self.buffer.take() {
                return Ok(Some(data));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| {
                CliError::new(Exit::Unreachable, format!("the stream of events broke off: {error}"))
            })?;
            if let Ok(bytes) = frame.into_data() {
                self.buffer.push(&bytes)?;
            }
        }
    }
}

/// Bytes that came, up to the last whole event. The service ends lines with `\n` only.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    fn push(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        if self.bytes.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(CliError::failed("an event of the service is larger than any that it sends"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self) -> Option<String> {
        loop {
            let end = self.bytes.windows(2).position(|two| two == b"\n\n")?;
            let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            let data: Vec<&str> = event
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(|data| data.strip_prefix(' ').unwrap_or(data))
                .collect();
            // An event without data is a comment that keeps the connection alive.
            if !data.is_empty() {
                return Some(data.join("\n"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_whatever_the_pieces() {
        let mut buffer = Buffer::default();
        let mut seen = Vec::new();
        for byte in b":\n\nevent: a\ndata: {\"x\":1}\n\n: alive\n\ndata:one\ndata: two\n\ndata: cut" {
            buffer.push(&[*byte]).unwrap();
            seen.extend(buffer.take());
        }
        assert_eq!(seen, ["{\"x\":1}", "one\ntwo"]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut buffer = Buffer::default();
        let result = (0..100).try_for_each(|_| buffer.push(&[b'x'; 100_000]));
        assert!(result.is_err());
    }
}
