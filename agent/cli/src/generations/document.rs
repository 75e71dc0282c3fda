use std::path::Path;

use hearth_model::Desired;

use crate::error::CliError;
use crate::file;

/// How YAML marks where a document begins and where it ends
/// ([YAML 1.2, chapter 9](https://yaml.org/spec/1.2.2/#91-documents)). An export has both, so that one that was cut off, by a
/// full disk or half a copy, is known by its missing end.
const BEGIN: &str = "---";
const END: &str = "...";

/// Frames a document as `hearth export` prints it.
pub(super) fn framed(yaml: &str) -> String {
    format!("{BEGIN}\n{}\n{END}\n", yaml.trim_end())
}

/// Reads a document of desired state from a file that a person named.
pub(super) fn read(path: &Path) -> Result<Desired, CliError> {
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    parse(&file::read_text(path)?).map_err(|why| CliError::failed(format!("{name} {why}")))
}

/// Reads a document, or says what is wrong with it in words that follow its name.
fn parse(text: &str) -> Result<Desired, String> {
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = match lines.next() {
        None => return Err("is empty; a document begins with `hearth: 1`".to_owned()),
        Some(BEGIN) => {
            if text.lines().map(str::trim_end).rfind(|line| !line.is_empty()) != Some(END) {
                return Err(format!(
                    "begins with `{BEGIN}` and does not end with `{END}`, as what `hearth export` prints does: it may have been cut \
                     off. If it is whole, add `{END}` as its last line"
                ));
            }
            lines.next().unwrap_or_default()
        }
        Some(first) => first,
    };
    // JSON is YAML as well, and its own brackets show whether it is whole.
    if !first.starts_with("hearth:") && !first.starts_with('{') {
        return Err(format!(
            "does not begin with `hearth: {}`, as what `hearth export` prints does; its first line is `{}`",
            Desired::VERSION,
            first.chars().take(60).collect::<String>()
        ));
    }
    serde_saphyr::from_str(text)
        .map_err(|error| format!("is not a document like the ones that `hearth export` prints:\n{error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hearth_model::desired::DesiredApp;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn answers_come_back_from_an_export_unchanged(answer in "[^\\x00]{0,30}", name in "[A-Z][A-Z0-9_]{0,9}") {
            let mut wanted = parse(APPS).expect("a document");
            let apps: &mut BTreeMap<_, DesiredApp> = &mut wanted.apps;
            for app in apps.values_mut() {
                app.settings.insert(name.clone(), answer.clone());
            }
            let yaml = serde_saphyr::to_string(&wanted).expect("it can be written");
            prop_assert_eq!(parse(&framed(&yaml)).expect("it can be read"), wanted, "{}", yaml);
        }
    }

    #[test]
    fn answers_that_look_like_yaml_come_back_from_an_export() {
        for answer in [
            "---",
            "...",
            "a\n...\nb",
            "\n",
            "two\n\nlines\n",
            " spaces ",
            "null",
            "1e3",
            "0x1f",
            "~",
            "yes",
            "# no comment",
            "${x} $y",
            "\u{85}",
            "\u{feff}x",
            "\u{2028}",
            "tab\there",
            "\r\n",
            "\u{7f}\u{1}",
            "'\"\\",
            "🔥",
            "- a",
            "a: b",
            "*x",
            "&x",
            "!x",
        ] {
            let mut wanted = parse(APPS).expect("a document");
            for app in wanted.apps.values_mut() {
                app.settings.insert("ANSWER".to_owned(), answer.to_owned());
            }
            let yaml = serde_saphyr::to_string(&wanted).expect("it can be written");
            let read = parse(&framed(&yaml)).unwrap_or_else(|why| panic!("{answer:?}: {why}\n{yaml}"));
            assert_eq!(read, wanted, "{answer:?}\n{yaml}");
        }
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err(text)
    }

    const APPS: &str = "hearth: 1\napps:\n  one:\n    store: official\n    package: one\n    version: '1'\n    digest: \
        sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n  two:\n    store: official\n    package: two\n    \
        version: '1'\n    digest: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n";

    #[test]
    fn an_export_that_was_cut_off_anywhere_is_refused() {
        let whole = framed(APPS);
        assert_eq!(parse(&whole).expect("whole").apps.len(), 2);
        for cut in 0..whole.trim_end().len() {
            refused(&whole[..cut]);
        }
    }

    #[test]
    fn documents_written_by_hand_need_their_first_line() {
        for whole in ["hearth: 1", "# mine\n\nhearth: 1\napps: {}\n", "{\"hearth\":1,\"apps\":{}}", APPS] {
            parse(whole).expect(whole);
        }
        assert!(refused("").contains("is empty"));
        assert!(refused("# only a comment\n").contains("is empty"));
        assert!(refused("apps: {}\n").contains("does not begin with `hearth: 1`"));
        assert!(refused("{\"apps\":{}}").contains("hearth"));
        assert!(refused("{\"hearth\":1,\"apps\":{").contains("is not a document"));
        assert!(refused("---\nhearth: 1\n").contains("may have been cut off"));
        assert!(refused("---\n...\n").contains("does not begin"));
    }
}
