//! Files that nobody should have written: a clear error, quickly.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_compose::{Diagnostics, MemoryFiles, ProjectInput, SourceFile, load};

/// Generous for an unoptimised build on a busy machine; an optimised one takes a hundredth.
const QUICK: Duration = Duration::from_secs(20);

fn load_text(text: String, files: &BTreeMap<String, String>) -> Result<(), Diagnostics> {
    let reader = MemoryFiles(files);
    let input = ProjectInput {
        name: Some("demo".to_owned()),
        files: vec![SourceFile { path: "compose.yml".to_owned(), text }],
        environment: BTreeMap::new(),
        working_dir: "/apps/demo".to_owned(),
        profiles: Vec::new(),
        reader: &reader,
    };
    load(&input).map(|_| ())
}

fn refused(text: impl Into<String>, expected: &str) {
    let start = Instant::now();
    let found = load_text(text.into(), &BTreeMap::new()).expect_err(expected);
    assert!(start.elapsed() < QUICK, "took {:?}: {expected}", start.elapsed());
    let text = found.to_string();
    assert!(text.contains(expected), "expected `{expected}` in:\n{text}");
    assert!(text.len() < 20_000, "{} bytes of findings", text.len());
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    refused(text, "more than 20000 values");
}

#[test]
fn ten_thousand_services_are_refused() {
    let services: String = (0..10_000).map(|n| format!("  s{n}: {{image: a}}\n")).collect();
    refused(format!("services:\n{services}"), "more than 20000 values");
    let services: String = (0..1_000).map(|n| format!("  s{n}: {{image: a}}\n")).collect();
    refused(format!("services:\n{services}"), "1000 services; at most 500");
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused() {
    refused("#".repeat(100 * 1024 * 1024), "the file has 105 MB; a Compose file may have 1 MB");
    let bytes = vec![b'#'; 100 * 1024 * 1024];
    let found = SourceFile::from_bytes("compose.yml", bytes).expect_err("too large");
    assert!(found.to_string().contains("105 MB"), "{found}");
}

#[test]
fn deep_nesting_is_refused() {
    refused("[".repeat(100_000), "nested");
    let maps: String = (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    refused(maps, "nested deeper than 24 levels");
    let aliases: String = (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    refused(format!("a0: &a0 []\n{aliases}"), "nested deeper than 24 levels");
    let mixed = "- ? [".repeat(50_000);
    assert!(load_text(mixed, &BTreeMap::new()).is_err());
}

#[test]
fn bytes_that_are_not_utf8_are_named_by_their_place() {
    let found =
        SourceFile::from_bytes("compose.yml", b"services:\n  a: \xff\n".to_vec()).expect_err("no text");
    insta::assert_snapshot!(found);
}

#[test]
fn a_chain_of_extends_and_includes_ends() {
    let files = BTreeMap::from([
        ("a.yml".to_owned(), "include: [b.yml]\nservices: {a: {image: a}}\n".to_owned()),
        ("b.yml".to_owned(), "include: [a.yml]\nservices: {b: {image: a}}\n".to_owned()),
    ]);
    let found =
        load_text("include: [a.yml]\nservices: {c: {image: a}}\n".to_owned(), &files).expect_err("a circle");
    assert!(found.to_string().contains("`include` goes in a circle"), "{found}");
    refused(
        "services:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n",
        "`extends` goes in a circle: a → b → c → a",
    );
    refused("services:\n  a: {extends: a}\n", "`extends` goes in a circle: a → a");
}

#[test]
fn a_long_row_of_dependencies_is_no_circle() {
    let services: String =
        (0..499).map(|n| format!("  s{n}: {{image: a, depends_on: [s{}]}}\n", n + 1)).collect();
    let text = format!("services:\n{services}  s499: {{image: a}}\n");
    load_text(text, &BTreeMap::new()).expect("a row");
}

#[test]
fn merge_keys_cannot_grow_without_bound() {
    let keys: String = (0..200).map(|n| format!("k{n}: v, ")).collect();
    let services: String = (0..300).map(|n| format!("  s{n}: {{<<: *all, image: a}}\n")).collect();
    refused(format!("x-all: &all {{labels: {{{keys}}}}}\nservices:\n{services}"), "more than 20000 values");
}
