use hearth_model::StoreId;
use hearth_model::api::store::{StorePhase, StoreProgress};
use leptos::prelude::*;

use crate::components::progress::bar;
use crate::format::{bytes, percent};
use crate::live::use_live;
use crate::text::stores as text;

/// How far the refresh of a store is, while it goes on.
#[component]
pub(super) fn ProgressLine(store: StoreId) -> impl IntoView {
    let live = use_live();
    let progress = Memo::new(move |_| live.store_progress.with(|all| all.get(&store).copied()));
    move || {
        progress.get().map(|progress| {
            let share = share(&progress);
            view! {
                <div class="store-wide store-progress">
                    <span class="muted" aria-live="polite">{words(&progress)}</span>
                    {bar(text::PROGRESS, share)}
                </div>
            }
        })
    }
}

/// Returns how much of what must be fetched is here, in percent, where that is known.
fn share(progress: &StoreProgress) -> Option<u8> {
    let total = progress.total.filter(|total| *total > 0 && progress.phase == StorePhase::Fetching)?;
    Some(percent(progress.bytes, total))
}

fn words(progress: &StoreProgress) -> String {
    let what = match progress.phase {
        StorePhase::Fetching => text::FETCHING,
        StorePhase::Unpacking => text::UNPACKING,
        StorePhase::Reading => text::READING,
    };
    match (progress.bytes, progress.total) {
        (0, _) => what.to_owned(),
        (done, Some(total)) => text::so_far(what, &bytes(done), Some(&bytes(total))),
        (done, None) => text::so_far(what, &bytes(done), None),
    }
}
