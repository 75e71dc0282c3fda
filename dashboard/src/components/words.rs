use leptos::prelude::*;

/// Draws a sentence that the box says: names and commands stand between backticks in it.
pub(crate) fn words(text: &str) -> AnyView {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd backtick is no pair: the sentence stays as it is.
    if parts.len().is_multiple_of(2) {
        return text.to_owned().into_any();
    }
    let draw = |(number, part): (usize, &str)| {
        let part = part.to_owned();
        if number.is_multiple_of(2) { part.into_any() } else { view! { <code>{part}</code> }.into_any() }
    };
    // One element: where a layout puts its children below each other, a sentence stays one.
    view! { <span>{parts.into_iter().enumerate().map(draw).collect::<Vec<AnyView>>()}</span> }.into_any()
}
