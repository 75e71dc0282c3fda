use std::collections::VecDeque;

use hearth_model::api::apps::LogLine;

use crate::letters::lower;

/// Most lines that are kept; older ones go.
pub(crate) const MOST_LINES: usize = 2_000;

/// Most characters of a line that are shown.
const MOST_CHARACTERS: usize = 4_000;

/// The last lines of a log, each with a number that never comes again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LogBook {
    lines: VecDeque<(u64, LogLine)>,
    next: u64,
}

impl LogBook {
    /// Takes lines, oldest first.
    pub(crate) fn extend(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        for mut line in lines {
            line.line = plain(&line.line);
            if self.lines.len() == MOST_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back((self.next, line));
            self.next += 1;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }

    /// Tells whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the lines that contain `words`, whatever their case, oldest first.
    pub(crate) fn matching(&self, words: &str) -> Vec<(u64, LogLine)> {
        let words = lower(words.trim());
        let matches = |line: &LogLine| words.is_empty() || lower(&line.line).contains(&words);
        self.lines.iter().filter(|(_, line)| matches(line)).cloned().collect()
    }

    /// Returns those lines as one text.
    pub(crate) fn text(&self, words: &str) -> String {
        let mut text = String::new();
        for (_, line) in self.matching(words) {
            if let Some(at) = &line.at {
                text.push_str(&at.to_string());
                text.push(' ');
            }
            text.push_str(&format!("{} {}\n", line.service, line.line));
        }
        text
    }
}

/// Leaves out colours and other terminal control
/// ([ECMA-48](https://ecma-international.org/publications-and-standards/standards/ecma-48/) sequences), and cuts what is too long.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    let mut kept = 0;
    while let Some(character) = characters.next() {
        if kept == MOST_CHARACTERS {
            out.push('…');
            break;
        }
        match character {
            '\u{1b}' => {
                if characters.next_if_eq(&'[').is_some() {
                    // A control sequence ends with a character from `@` to `~`.
                    for inner in characters.by_ref() {
                        if ('@'..='~').contains(&inner) {
                            break;
                        }
                    }
                }
            }
            '\t' => {
                out.push(character);
                kept += 1;
            }
            character if character.is_control() => {}
            character => {
                out.push(character);
                kept += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { service: "web".into(), at: None, stderr: false, line: text.into() }
    }

    #[test]
    fn old_lines_go_and_numbers_do_not_come_again() {
        let mut book = LogBook::default();
        book.extend((0..MOST_LINES + 5).map(|number| line(&number.to_string())));
        let lines = book.matching("");
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines[0].1.line, "5");
        book.clear();
        book.extend([line("new")]);
        assert_eq!(book.matching("")[0].0, (MOST_LINES + 5) as u64);
    }

    #[test]
    fn a_search_does_not_mind_case() {
        let mut book = LogBook::default();
        book.extend([line("GET /a"), line("POST /b")]);
        assert_eq!(book.matching(" get ").len(), 1);
        assert_eq!(book.text("post"), "web POST /b\n");
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(plain("\u{1b}[1;31merror\u{1b}[0m\tx\r"), "error\tx");
        assert_eq!(plain("\u{1b}[31"), "");
        assert_eq!(plain(&"a".repeat(5_000)).chars().count(), MOST_CHARACTERS + 1);
    }
}
