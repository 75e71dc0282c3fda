use hearth_model::condition::OpenTarget;
use js_sys::{Array, Function, Intl, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlDocument, HtmlElement, HtmlTextAreaElement};

/// Reads a value that this browser keeps; `None` also where it keeps nothing.
pub(crate) fn stored(key: &str) -> Option<String> {
    window().local_storage().ok().flatten()?.get_item(key).ok().flatten()
}

/// Keeps a value in this browser, or forgets it.
pub(crate) fn store(key: &str, value: Option<&str>) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = match value {
            Some(value) => storage.set_item(key, value),
            None => storage.remove_item(key),
        };
    }
}

/// The address of an app: the name that the dashboard was opened with, at the app's port.
pub(crate) fn address_of(open: &OpenTarget) -> String {
    address_at(open, &open.path)
}

/// The address of a path of an app; the path begins with a slash, so that it can lead nowhere else.
pub(crate) fn address_at(open: &OpenTarget, path: &str) -> String {
    let host = window().location().hostname().unwrap_or_default();
    format!("{}://{host}:{}{path}", open.scheme, open.port)
}

/// Copies a text. Browsers give their clipboard to HTTPS pages only; elsewhere the old way through a selection works.
pub(crate) async fn copy(text: &str) -> bool {
    if window().is_secure_context() {
        return JsFuture::from(window().navigator().clipboard().write_text(text)).await.is_ok();
    }
    copy_by_selection(text).unwrap_or(false)
}

fn copy_by_selection(text: &str) -> Option<bool> {
    let document = document();
    let area: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    area.set_value(text);
    area.set_read_only(true);
    area.set_class_name("visually-hidden");
    // In a modal dialog everything outside of it is inert, a selection there too.
    let parent = document.query_selector("dialog[open]").ok().flatten();
    let parent = match parent {
        Some(dialog) => dialog,
        None => document.body()?.into(),
    };
    let focused = document.active_element().and_then(|element| element.dyn_into::<HtmlElement>().ok());
    parent.append_child(&area).ok()?;
    area.select();
    let done = document.dyn_into::<HtmlDocument>().ok()?.exec_command("copy").ok();
    area.remove();
    if let Some(focused) = focused {
        let _ = focused.focus();
    }
    done
}

/// The hour of the day where the visitor is, 0 to 23.
pub(crate) fn hour() -> u32 {
    js_sys::Date::new_0().get_hours()
}

/// Milliseconds since 1970, UTC.
pub(crate) fn now_ms() -> f64 {
    js_sys::Date::now()
}

/// The time zone of this browser, by its IANA name.
pub(crate) fn time_zone() -> Option<String> {
    let options = Intl::DateTimeFormat::new(&Array::new(), &Object::new()).resolved_options();
    Reflect::get(&options, &JsValue::from_str("timeZone")).ok()?.as_string()
}

/// Every time zone that this browser knows, by IANA names; empty where it does not tell.
pub(crate) fn time_zones() -> Vec<String> {
    let zones = || {
        let intl = Reflect::get(&js_sys::global(), &JsValue::from_str("Intl")).ok()?;
        let list =
            Reflect::get(&intl, &JsValue::from_str("supportedValuesOf")).ok()?.dyn_into::<Function>().ok()?;
        list.call1(&intl, &JsValue::from_str("timeZone")).ok()?.dyn_into::<Array>().ok()
    };
    zones().map(|zones| zones.iter().filter_map(|zone| zone.as_string()).collect()).unwrap_or_default()
}

/// Reads a value from the fragment of the address, `#name=value`.
pub(crate) fn from_fragment(name: &str) -> Option<String> {
    let fragment = window().location().hash().ok()?;
    let value = fragment.strip_prefix('#')?.strip_prefix(name)?.strip_prefix('=')?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// Takes the fragment out of the address, without a new entry in the history.
pub(crate) fn forget_fragment() {
    let path = window().location().pathname().unwrap_or_default();
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
    }
}

/// Puts the cursor into the first element that a selector finds; tells whether there is one.
pub(crate) fn focus(selector: &str) -> bool {
    let element = document()
        .query_selector(selector)
        .ok()
        .flatten()
        .and_then(|found| found.dyn_into::<HtmlElement>().ok());
    element.is_some_and(|element| element.focus().is_ok())
}
