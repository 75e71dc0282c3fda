use super::*;

fn field(name: &str, kind: FieldKind, default: Option<&str>) -> Field {
    Field {
        name: name.into(),
        label: name.into(),
        help: None,
        kind,
        default: default.map(Into::into),
        required: true,
        hidden: false,
        generate: None,
        encoding: hearth_model::form::SecretEncoding::Alphanumeric,
        min: None,
        max: None,
        options: Vec::new(),
        pattern: None,
    }
}

#[test]
fn a_problem_is_shown_only_after_the_field_was_visited() {
    let mut form = Form::new(vec![field("MAIL", FieldKind::Email, None)]);
    assert_eq!(form.error("MAIL"), None);
    assert!(!form.is_valid());
    form.touch("MAIL");
    assert_eq!(form.error("MAIL").as_deref(), Some("this is needed"));
    form.set("MAIL", "a@b.example".into());
    assert_eq!(form.error("MAIL"), None);
    assert!(form.is_valid());
}

#[test]
fn the_packages_own_answers_are_shown_and_not_sent() {
    let mut form =
        Form::new(vec![field("PORT", FieldKind::Number, Some("80")), field("ON", FieldKind::Boolean, None)]);
    assert_eq!(form.answer("PORT"), "80");
    assert_eq!(form.answer("ON"), "false");
    assert!(form.answers().is_empty());
    form.set("PORT", "81".into());
    assert_eq!(form.answers(), BTreeMap::from([("PORT".to_owned(), "81".to_owned())]));
}

#[test]
fn a_dollar_in_a_packages_own_answer_is_shown_as_one() {
    let mut form = Form::new(vec![field("PRICE", FieldKind::Text, Some("costs 5$$"))]);
    assert_eq!(form.answer("PRICE"), "costs 5$");
    assert!(form.answers().is_empty());
    form.set("PRICE", "costs 5$$".into());
    assert_eq!(form.answers().len(), 1);
    let refers = Form::new(vec![field("HOME", FieldKind::Text, Some("$HOST"))]);
    assert_eq!(refers.answer("HOME"), "");
}

#[test]
fn a_default_that_refers_to_another_field_is_left_to_the_box() {
    let form = Form::new(vec![field("URL", FieldKind::Url, Some("https://${HOST}/"))]);
    assert_eq!(form.answer("URL"), "");
    assert!(form.is_valid());
}

#[test]
fn what_the_box_refuses_stands_beside_its_field_until_it_changes() {
    let mut form = Form::new(vec![field("A", FieldKind::Text, Some("x"))]);
    let error = |name: &str| FieldError { field: name.into(), label: name.into(), problem: "no".into() };
    let others = form.refuse(&[error("A"), error("B")]);
    assert_eq!(others, vec![error("B")]);
    assert_eq!(form.error("A").as_deref(), Some("no"));
    form.set("A", "y".into());
    assert_eq!(form.error("A"), None);
}

#[test]
fn a_secret_that_the_box_has_may_stay_empty() {
    let fields = vec![field("KEY", FieldKind::Secret, None)];
    assert!(!Form::new(fields.clone()).is_valid());
    let form = Form::of_installed(fields, &BTreeMap::new());
    assert!(form.is_valid());
    assert!(form.answers().is_empty());
}

#[test]
fn hidden_fields_are_neither_asked_nor_sent() {
    let mut hidden = field("H", FieldKind::Text, Some("x"));
    hidden.hidden = true;
    let mut form = Form::new(vec![hidden]);
    form.set("H", "y".into());
    assert_eq!(form.visible().count(), 0);
    assert!(form.answers().is_empty());
}

#[test]
fn ports_are_whole_numbers_above_zero() {
    assert_eq!(port(" 8080 "), Some(8080));
    for bad in ["", "0", "65536", "-1", "80a"] {
        assert_eq!(port(bad), None, "{bad}");
    }
}
