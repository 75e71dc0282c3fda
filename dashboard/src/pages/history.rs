use hearth_model::Generation;
use hearth_model::desired::{Actor, GenerationInfo};
use leptos::prelude::*;

use crate::client::{self, Difference};
use crate::clock::ago;
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::notice::{Empty, FormError};
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::format;
use crate::live::use_live;
use crate::remote::Remote;
use crate::task;
use crate::text::history as text;

/// Entries that are shown at first, and how many more at a time.
const PAGE: usize = 30;

/// Every change of what the owner wants, newest first, and the way back to any of them.
#[component]
pub(crate) fn History() -> impl IntoView {
    let live = use_live();
    let all = Remote::new(move || {
        live.generation_changed.track();
        client::generations()
    });
    let (open, chosen) = (RwSignal::new(false), StoredValue::new(Generation::default()));
    let choose = Callback::new(move |generation| {
        chosen.set_value(generation);
        open.set(true);
    });
    let title = Signal::derive(move || match open.get() {
        true => text::restore_title(chosen.get_value()),
        false => String::new(),
    });
    view! {
        <header class="page-head">
            <h1 class="display">{text::TITLE}</h1>
            <p class="lead">{text::LEAD}</p>
        </header>
        {all
            .show(
                || {
                    view! {
                        <div class="timeline" aria-busy="true">
                            <Skeleton class="moment" count=6 />
                        </div>
                    }
                        .into_any()
                },
                move |all| timeline(all, choose).into_any(),
            )}
        <Dialog open title>
            <Restore open generation=chosen.get_value() />
        </Dialog>
    }
}

fn timeline(mut all: Vec<GenerationInfo>, choose: Callback<Generation>) -> impl IntoView {
    if all.is_empty() {
        return view! { <Empty icon=Icon::History title=text::EMPTY words=text::EMPTY_WORDS /> }.into_any();
    }
    all.sort_by_key(|info| std::cmp::Reverse(info.generation));
    // Taking back the newest change is what is wanted most: it has a button of its own.
    let before = all.iter().position(|info| info.current).and_then(|current| all.get(current + 1));
    let before = before.map(|info| info.generation);
    let total = all.len();
    let all = StoredValue::new(all);
    let limit = RwSignal::new(PAGE);
    let shown = move || all.with_value(|all| all.iter().take(limit.get()).cloned().collect::<Vec<_>>());
    view! {
        <ol class="timeline">
            {move || shown().into_iter().map(|info| moment(info, before, choose)).collect_view()}
        </ol>
        <Show when=move || { limit.get() < total }>
            <button type="button" class="button" on:click=move |_| limit.update(|limit| *limit += PAGE)>
                {text::MORE}
            </button>
        </Show>
    }
    .into_any()
}

fn moment(info: GenerationInfo, before: Option<Generation>, choose: Callback<Generation>) -> impl IntoView {
    let number = info.generation;
    let by_hearth = info.by == Actor::Hearth;
    let at = info.at;
    let (datetime, title) = (at.to_string(), format::moment(&at));
    let button = match (info.current, before) {
        (true, Some(before)) => Some((Icon::Undo, text::UNDO, before)),
        (true, None) => None,
        (false, _) => Some((Icon::History, text::GO_BACK_TO, number)),
    };
    view! {
        <li class="moment" class:is-current=info.current class:is-automatic=by_hearth>
            <span class="moment-dot" aria-hidden="true"></span>
            <div class="moment-text">
                <p class="moment-why">
                    {info.why} {info.current.then(|| view! { <span class="badge is-good">{text::CURRENT}</span> })}
                </p>
                <p class="muted">
                    {text::by(&info.by)} " · "
                    <time datetime=datetime title=title>
                        {move || ago(&at)}
                    </time> " · " {text::number(number)}
                </p>
            </div>
            {button
                .map(|(icon, name, to)| {
                    view! {
                        <button type="button" class="button is-small" on:click=move |_| choose.run(to)>
                            {icon.draw()}
                            {name}
                        </button>
                    }
                })}
        </li>
    }
}

/// Says what going back would change, and does it.
#[component]
fn Restore(open: RwSignal<bool>, generation: Generation) -> impl IntoView {
    let toasts = use_toasts();
    let detail = Remote::new(move || client::generation(generation));
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let restore = move |_| {
        busy.set(true);
        error.set(None);
        task::spawn(async move {
            match client::restore(generation).await {
                Ok(_) => {
                    open.set(false);
                    toasts.say(text::restored(generation));
                }
                Err(refused) => error.set(Some(refused.message())),
            }
            let _ = busy.try_set(false);
        });
    };
    let nothing = move || detail.ready().is_none_or(|detail| detail.changes_from_current.is_empty());
    view! {
        <div class="form">
            <div class="dialog-scroll">
                {detail.show(|| view! { <Skeleton class="line" count=4 /> }.into_any(), |detail| changes(detail).into_any())}
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button
                    type="button"
                    class="button is-primary"
                    disabled=move || busy.get() || nothing()
                    on:click=restore
                >
                    {text::RESTORE}
                </button>
            </footer>
        </div>
    }
}

fn changes(detail: Difference) -> impl IntoView {
    let Difference { info, changes_from_current: changes } = detail;
    let about = text::made(&format::moment(&info.at), &info.why, &info.by);
    if changes.is_empty() {
        return view! {
            <p>{about}</p>
            <p class="muted">{text::NO_CHANGES}</p>
        }
        .into_any();
    }
    view! {
        <p>{about}</p>
        <h3>{text::WOULD_CHANGE}</h3>
        <ul class="changes">{changes.into_iter().map(|change| view! { <li>{change}</li> }).collect_view()}</ul>
        <p class="muted">{text::DATA_STAYS}</p>
    }
    .into_any()
}
