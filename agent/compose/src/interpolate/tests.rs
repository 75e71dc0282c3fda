use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Error, is_name, replace};

fn variables() -> BTreeMap<String, String> {
    [("V", "value"), ("EMPTY", ""), ("_x1", "under"), ("YAML", "a: [1, 2]\n- $V ${V}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn check(text: &str, expected: &str) {
    assert_eq!(replace(text, &variables()).expect(text).text, expected, "{text}");
}

#[test]
fn every_form_gives_what_the_specification_says() {
    check("$V-${V}-$_x1", "value-value-under");
    check("${V:-x} ${V-x} ${V:+x} ${V+x} ${V:?x} ${V?x}", "value value x x value value");
    check("${EMPTY:-x} ${EMPTY-x} ${EMPTY:+x} ${EMPTY+x} ${EMPTY?x}", "x   x ");
    check("${NO:-x} ${NO-x}[${NO:+x}${NO+x}]", "x x[]");
    check("${NO:-${EMPTY:-${V}}}", "value");
    check("${NO-{a}}", "{a}");
    check("${NO:-$$V}", "$V");
}

#[test]
fn dollars_that_name_nothing_stay() {
    check("$$V $$$$ $(date) $5 $ a$", "$V $$ $(date) $5 $ a$");
}

#[test]
fn values_are_not_expanded_again() {
    check("${YAML}", "a: [1, 2]\n- $V ${V}");
}

#[test]
fn a_missing_variable_is_empty_and_named() {
    let replaced = replace("a${NO}b$ALSO", &variables()).expect("valid");
    assert_eq!(replaced.text, "ab");
    assert_eq!(replaced.missing, ["NO", "ALSO"]);
}

#[test]
fn a_required_variable_stops_with_its_message() {
    let error = replace("${NO:?ask $V}", &variables()).expect_err("missing");
    assert_eq!(error.to_string(), "the variable `NO` must be set: ask value");
    assert!(matches!(replace("${EMPTY:?}", &variables()), Err(Error::Required { .. })));
}

#[test]
fn braces_that_name_no_variable_are_refused() {
    for bad in ["${}", "${1}", "${V", "${V!x}", "${V:}", "${ V}", "${V-${}}"] {
        let variables = BTreeMap::new();
        assert!(matches!(replace(bad, &variables), Err(Error::Invalid(_))), "{bad}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let text = "${A:-".repeat(100) + &"}".repeat(100);
    assert_eq!(replace(&text, &BTreeMap::new()), Err(Error::TooDeep));
}

proptest! {
    #[test]
    fn replacing_never_panics(text in "\\PC*|[${}:?+\\-A-Z_ü]*") {
        let _ = replace(&text, &variables());
    }

    #[test]
    fn text_without_dollars_is_unchanged(text in "[^$]*") {
        prop_assert_eq!(replace(&text, &variables()).expect("plain").text, text);
    }

    #[test]
    fn doubled_dollars_give_any_text_back(text in "\\PC*") {
        let escaped = text.replace('$', "$$");
        prop_assert_eq!(replace(&escaped, &variables()).expect("escaped").text, text);
    }

    #[test]
    fn a_value_arrives_as_it_is(value in "\\PC*") {
        let variables = BTreeMap::from([("X".to_owned(), value.clone())]);
        prop_assert_eq!(replace("${X}", &variables).expect("valid").text, value);
        prop_assert!(is_name("X"));
    }
}
