/// The form that adds a store.
mod add;
/// What a refresh brought.
mod changes;
/// How far a refresh is.
mod progress;
/// The question before a store goes.
mod remove;

use hearth_model::Timestamp;
use hearth_model::api::store::{RefusedPackage, StoreProblem, StoreSummary, is_unprotected};
use leptos::prelude::*;

use self::add::AddForm;
use self::changes::Changes;
use self::progress::ProgressLine;
use self::remove::RemoveForm;
use crate::client;
use crate::clock::ago;
use crate::components::dialog::Dialog;
use crate::components::icon::Icon;
use crate::components::notice::{Notice, Tone};
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::components::words::words as draw_words;
use crate::live::use_live;
use crate::remote::Remote;
use crate::task;
use crate::text::stores as text;

/// Sources of packages.
#[component]
pub(super) fn Stores() -> impl IntoView {
    let live = use_live();
    let stores = Remote::new(move || {
        live.store_changed.track();
        client::stores()
    });
    let adding = RwSignal::new(false);
    view! {
        <section class="card">
            <div class="card-head">
                <h2>{text::TITLE}</h2>
                <button type="button" class="button is-small" on:click=move |_| adding.set(true)>
                    {Icon::Plus.draw()}
                    {text::ADD}
                </button>
            </div>
            {stores
                .show(
                    || view! { <Skeleton class="line" count=3 /> }.into_any(),
                    move |all| {
                        let rows = all.into_iter().map(|store| view! { <Row store stores /> }).collect_view();
                        view! { <ul class="stores">{rows}</ul> }.into_any()
                    },
                )}
        </section>
        <Dialog open=adding title=text::ADD_TITLE.to_owned()>
            <AddForm open=adding stores />
        </Dialog>
    }
}

#[component]
fn Row(store: StoreSummary, stores: Remote<Vec<StoreSummary>>) -> impl IntoView {
    let toasts = use_toasts();
    let busy = RwSignal::new(store.progress.is_some());
    let id = StoredValue::new(store.id.clone());
    let name = store.name.clone();
    let refresh = move |_| {
        busy.set(true);
        let (id, name) = (id.get_value(), name.clone());
        task::spawn(async move {
            match client::refresh_store(&id).await {
                Ok(()) => toasts.say(text::refreshed(&name)),
                Err(error) => toasts.warn(error.message()),
            }
            stores.reload();
            let _ = busy.try_set(false);
        });
    };
    let problem = store.problem.map(|problem| trouble(problem, store.packages));
    let left_out = (!store.refused.is_empty()).then(|| refused(&store.refused));
    let unprotected = is_unprotected(&store.location).then(|| {
        view! {
            <div class="store-wide">
                <Unprotected />
            </div>
        }
    });
    let removing = RwSignal::new(false);
    let title = text::remove_title(&store.name);
    let (refresh_label, remove_label) = (text::refresh(&store.name), text::remove(&store.name));
    let apps = StoredValue::new(store.apps.clone());
    view! {
        <li class="store">
            <div class="store-text">
                <strong>{store.name.clone()}</strong>
                <code>{store.location.clone()}</code>
                <span class="muted">{facts(store.packages, store.refreshed_at, store.revision)}</span>
            </div>
            <div class="store-actions">
                <button
                    type="button"
                    class="button is-quiet is-icon"
                    title=refresh_label.clone()
                    aria-label=refresh_label
                    disabled=move || busy.get()
                    on:click=refresh
                >
                    {Icon::Refresh.draw()}
                </button>
                {(!store.built_in)
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button is-quiet is-icon"
                                title=remove_label.clone()
                                aria-label=remove_label.clone()
                                on:click=move |_| removing.set(true)
                            >
                                {Icon::Trash.draw()}
                            </button>
                        }
                    })}
            </div>
            <ProgressLine store=store.id.clone() />
            {problem}
            {unprotected}
            {store.changes.map(|changes| view! { <Changes changes /> })}
            {left_out}
            <Dialog open=removing title>
                <RemoveForm open=removing stores store=id.get_value() apps=apps.get_value() />
            </Dialog>
        </li>
    }
}

/// How many packages there are, since when they are known to be the newest, and which commit they are of.
fn facts(packages: usize, refreshed_at: Option<Timestamp>, revision: Option<String>) -> impl Fn() -> String {
    move || {
        let checked = refreshed_at.as_ref().map(|at| text::checked(&ago(at)));
        let facts: Vec<_> =
            [Some(text::packages(packages)), checked, revision.clone()].into_iter().flatten().collect();
        facts.join(" · ")
    }
}

/// That what a store offers can be changed on its way.
#[component]
fn Unprotected() -> impl IntoView {
    view! { <Notice tone=Tone::Warn><p>{text::UNPROTECTED}</p></Notice> }
}

fn trouble(problem: StoreProblem, packages: usize) -> impl IntoView {
    let words = if packages == 0 { text::NEVER_WORKED } else { text::KEEPS };
    let StoreProblem { at, message } = problem;
    let drawn = draw_words(&message);
    view! {
        <div class="store-wide">
            <Notice tone=Tone::Warn>
                <p>
                    <strong>{move || text::not_refreshed(&ago(&at))}</strong>
                    " "
                    {words}
                </p>
                <p>{drawn}</p>
            </Notice>
        </div>
    }
}

fn refused(refused: &[RefusedPackage]) -> impl IntoView + use<> {
    let count = refused.len();
    let items = refused
        .iter()
        .map(|refused| {
            view! { <li><code>{refused.package.clone()}</code> <span>{draw_words(&refused.reason)}</span></li> }
        })
        .collect_view();
    view! {
        <details class="refused">
            <summary>{Icon::Warning.draw()} {text::refused(count)}</summary>
            <ul>{items}</ul>
        </details>
    }
}
