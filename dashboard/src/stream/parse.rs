/// Longest event that is read, in bytes.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// Reads [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)
/// from pieces that may be cut anywhere. It knows `event` and `data` and the line ends `\n` and `\r\n`, which is what Hearth
/// and proxies in front of it send.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// A line that has no end yet.
    line: Vec<u8>,
    name: String,
    data: Vec<String>,
    data_bytes: usize,
}

impl Parser {
    /// Takes the next bytes. Returns the events that they completed, by name and data, in order.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        let mut events = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.line.extend_from_slice(piece);
            if pieces.peek().is_some() {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
                events.extend(self.take_line(&line));
            }
        }
        events
    }

    /// Tells whether an event is longer than any that Hearth sends.
    pub(super) fn is_overfull(&self) -> bool {
        self.line.len() + self.data_bytes > MAX_EVENT_BYTES
    }

    fn take_line(&mut self, line: &str) -> Option<(String, String)> {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            self.data_bytes = 0;
            // An event without data is a comment that keeps the connection alive.
            return (!data.is_empty()).then(|| (name, data.join("\n")));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data_bytes += value.len();
                self.data.push(value.to_owned());
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_come_whole_however_their_bytes_are_cut() {
        let text = ":\n\nevent: app\ndata: {\"x\":\"ü\"}\n\n: alive\n\nid: 7\r\ndata:one\r\ndata: two\r\n\r\nevent: lost\n\n\
                    event: os\ndata\n\ndata: cut off";
        let expected = [event("app", "{\"x\":\"ü\"}"), event("", "one\ntwo"), event("os", "")];
        for size in [1, 2, 3, 7, text.len()] {
            let mut parser = Parser::default();
            let seen: Vec<_> = text.as_bytes().chunks(size).flat_map(|bytes| parser.push(bytes)).collect();
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_noticed() {
        let mut parser = Parser::default();
        assert!(parser.push(&vec![b'x'; MAX_EVENT_BYTES]).is_empty() && !parser.is_overfull());
        assert!(parser.push(b"xx").is_empty() && parser.is_overfull());
        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1024], b"\n"].concat();
        let full =
            (0..=MAX_EVENT_BYTES / 1024).any(|_| parser.push(&line).is_empty() && parser.is_overfull());
        assert!(full, "lines without an empty one between them");
    }
}
