/// A part of a text that packages write about themselves.
///
/// Only what such texts use is known: headings, paragraphs, lists, tables, code, emphasis and links. Everything else, HTML above
/// all, stays the text that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    /// A heading of any level.
    Heading(Vec<Span>),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A list; numbers are not kept.
    List(Vec<Vec<Span>>),
    /// Rows of cells, the first with the columns' names.
    Table(Vec<Vec<Vec<Span>>>),
    /// Lines of code.
    Code(String),
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Span {
    /// As it stands.
    Text(String),
    /// In bold.
    Strong(String),
    /// In italics.
    Emphasis(String),
    /// Code.
    Code(String),
    /// A link to the web: `http` and `https` only.
    Link {
        /// What is read.
        text: String,
        /// Where it leads.
        address: String,
    },
}

/// Reads a text. Never fails: what cannot be read as Markdown is text.
pub(crate) fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut list: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            flush(&mut blocks, &mut paragraph, &mut list);
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.trim().starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if trimmed.is_empty() {
            flush(&mut blocks, &mut paragraph, &mut list);
        } else if let Some(title) = heading(trimmed) {
            flush(&mut blocks, &mut paragraph, &mut list);
            blocks.push(Block::Heading(spans(title)));
        } else if trimmed.starts_with('|') {
            flush(&mut blocks, &mut paragraph, &mut list);
            let mut rows = vec![cells(trimmed)];
            while let Some(row) = lines.next_if(|line| line.trim().starts_with('|')) {
                rows.extend(Some(row.trim()).filter(|row| !is_ruler(row)).map(cells));
            }
            blocks.push(Block::Table(rows));
        } else if let Some(item) = list_item(trimmed) {
            if !paragraph.is_empty() {
                flush(&mut blocks, &mut paragraph, &mut list);
            }
            list.push(item.to_owned());
        } else {
            // A line goes on with what stands above it.
            let open = list.last_mut().unwrap_or(&mut paragraph);
            if !open.is_empty() {
                open.push(' ');
            }
            open.push_str(trimmed);
        }
    }
    flush(&mut blocks, &mut paragraph, &mut list);
    blocks
}

fn flush(blocks: &mut Vec<Block>, paragraph: &mut String, list: &mut Vec<String>) {
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(spans(paragraph)));
        paragraph.clear();
    }
    if !list.is_empty() {
        blocks.push(Block::List(list.iter().map(|item| spans(item)).collect()));
        list.clear();
    }
}

/// Returns the cells of a table's row.
fn cells(row: &str) -> Vec<Vec<Span>> {
    let inner = row.strip_prefix('|').unwrap_or(row);
    inner.strip_suffix('|').unwrap_or(inner).split('|').map(|cell| spans(cell.trim())).collect()
}

/// Tells whether a row only divides the columns' names from what is below.
fn is_ruler(row: &str) -> bool {
    row.bytes().all(|byte| b"|-: ".contains(&byte))
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    (title.len() < line.len()).then_some(title)?.strip_prefix(' ').map(str::trim)
}

fn list_item(line: &str) -> Option<&str> {
    let bullet = ["- ", "* ", "+ "].iter().find_map(|bullet| line.strip_prefix(bullet));
    bullet.or_else(|| {
        let (number, rest) = line.split_once(". ")?;
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
    })
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word_goes_on =
            plain.ends_with(|before: char| before.is_ascii_alphanumeric() || !before.is_ascii());
        match special(rest, word_goes_on) {
            Some((span, after)) => {
                if !plain.is_empty() {
                    spans.push(Span::Text(std::mem::take(&mut plain)));
                }
                spans.push(span);
                rest = after;
            }
            None => {
                plain.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Text(plain));
    }
    spans
}

/// What `text` starts with besides plain text, and what follows it.
fn special(text: &str, word_goes_on: bool) -> Option<(Span, &str)> {
    if let Some(after) = text.strip_prefix('`') {
        let (code, after) = after.split_once('`')?;
        return Some((Span::Code(code.to_owned()), after));
    }
    for mark in ["**", "__"] {
        if let Some((inner, after)) = text.strip_prefix(mark).and_then(|after| after.split_once(mark)) {
            return (!inner.is_empty()).then(|| (Span::Strong(inner.to_owned()), after));
        }
    }
    for mark in ['*', '_'] {
        if let Some((inner, after)) = text.strip_prefix(mark).and_then(|after| after.split_once(mark)) {
            let tight = !inner.is_empty() && !inner.starts_with(' ') && !inner.ends_with(' ');
            return (tight && !word_goes_on).then(|| (Span::Emphasis(inner.to_owned()), after));
        }
    }
    if let Some((label, after)) = text.strip_prefix('[').and_then(|after| after.split_once("](")) {
        let (address, after) = after.split_once(')')?;
        let web = address.starts_with("https://") || address.starts_with("http://");
        return web.then(|| (Span::Link { text: label.to_owned(), address: address.to_owned() }, after));
    }
    if !word_goes_on && (text.starts_with("https://") || text.starts_with("http://")) {
        let end = text.find([' ', ')', '>', '"', ',']).unwrap_or(text.len());
        let address = text[..end].trim_end_matches(['.', ':', ';', '!', '?']);
        let link = Span::Link { text: address.to_owned(), address: address.to_owned() };
        return Some((link, &text[address.len()..]));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Span {
        Span::Text(text.into())
    }

    #[test]
    fn blocks_are_told_apart() {
        let blocks =
            parse("# Title\nA line\ngoes on.\n\n- one\n  more\n* two\n\n1. three\n\n```sh\na  b\n```\nend");
        assert_eq!(
            blocks,
            vec![
                Block::Heading(vec![text("Title")]),
                Block::Paragraph(vec![text("A line goes on.")]),
                Block::List(vec![vec![text("one more")], vec![text("two")]]),
                Block::List(vec![vec![text("three")]]),
                Block::Code("a  b".into()),
                Block::Paragraph(vec![text("end")]),
            ]
        );
    }

    #[test]
    fn tables_have_rows_of_cells() {
        let blocks = parse("Login:\n| Name | Word |\n|:---|---|\n| `a` | b |\n\nend");
        let row = |a: Span, b: Span| vec![vec![a], vec![b]];
        let rows = vec![row(text("Name"), text("Word")), row(Span::Code("a".into()), text("b"))];
        assert_eq!(
            blocks,
            vec![
                Block::Paragraph(vec![text("Login:")]),
                Block::Table(rows),
                Block::Paragraph(vec![text("end")]),
            ]
        );
        assert_eq!(parse("|"), vec![Block::Table(vec![vec![vec![]]])]);
    }

    #[test]
    fn spans_are_told_apart() {
        let link = |text: &str, address: &str| Span::Link { text: text.into(), address: address.into() };
        assert_eq!(
            spans("a **b** *c* `d*e*` [f](https://g.example) https://h.example/i."),
            vec![
                text("a "),
                Span::Strong("b".into()),
                text(" "),
                Span::Emphasis("c".into()),
                text(" "),
                Span::Code("d*e*".into()),
                text(" "),
                link("f", "https://g.example"),
                text(" "),
                link("https://h.example/i", "https://h.example/i"),
                text("."),
            ]
        );
    }

    #[test]
    fn links_that_are_not_of_the_web_stay_text() {
        assert_eq!(spans("[x](javascript:alert(1))"), vec![text("[x](javascript:alert(1))")]);
        assert_eq!(
            parse("<script>alert(1)</script>"),
            vec![Block::Paragraph(vec![text("<script>alert(1)</script>")])]
        );
    }

    #[test]
    fn marks_inside_words_and_without_an_end_stay_text() {
        assert_eq!(spans("snake_case_name 2 * 3 * 4 **x"), vec![text("snake_case_name 2 * 3 * 4 **x")]);
        assert_eq!(spans("`open [a]("), vec![text("`open [a](")]);
    }
}
