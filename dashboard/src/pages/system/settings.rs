use hearth_model::api::os::{OsSettings, RestartWindow};
use hearth_model::os::Channel;
use leptos::prelude::*;

use crate::client;
use crate::components::field::{FieldFrame, TextField};
use crate::components::notice::FormError;
use crate::components::toast::use_toasts;
use crate::live::use_live;
use crate::task;
use crate::text::common;
use crate::text::system as text;

/// Bytes of a megabyte.
const MEGABYTE: u64 = 1_000_000;
/// Digits after the point that a megabyte has.
const DIGITS: usize = 6;
/// A thousand terabytes a second: no bound any more.
const MOST: u64 = 1_000_000_000_000_000;
/// When most people sleep.
const NIGHT: RestartWindow = RestartWindow { from_hour: 3, to_hour: 5 };

/// Which releases, when the box may restart, how fast a download may be.
#[component]
pub(super) fn Form(settings: OsSettings) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let channel = RwSignal::new(settings.channel);
    let by_itself = RwSignal::new(settings.restart_window.is_some());
    let window = RwSignal::new(settings.restart_window.unwrap_or(NIGHT));
    let limit = RwSignal::new(settings.bytes_per_second.map(in_megabytes).unwrap_or_default());
    let (busy, error) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let read = Memo::new(move |_| bytes_per_second(&limit.get()));
    let wrong = Signal::derive(move || read.get().is_err().then(|| text::LIMIT_WRONG.to_owned()));
    let wanted = move || OsSettings {
        channel: channel.get(),
        restart_window: by_itself.get().then(|| window.get()),
        bytes_per_second: read.get().ok().flatten(),
    };
    let changed = Signal::derive(move || read.get().is_ok() && wanted() != settings);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get() || !changed.get() {
            return;
        }
        busy.set(true);
        error.set(None);
        let wanted = wanted();
        task::spawn(async move {
            match client::change_os_settings(&wanted).await {
                Ok(()) => toasts.say(text::SAVED),
                Err(refused) => error.set(Some(refused.message())),
            }
            live.load_os();
            let _ = busy.try_set(false);
        });
    };
    let channels = Channel::ALL.map(|one| {
        view! {
            <option value=one.name() selected=move || channel.get() == one>
                {text::channel(one)}
            </option>
        }
    });
    let choose = move |event| {
        let name = event_target_value(&event);
        if let Some(one) = Channel::ALL.into_iter().find(|one| one.name() == name) {
            channel.set(one);
        }
    };
    view! {
        <form class="form" on:submit=submit novalidate>
            <FieldFrame id="channel".to_owned() label=text::CHANNEL help=text::CHANNEL_HELP error=Signal::derive(|| None::<String>)>
                <select class="input" id="channel" on:change=choose>
                    {channels}
                </select>
            </FieldFrame>
            <label class="check field">
                <input
                    type="checkbox"
                    prop:checked=move || by_itself.get()
                    on:change=move |event| by_itself.set(event_target_checked(&event))
                />
                <span>{text::RESTART_LATER} <small class="field-help">{text::RESTART_LATER_HELP}</small></span>
            </label>
            <Show when=move || by_itself.get()>{hours(window)}</Show>
            <TextField id="limit" label=text::LIMIT value=limit help=text::LIMIT_HELP error=wrong />
            <FormError error />
            <div class="form-foot">
                <button type="submit" class="button is-primary" disabled=move || busy.get() || !changed.get()>
                    {common::SAVE}
                </button>
            </div>
        </form>
    }
}

fn hours(window: RwSignal<RestartWindow>) -> AnyView {
    let from = move |hour| window.update(|window| window.from_hour = hour);
    let to = move |hour| window.update(|window| window.to_hour = hour);
    view! {
        <span class="hours" role="group" aria-label=text::HOURS>
            {select(text::FROM, move || window.get().from_hour, from)}
            {select(text::TO, move || window.get().to_hour, to)}
        </span>
    }
    .into_any()
}

fn select(
    label: &'static str,
    now: impl Fn() -> u8 + Copy + Send + Sync + 'static,
    set: impl Fn(u8) + 'static,
) -> AnyView {
    let options = (0..24_u8).map(|hour| {
        view! {
            <option value=hour.to_string() selected=move || now() == hour>
                {text::hour(hour)}
            </option>
        }
    });
    let choose = move |event| {
        if let Ok(hour) = event_target_value(&event).parse() {
            set(hour);
        }
    };
    view! {
        <label>
            {label} " "
            <select class="input" on:change=choose>
                {options.collect::<Vec<_>>()}
            </select>
        </label>
    }
    .into_any()
}

/// Reads megabytes a second; `None` for no bound. By whole numbers: a reader of fractions of any kind is large.
fn bytes_per_second(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if part.len() > DIGITS || !(whole.bytes().chain(part.bytes())).all(|byte| byte.is_ascii_digit()) {
        return Err(());
    }
    let bytes = format!("{whole}{part:0<DIGITS$}").parse::<u64>().map_err(|_| ())?;
    if (1..=MOST).contains(&bytes) { Ok(Some(bytes)) } else { Err(()) }
}

fn in_megabytes(bytes: u64) -> String {
    let text = format!("{}.{:0DIGITS$}", bytes / MEGABYTE, bytes % MEGABYTE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_read_as_people_write_it() {
        assert_eq!(bytes_per_second(""), Ok(None));
        assert_eq!(bytes_per_second(" 2 "), Ok(Some(2_000_000)));
        assert_eq!(bytes_per_second("0,5"), Ok(Some(500_000)));
        for text in ["0", "-1", "fast", "1e3", "99999999999", "2 MB", "1.2.3", "0.0000001", "."] {
            assert_eq!(bytes_per_second(text), Err(()), "{text}");
        }
    }

    #[test]
    fn a_bound_is_shown_as_it_was_written() {
        for text in ["2", "0.5", "12.25"] {
            let bytes = bytes_per_second(text).unwrap().unwrap();
            assert_eq!(in_megabytes(bytes), text);
        }
    }
}
