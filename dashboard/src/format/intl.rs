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

/// A day and time of day, from milliseconds since 1970.
pub(super) fn moment(ms: i64) -> String {
    date(ms, &options(&[("dateStyle", "medium".into()), ("timeStyle", "short".into())]))
}

/// A time of day with seconds, from milliseconds since 1970.
pub(super) fn time_of_day(ms: i64) -> String {
    date(ms, &options(&[("timeStyle", "medium".into()), ("hourCycle", "h23".into())]))
}

fn date(ms: i64, options: &Object) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
    let date = Date::new(&(ms as f64).into());
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
