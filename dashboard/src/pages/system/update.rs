use hearth_model::api::os::{HealthCheck, OsProgress, OsUpdate, UpdatePhase};
use hearth_model::os::Release;
use hearth_model::time::Timestamp;
use leptos::prelude::*;

use super::{checks, tell};
use crate::client::OsVerb;
use crate::clock::ago;
use crate::components::icon::Icon;
use crate::components::markdown::markdown;
use crate::components::notice::{Notice, Tone};
use crate::components::progress::bar;
use crate::components::words::words;
use crate::format;
use crate::text::system as text;

/// How far an update is, and what can be done about it.
pub(super) fn card(
    update: OsUpdate,
    checked: Vec<HealthCheck>,
    log: &[String],
    asked: Option<Timestamp>,
    progress: Memo<Option<OsProgress>>,
    busy: RwSignal<bool>,
) -> AnyView {
    let OsUpdate { state, release, version, reason, at } = update;
    let version = version.map(|version| version.to_string()).unwrap_or_default();
    let button = |verb, main| action(verb, main, busy);
    let body = match state {
        UpdatePhase::Idle | UpdatePhase::Blessed => {
            let worked = (state == UpdatePhase::Blessed).then(|| text::works(&version));
            let checks = (state == UpdatePhase::Blessed).then(|| checks::list(text::CHECKS, checked, &[]));
            view! {
                {head(text::UP_TO_DATE.to_owned(), worked)}
                {asked.map(|at| view! { <p class="muted">{move || text::asked(&ago(&at))}</p> })}
                {checks}
                <div class="card-foot">{button(OsVerb::Check, false)}</div>
            }
            .into_any()
        }
        UpdatePhase::Checking => view! {
            {head(text::ASKING.to_owned(), None)}
            {bar(text::PROGRESS, None)}
            <div class="card-foot">{button(OsVerb::Cancel, false)}</div>
        }
        .into_any(),
        UpdatePhase::Available => view! {
            {release.map(|release| offer(&release))}
            {reason.map(|why| view! { <Notice tone=Tone::Warn>{words(&text::unreached(&why))}</Notice> })}
            <p class="muted">{text::INSTALL_WORDS}</p>
            <div class="card-foot">{button(OsVerb::Check, false)} {button(OsVerb::Update, true)}</div>
        }
        .into_any(),
        UpdatePhase::Downloading => {
            let waits =
                reason.zip(at).map(|(reason, until)| text::waits(&reason, &format::time_of_day(&until)));
            view! {
                {head(text::release(&version), Some(text::DOWNLOADING.to_owned()))}
                {waits.map(|waits| view! { <Notice tone=Tone::Warn>{words(&waits)}</Notice> })}
                {meter(progress)}
                <div class="card-foot">{button(OsVerb::Cancel, false)}</div>
            }
            .into_any()
        }
        UpdatePhase::Verified | UpdatePhase::Installing => {
            let doing = if state == UpdatePhase::Verified { text::VERIFIED } else { text::INSTALLING };
            view! {
                {head(text::release(&version), Some(doing.to_owned()))}
                {meter(progress)}
                <div class="card-foot">{button(OsVerb::Cancel, false)}</div>
            }
            .into_any()
        }
        UpdatePhase::ReadyToReboot => view! {
            {head(text::release(&version), Some(text::READY.to_owned()))}
            <p class="muted">{text::READY_WORDS}</p>
            <div class="card-foot">{button(OsVerb::Cancel, false)} {button(OsVerb::Reboot, true)}</div>
        }
        .into_any(),
        UpdatePhase::Rebooting => under_way(text::release(&version), text::REBOOTING),
        UpdatePhase::Withdrawing => under_way(text::release(&version), text::WITHDRAWING),
        UpdatePhase::GoingBack => under_way(text::release(&version), text::GOING_BACK),
        UpdatePhase::Trying => view! {
            {under_way(text::release(&version), text::TRYING)}
            {checks::list(text::CHECKS_NOW, checked, &[])}
        }
        .into_any(),
        UpdatePhase::Failing => view! {
            {under_way(text::release(&version), text::FAILING)}
            {trouble(String::new(), reason)}
            {checks::list(text::CHECKS, checked, log)}
        }
        .into_any(),
        UpdatePhase::WentBack => view! {
            {trouble(text::not_kept(&version), reason)}
            {at.map(|at| view! { <p class="muted">{format::moment(&at)}</p> })}
            {checks::list(text::CHECKS, checked, log)}
            <div class="card-foot">{button(OsVerb::Check, false)}</div>
        }
        .into_any(),
        UpdatePhase::Refused => view! {
            {trouble(String::new(), reason)}
            {at.map(|at| view! { <p class="muted">{format::moment(&at)}</p> })}
            <div class="card-foot">{button(OsVerb::Check, false)}</div>
        }
        .into_any(),
    };
    view! { <section class="card" aria-live="polite">{body}</section> }.into_any()
}

fn head(title: String, words: Option<String>) -> AnyView {
    view! {
        <h2>{title}</h2>
        {words.map(|words| view! { <p>{words}</p> })}
    }
    .into_any()
}

fn offer(release: &Release) -> AnyView {
    let made = text::made(&format::moment(&release.released_at), &format::bytes(release.size_bytes));
    view! {
        {head(text::release(&release.version.to_string()), None)}
        <p class="muted">{made}</p>
        <h3>{text::NOTES}</h3>
        {markdown(&release.notes)}
    }
    .into_any()
}

fn under_way(title: String, words: &'static str) -> AnyView {
    view! { {head(title, Some(words.to_owned()))} {bar(text::PROGRESS, None)} }.into_any()
}

fn trouble(what: String, reason: Option<String>) -> AnyView {
    view! {
        <Notice tone=Tone::Bad>
            {(!what.is_empty()).then(|| view! { <strong>{what.clone()}</strong> })}
            {reason.as_deref().map(words)}
        </Notice>
    }
    .into_any()
}

/// The bar, and beside it bytes: those that come over the line where there is a line, else those that are written.
fn meter(progress: Memo<Option<OsProgress>>) -> AnyView {
    let view = move || {
        let progress = progress.get();
        let share = progress.filter(|all| all.total_bytes > 0).map(share);
        view! {
            {bar(text::PROGRESS, share)}
            {progress.map(|progress| view! { <p class="muted">{in_words(progress)}</p> })}
        }
    };
    view.into_any()
}

/// Returns how far it is, in percent: over the line while something has to come, because the rest is there in no time.
fn share(progress: OsProgress) -> u8 {
    match progress.fetch_bytes {
        0 => format::percent(progress.done_bytes, progress.total_bytes),
        all => format::percent(progress.fetched_bytes, all),
    }
}

fn in_words(progress: OsProgress) -> String {
    match progress.fetch_bytes {
        0 => text::done(&format::bytes(progress.done_bytes), &format::bytes(progress.total_bytes)),
        all => text::fetched(&format::bytes(progress.fetched_bytes), &format::bytes(all)),
    }
}

fn action(verb: OsVerb, main: bool, busy: RwSignal<bool>) -> AnyView {
    let (icon, name) = match verb {
        OsVerb::Check => (Icon::Refresh, text::LOOK),
        OsVerb::Update => (Icon::Update, text::INSTALL),
        OsVerb::Cancel => (Icon::Close, text::CANCEL),
        OsVerb::Reboot => (Icon::Restart, text::RESTART),
    };
    view! {
        <button
            type="button"
            class="button"
            class:is-primary=main
            disabled=move || busy.get()
            on:click=move |_| tell(verb, busy)
        >
            {icon.draw()}
            {name}
        </button>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_as_far_as_what_has_to_come() {
        let progress = OsProgress { done_bytes: 380, total_bytes: 400, fetched_bytes: 5, fetch_bytes: 25 };
        assert_eq!(share(progress), 20);
        assert_eq!(share(OsProgress { fetched_bytes: 0, fetch_bytes: 0, ..progress }), 95);
    }
}
