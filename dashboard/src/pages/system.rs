/// Health checks, and the log of a release that was not kept.
mod checks;
/// Releases that do not come over the internet.
mod offline;
/// What an owner may set.
mod settings;
/// The releases of the box, and the way back.
mod slots;
/// How far an update is.
mod update;

use hearth_model::api::os::OsStatus;
use leptos::prelude::*;

use crate::client::{self, OsVerb};
use crate::components::notice::{Notice, Tone};
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::live::use_live;
use crate::task;
use crate::text::system as text;

/// The operating system: what runs, what can be had, and the way back.
#[component]
pub(crate) fn System() -> impl IntoView {
    let live = use_live();
    let name = move || live.os().map(|os| os.name);
    let managed = Memo::new(move |_| live.os().map(|os| (os.managed, os.note)));
    view! {
        <header class="page-head">
            <h1 class="display">{text::TITLE}</h1>
            <p class="lead">{name}</p>
        </header>
        {move || match managed.get() {
            None => view! { <Skeleton class="line" count=6 /> }.into_any(),
            Some((false, note)) => view! { <Notice tone=Tone::Info>{note}</Notice> }.into_any(),
            Some((true, _)) => view! { <Managed /> }.into_any(),
        }}
    }
}

#[component]
fn Managed() -> impl IntoView {
    let live = use_live();
    // What moves every second is drawn by itself; the rest must not be made anew under somebody's hands.
    let step = part(|os| {
        let OsStatus { update, checks, log, checked_at, .. } = os.clone();
        (update, checks, log, checked_at)
    });
    let slots = part(|os| os.slots.clone());
    let settings = part(|os| os.settings.clone());
    let progress = Memo::new(move |_| live.os().and_then(|os| os.progress));
    let busy = RwSignal::new(false);
    view! {
        <div class="columns">
            <div class="column">
                {move || step.get().map(|(update, checks, log, asked)| {
                    update::card(update, checks, &log, asked, progress, busy)
                })}
                <section class="card">
                    <h2>{text::RELEASES}</h2>
                    {move || slots.get().map(slots::list)}
                </section>
            </div>
            <div class="column is-narrow">
                <section class="card">
                    <h2>{text::SETTINGS}</h2>
                    {move || settings.get().map(|settings| view! { <settings::Form settings /> })}
                </section>
                <offline::Offline />
            </div>
        </div>
    }
}

/// Returns a part of what is known, that tells of its own changes alone.
fn part<T: PartialEq + Send + Sync + 'static>(pick: fn(&OsStatus) -> T) -> Memo<Option<T>> {
    let live = use_live();
    Memo::new(move |_| live.os().as_ref().map(pick))
}

/// Asks something of the box, and says why when it refuses.
fn tell(verb: OsVerb, busy: RwSignal<bool>) {
    let (live, toasts) = (use_live(), use_toasts());
    busy.set(true);
    task::spawn(async move {
        if let Err(refused) = client::tell_os(verb).await {
            toasts.warn(refused.message());
        }
        live.load_os();
        let _ = busy.try_set(false);
    });
}
