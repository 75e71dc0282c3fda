use hearth_model::AppId;
use hearth_model::package::Widget;
use hearth_model::package::widget::{WidgetButton, WidgetContent, WidgetItem};
use serde_json::Value;

use crate::document::{scalar, text};

/// How often a widget asks that does not say it, in seconds.
const REFRESH_SECS: u32 = 60;

/// Reads the widgets; one that cannot be shown is left out, with a note.
pub(super) fn read(about: &Value, compose: &Value, app: &AppId, notes: &mut Vec<String>) -> Vec<Widget> {
    let written = about.get("widgets").and_then(Value::as_array).into_iter().flatten();
    let mut widgets: Vec<Widget> = Vec::new();
    for widget in written {
        let name = text(widget, "id").unwrap_or_else(|| "without an id".to_owned());
        match read_one(widget, compose, app) {
            Ok(read) if widgets.iter().any(|other| other.id == read.id) => {
                notes.push(format!("the widget `{name}` stands twice; the first one is taken"));
            }
            Ok(read) => widgets.push(read),
            Err(why) => notes.push(format!("the widget `{name}` is left out: {why}")),
        }
    }
    widgets
}

fn read_one(widget: &Value, compose: &Value, app: &AppId) -> Result<Widget, String> {
    let id = text(widget, "id").ok_or("it names no `id`")?;
    let kind = text(widget, "type").ok_or("it names no `type`")?;
    let kind = serde_json::from_value(Value::String(kind.clone()))
        .map_err(|_| format!("its `type` is `{kind}`, which Hearth does not know"))?;
    let endpoint = text(widget, "endpoint").ok_or("it names no `endpoint`")?;
    let wrong = || format!("its `endpoint` is `{endpoint}`; expected `service:port/path`");
    let (host, path) = endpoint.split_once('/').unwrap_or((&endpoint, ""));
    let (host, port) = host.split_once(':').ok_or_else(wrong)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    let service =
        host.strip_prefix(&format!("{app}_")).and_then(|rest| rest.strip_suffix("_1")).unwrap_or(host);
    if compose.pointer("/services").and_then(|services| services.get(service)).is_none() {
        return Err(format!("its `endpoint` is `{endpoint}`, and there is no service `{service}`"));
    }
    Ok(Widget {
        id,
        kind,
        refresh_secs: text(widget, "refresh").and_then(|every| seconds(&every)).unwrap_or(REFRESH_SECS),
        service: service.to_owned(),
        port,
        path: format!("/{path}"),
        link: text(widget, "link").unwrap_or_default(),
        example: widget.get("example").filter(|example| example.is_object()).map(content),
    })
}

/// Reads a time as umbrelOS does ([ms](https://github.com/vercel/ms)): a number and a unit, milliseconds without one.
fn seconds(every: &str) -> Option<u32> {
    let every = every.trim();
    let digits = every.find(|c: char| !c.is_ascii_digit()).unwrap_or(every.len());
    let (number, unit) = every.split_at(digits);
    let number: u32 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "" | "ms" => number / 1000,
        "s" | "sec" | "secs" | "second" | "seconds" => number,
        "m" | "min" | "mins" | "minute" | "minutes" => number.checked_mul(60)?,
        "h" | "hr" | "hrs" | "hour" | "hours" => number.checked_mul(3600)?,
        _ => return None,
    };
    Some(seconds.max(1))
}

fn content(example: &Value) -> WidgetContent {
    let word = |tree: &Value, key: &str| text(tree, key).unwrap_or_default();
    let list = |key: &str| example.get(key).and_then(Value::as_array).into_iter().flatten();
    WidgetContent {
        title: word(example, "title"),
        text: word(example, "text"),
        subtext: word(example, "subtext"),
        progress_label: word(example, "progressLabel"),
        progress_percent: example.get("progress").and_then(percent),
        items: list("items")
            .map(|item| WidgetItem {
                title: word(item, "title"),
                text: word(item, "text"),
                subtext: word(item, "subtext"),
                emoji: word(item, "emoji"),
            })
            .collect(),
        buttons: list("buttons")
            .map(|button| WidgetButton { text: word(button, "text"), link: word(button, "link") })
            .collect(),
    }
}

/// Returns a share of one as a percentage.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 100")]
fn percent(share: &Value) -> Option<u8> {
    let share: f64 = scalar(share)?.parse().ok()?;
    Some((share.clamp(0.0, 1.0) * 100.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use hearth_model::package::widget::WidgetKind;

    use super::*;

    const COMPOSE: &str = "services: { app: { image: a } }";
    const ABOUT: &str = r#"
widgets:
  - { id: sync, type: text-with-progress, refresh: 2s, endpoint: "app:3000/api/sync", link: "",
      example: { type: text-with-progress, title: Sync, text: "83%", progressLabel: Left, progress: 0.83 } }
  - { id: fees, type: four-stats, refresh: 1m, endpoint: "wiki_app_1:80/fees", link: "?x=1",
      example: { items: [ { title: Low, text: 6, subtext: sat }, { text: b, emoji: "💭" } ], later: 1 } }
  - { id: pay, type: text-with-buttons, endpoint: "app:80", example: { buttons: [ { text: Send, icon: up, link: "?a" } ] } }
  - { id: pay, type: list, endpoint: "app:80/again" }
  - { id: odd, type: hologram, endpoint: "app:80/x" }
  - { id: elsewhere, type: list, endpoint: "db:80/x" }
  - { id: nowhere, type: list, endpoint: "app/x" }
  - { type: list, endpoint: "app:80/x" }
  - nothing
"#;

    fn all(about: &str) -> (Vec<Widget>, Vec<String>) {
        let parse = |text: &str| crate::document::parse(text, "x").expect("YAML");
        let mut notes = Vec::new();
        let app = "wiki".parse().expect("an id");
        (read(&parse(about), &parse(COMPOSE), &app, &mut notes), notes)
    }

    #[test]
    fn widgets_are_read_and_bad_ones_are_left_out_with_a_note() {
        let (widgets, notes) = all(ABOUT);
        let [sync, fees, pay] = &widgets[..] else { panic!("three widgets: {widgets:?}") };
        assert_eq!((sync.kind, sync.refresh_secs), (WidgetKind::TextWithProgress, 2));
        assert_eq!((sync.service.as_str(), sync.port, sync.path.as_str()), ("app", 3000, "/api/sync"));
        assert_eq!(sync.example.as_ref().and_then(|example| example.progress_percent), Some(83));
        assert_eq!((fees.service.as_str(), fees.refresh_secs, fees.link.as_str()), ("app", 60, "?x=1"));
        let items = &fees.example.as_ref().expect("an example").items;
        assert_eq!((items[0].text.as_str(), items[1].emoji.as_str()), ("6", "💭"));
        assert_eq!((pay.path.as_str(), pay.refresh_secs), ("/", REFRESH_SECS));
        assert_eq!(pay.example.as_ref().map(|example| example.buttons.len()), Some(1));
        let expected = ["twice", "`hologram`", "no service `db`", "`app/x`", "no `id`", "no `id`"];
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{note}");
        }
    }

    #[test]
    fn times_are_those_of_their_library() {
        for (written, expected) in
            [("5s", Some(5)), ("2 min", Some(120)), ("1h", Some(3600)), ("5000", Some(5)), ("10ms", Some(1))]
        {
            assert_eq!(seconds(written), expected, "{written}");
        }
        for wrong in ["", "soon", "s", "99999999h", "5 parsecs"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
