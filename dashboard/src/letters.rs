//! Small and capital letters. The browser knows them: the tables that Rust has for them are a good part of what a visit
//! would load.

#[cfg(target_family = "wasm")]
use js_sys::JsString;

/// Writes a text in small letters, also to compare texts whatever their case.
#[cfg(target_family = "wasm")]
pub(crate) fn lower(text: &str) -> String {
    JsString::from(text).to_lower_case().into()
}

/// Writes a text in capital letters.
#[cfg(target_family = "wasm")]
pub(crate) fn upper(text: &str) -> String {
    JsString::from(text).to_upper_case().into()
}

/// Writes a text in small letters, also to compare texts whatever their case.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Writes a text in capital letters.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// Writes a text with its first letter as a capital.
pub(crate) fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| upper(first.encode_utf8(&mut [0; 4])));
    first.unwrap_or_default() + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_letter_is_made_a_capital() {
        assert_eq!(capitalize("über alle Berge"), "Über alle Berge");
        assert_eq!(capitalize("a"), "A");
        assert_eq!(capitalize(""), "");
    }
}
