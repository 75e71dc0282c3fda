use jiff::Timestamp;

/// Longest line that is kept, in bytes; the rest of a longer one is left out.
const LINE_LIMIT_BYTES: usize = 64 << 10;

/// What stands at the end of a line that was cut.
const CUT: &str = " … [the rest of this line is left out: it is longer than 64 KiB]";

/// The engine hands a line over in pieces of this length; a shorter piece is the line's last, even without a newline: the
/// driver `local` leaves that out behind a line of several pieces
/// ([moby, copier](https://github.com/moby/moby/blob/v20.10.24/daemon/logger/copier.go)).
const PIECE_BYTES: usize = 16 << 10;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) at: Option<Timestamp>,
    pub(super) stderr: bool,
    pub(super) text: String,
}

/// Turns the bytes of a log into lines. It holds one line of bounded length for each output, whatever is written.
///
/// Without a terminal, each piece has a header of 8 bytes: which output, three zeroes, and its length
/// ([Docker API, stream format](https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach)).
/// Outputs are kept apart, because a line may come in several pieces with one of the other output between them. Every piece
/// begins with the time at which it was written.
#[derive(Debug)]
pub(super) struct Decoder {
    tty: bool,
    header: Vec<u8>,
    left_bytes: usize,
    into_stderr: bool,
    /// What came of the piece that is being read.
    piece: Vec<u8>,
    stdout: Open,
    stderr: Open,
}

/// A line that is not whole yet.
#[derive(Debug, Default)]
enum Open {
    /// There is none.
    #[default]
    None,
    /// What came of it.
    Line { at: Option<Timestamp>, bytes: Vec<u8> },
    /// It was too long: it was handed out, and the rest of it is left out.
    LeavingOut,
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
            piece: Vec::new(),
            stdout: Open::None,
            stderr: Open::None,
        }
    }

    /// Takes in bytes; returns the lines that are whole with them.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.tty {
            self.read_terminal(bytes, &mut lines);
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
            let (part, rest) = bytes.split_at(self.left_bytes.min(bytes.len()));
            self.left_bytes -= part.len();
            bytes = rest;
            let room = (2 * LINE_LIMIT_BYTES).saturating_sub(self.piece.len());
            self.piece.extend_from_slice(&part[..room.min(part.len())]);
            if self.left_bytes == 0 {
                let piece = std::mem::take(&mut self.piece);
                let (at, content) = stamped(&piece);
                let is_last = content.ends_with(b"\n") || content.len() < PIECE_BYTES;
                let open = if self.into_stderr { &mut self.stderr } else { &mut self.stdout };
                lines.extend(open.add(at, content, is_last, self.into_stderr));
            }
        }
        lines
    }

    /// A terminal's bytes come as they are: the time stands where the engine's piece begins, at the start of a line.
    fn read_terminal(&mut self, bytes: &[u8], lines: &mut Vec<Line>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // The time may come in several parts: it is looked for once the line is whole.
            let ends = part.ends_with(b"\n");
            let line = self.stdout.add(None, part, ends, false);
            lines.extend(line.map(with_its_time));
        }
    }

    /// Returns what is left when the log ends without the end of a line.
    pub(super) fn end(&mut self) -> Vec<Line> {
        let out = self.stdout.add(None, b"", true, false);
        let out = if self.tty { out.map(with_its_time) } else { out };
        out.into_iter().chain(self.stderr.add(None, b"", true, true)).collect()
    }
}

impl Open {
    /// Adds a part of the line; returns the line when it is whole, or as long as it may be.
    fn add(&mut self, at: Option<Timestamp>, content: &[u8], is_last: bool, stderr: bool) -> Option<Line> {
        let (at, mut bytes) = match std::mem::take(self) {
            Open::LeavingOut => {
                if !is_last {
                    *self = Open::LeavingOut;
                }
                return None;
            }
            Open::None if content.is_empty() && at.is_none() => return None,
            Open::None => (at, Vec::new()),
            Open::Line { at, bytes } => (at, bytes),
        };
        bytes.extend_from_slice(content);
        let is_cut = bytes.len() > LINE_LIMIT_BYTES && !(is_last && bytes.len() <= LINE_LIMIT_BYTES + 2);
        if !is_cut && !is_last {
            *self = Open::Line { at, bytes };
            return None;
        }
        if is_cut && !is_last {
            *self = Open::LeavingOut;
        }
        let kept = &bytes[..bytes.len().min(if is_cut { LINE_LIMIT_BYTES } else { bytes.len() })];
        let text = String::from_utf8_lossy(kept);
        let mark = if is_cut { CUT } else { "" };
        Some(Line { at, stderr, text: format!("{}{mark}", text.trim_end_matches(['\n', '\r'])) })
    }
}

/// Returns the time that a piece begins with, and the rest of it.
fn stamped(piece: &[u8]) -> (Option<Timestamp>, &[u8]) {
    // An empty line is a time without a space.
    let end = piece.iter().position(|byte| [b' ', b'\n'].contains(byte)).unwrap_or(piece.len());
    let at = std::str::from_utf8(&piece[..end]).ok().and_then(|text| text.parse::<Timestamp>().ok());
    match at {
        Some(at) => (Some(at), piece[end..].strip_prefix(b" ").unwrap_or(&piece[end..])),
        None => (None, piece),
    }
}

/// Takes the time from the beginning of a terminal's line.
fn with_its_time(mut line: Line) -> Line {
    let (at, rest) = stamped(line.text.as_bytes());
    let begin = line.text.len() - rest.len();
    // The time is ASCII, so what follows it is text.
    line.text.drain(..begin);
    line.at = at;
    line
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
        let full = "x".repeat(PIECE_BYTES);
        let first = piece(1, &format!("{AT} {full}"));
        let log = [first, piece(2, &format!("{AT} error\n")), piece(1, &format!("{AT} end\n"))].concat();
        assert_eq!(texts(&decoder.read(&log)), [(true, "error"), (false, &format!("{full}end"))]);
    }

    #[test]
    fn the_last_piece_of_a_line_need_not_end_it() {
        let mut decoder = Decoder::new(false);
        let full = "x".repeat(PIECE_BYTES);
        let log = [format!("{AT} {full}"), format!("{AT} end"), format!("{AT} next\n")];
        let log = log.map(|text| piece(1, &text)).concat();
        assert_eq!(texts(&decoder.read(&log)), [(false, format!("{full}end").as_str()), (false, "next")]);
    }

    #[test]
    fn a_terminal_has_no_headers() {
        let mut decoder = Decoder::new(true);
        let mut lines = decoder.read(format!("{AT} \u{1}one\r\n{AT} la").as_bytes());
        assert_eq!(texts(&lines), [(false, "\u{1}one")]);
        lines = decoder.read(b"st");
        assert_eq!(lines, []);
        assert_eq!(texts(&decoder.end()), [(false, "last")]);
        assert_eq!(decoder.end(), []);
    }

    #[test]
    fn a_line_without_end_is_cut_once_and_the_log_goes_on() {
        let full = piece(1, &format!("{AT} {}", "x".repeat(PIECE_BYTES)));
        let mut decoder = Decoder::new(false);
        let mut lines = Vec::new();
        for _ in 0..2_000 {
            lines.extend(decoder.read(&full));
            assert!(
                matches!(&decoder.stdout, Open::Line { bytes, .. } if bytes.len() <= LINE_LIMIT_BYTES)
                    || matches!(decoder.stdout, Open::LeavingOut)
            );
        }
        lines.extend(decoder.read(&piece(1, &format!("{AT} y\n"))));
        lines.extend(decoder.read(&piece(1, &format!("{AT} after\n"))));
        assert_eq!(lines.len(), 2, "{:?}", lines.iter().map(|line| line.text.len()).collect::<Vec<_>>());
        assert_eq!(lines[0].text.len(), LINE_LIMIT_BYTES + CUT.len());
        assert!(lines[0].text.ends_with(CUT) && lines[0].at.is_some());
        assert_eq!(lines[1].text, "after");

        let mut terminal = Decoder::new(true);
        let mut lines = terminal.read(format!("{AT} ").as_bytes());
        for _ in 0..100 {
            lines.extend(terminal.read(&vec![b'x'; PIECE_BYTES]));
        }
        lines.extend(terminal.read(format!("\n{AT} after\n").as_bytes()));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].at.is_some() && lines[0].text.ends_with(CUT));
        assert_eq!(lines[1].text, "after");
    }

    #[test]
    fn a_piece_of_any_length_does_not_fill_the_memory() {
        let mut decoder = Decoder::new(false);
        let mut lines = decoder.read(&[1, 0, 0, 0, 0x40, 0, 0, 0]);
        for _ in 0..1_000 {
            lines.extend(decoder.read(&[b'x'; 10_000]));
            assert!(decoder.piece.len() <= 2 * LINE_LIMIT_BYTES);
        }
        assert_eq!(lines, []);
    }

    #[test]
    fn an_empty_line_and_what_is_not_text_are_kept() {
        let mut decoder = Decoder::new(true);
        let mut log = format!("{AT}\n{AT} ").into_bytes();
        log.extend([0xff, b'\n']);
        assert_eq!(texts(&decoder.read(&log)), [(false, ""), (false, "\u{fffd}")]);
        let mut decoder = Decoder::new(false);
        let log =
            [piece(1, &format!("{AT} \n")), piece(1, &format!("{AT}\n")), piece(1, "no time\n")].concat();
        assert_eq!(texts(&decoder.read(&log)), [(false, ""), (false, ""), (false, "no time")]);
    }
}
