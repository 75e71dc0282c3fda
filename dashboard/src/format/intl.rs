use js_sys::{Array, Date, Function, Intl, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

/// A number with at most so many digits after the point.
pub(super) fn number(value: f64, digits: u32) -> String {
    let options = options(&[("maximumFractionDigits", digits.into())]);
    let format = Intl::NumberFormat::new(&Array::new(), &options).format();
    call(&format, &value.into())
}

/// A span of `Intl.RelativeTimeFormat`'s units: "3 minutes ago", "yesterday".
pub(super) fn relative(value: f64, unit: &str) -> String {
    let options = options(&[("numeric", "auto".into())]);
    Intl::RelativeTimeFormat::new(&Array::new(), &options).format(value, unit).into()
}

/// Milliseconds between 1970 and a moment that RFC 3339 writes.
pub(super) fn milliseconds(at: &str) -> f64 {
    Date::parse(at)
}

/// A day and time of day, from a moment that RFC 3339 writes.
pub(super) fn moment(at: &str) -> String {
    date(at, &options(&[("dateStyle", "medium".into()), ("timeStyle", "short".into())]))
}

/// A time of day with seconds, from a moment that RFC 3339 writes.
pub(super) fn time_of_day(at: &str) -> String {
    date(at, &options(&[("timeStyle", "medium".into()), ("hourCycle", "h23".into())]))
}

fn date(at: &str, options: &Object) -> String {
    let date = Date::new(&JsValue::from_str(at));
    call(&Intl::DateTimeFormat::new(&Array::new(), options).format(), &date)
}

fn call(format: &Function, value: &JsValue) -> String {
    format.call1(&JsValue::UNDEFINED, value).ok().and_then(|text| text.as_string()).unwrap_or_default()
}

fn options(entries: &[(&str, JsValue)]) -> Object {
    let options = Object::new();
    for (name, value) in entries {
        let _ = Reflect::set(&options, &JsValue::from_str(name), value);
    }
    options.unchecked_into()
}
