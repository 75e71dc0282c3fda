use jiff::Timestamp;

/// Longest line that is kept in one piece, in bytes; a longer one is cut there and goes on as the next.
const LINE_LIMIT_BYTES: usize = 64 << 10;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Option<Timestamp>,
    pub(super) stderr: bool,
    pub(super) text: String,
}

/// Turns the bytes of a log into lines.
///
/// Without a terminal, each piece has a header of 8 bytes: which output, three zeroes, and its length
/// ([Docker API, stream format](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach)).
/// Outputs are kept apart, because a line may come in several pieces with one of the other output between them.
#[derive(Debug)]
pub(super) struct Decoder {
    tty: bool,
    header: Vec<u8>,
    left_bytes: usize,
    into_stderr: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

const HEADER_BYTES: usize = 8;
const STDERR: u8 = 2;

impl Decoder {
    pub(super) fn new(tty: bool) -> Self {
        Self {
            tty,
            header: Vec::new(),
            left_bytes: 0,
            into_stderr: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// Takes in bytes; returns the lines that are whole with them.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.tty {
            take(&mut self.stdout, bytes, false, &mut lines);
            return lines;
        }
        while !bytes.is_empty() {
            if self.left_bytes == 0 {
                let missing = HEADER_BYTES - self.header.len();
                let (header, rest) = bytes.split_at(missing.min(bytes.len()));
                self.header.extend_from_slice(header);
                bytes = rest;
                if let [output, _, _, _, length @ ..] = &self.header[..]
                    && let Ok(length) = <[u8; 4]>::try_from(length)
                {
                    self.into_stderr = *output == STDERR;
                    self.left_bytes = u32::from_be_bytes(length) as usize;
                    self.header.clear();
                }
                continue;
            }
            let (piece, rest) = bytes.split_at(self.left_bytes.min(bytes.len()));
            self.left_bytes -= piece.len();
            bytes = rest;
            let into = if self.into_stderr { &mut self.stderr } else { &mut self.stdout };
            take(into, piece, self.into_stderr, &mut lines);
        }
        lines
    }

    /// Returns what is left when the log ends without the end of a line.
    pub(super) fn end(&mut self) -> Vec<Line> {
        let rest = [(std::mem::take(&mut self.stdout), false), (std::mem::take(&mut self.stderr), true)];
        rest.into_iter()
            .filter(|(rest, _)| !rest.is_empty())
            .map(|(rest, stderr)| line(&rest, stderr))
            .collect()
    }
}

fn take(into: &mut Vec<u8>, bytes: &[u8], stderr: bool, lines: &mut Vec<Line>) {
    for part in bytes.split_inclusive(|byte| *byte == b'\n') {
        into.extend_from_slice(part);
        if part.ends_with(b"\n") || into.len() >= LINE_LIMIT_BYTES {
            lines.push(line(&std::mem::take(into), stderr));
        }
    }
}

fn line(bytes: &[u8], stderr: bool) -> Line {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let stamped = text.split_once(' ').and_then(|(at, rest)| Some((at.parse::<Timestamp>().ok()?, rest)));
    // An empty line is a time without a space.
    let stamped = stamped.or_else(|| Some((text.parse().ok()?, "")));
    match stamped {
        Some((at, text)) => Line { at: Some(at), stderr, text: text.to_owned() },
        None => Line { at: None, stderr, text: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-01-02T03:04:05.678901234Z";

    fn piece(output: u8, text: &str) -> Vec<u8> {
        let mut piece = vec![output, 0, 0, 0];
        piece.extend(u32::try_from(text.len()).expect("short").to_be_bytes());
        piece.extend(text.as_bytes());
        piece
    }

    fn texts(lines: &[Line]) -> Vec<(bool, &str)> {
        lines.iter().map(|line| (line.stderr, line.text.as_str())).collect()
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        let log = [piece(1, &format!("{AT} one\n")), piece(2, &format!("{AT} two\n"))].concat();
        for cut in 0..log.len() {
            let mut decoder = Decoder::new(false);
            let mut lines = decoder.read(&log[..cut]);
            lines.extend(decoder.read(&log[cut..]));
            assert_eq!(texts(&lines), [(false, "one"), (true, "two")], "cut at {cut}");
            assert_eq!(lines[0].at, Some(AT.parse().expect("a time")));
        }
    }

    #[test]
    fn a_line_in_two_pieces_is_one_line() {
        let mut decoder = Decoder::new(false);
        let log = [piece(1, "be"), piece(2, "error\n"), piece(1, "gin\n")].concat();
        assert_eq!(texts(&decoder.read(&log)), [(true, "error"), (false, "begin")]);
    }

    #[test]
    fn a_terminal_has_no_headers() {
        let mut decoder = Decoder::new(true);
        let lines = decoder.read(format!("{AT} \u{1}one\r\n{AT} last").as_bytes());
        assert_eq!(texts(&lines), [(false, "\u{1}one")]);
        assert_eq!(texts(&decoder.end()), [(false, "last")]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut decoder = Decoder::new(true);
        let lines = decoder.read(&vec![b'x'; LINE_LIMIT_BYTES]);
        assert_eq!(lines.len(), 1);
    }

    #[test]
    fn an_empty_line_and_what_is_not_text_are_kept() {
        let mut decoder = Decoder::new(true);
        let mut log = format!("{AT}\n{AT} ").into_bytes();
        log.extend([0xff, b'\n']);
        assert_eq!(texts(&decoder.read(&log)), [(false, ""), (false, "\u{fffd}")]);
    }
}
