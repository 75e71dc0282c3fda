use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::format::percent;

/// Share from which a meter warns, in percent.
const NEARLY_FULL_PERCENT: u8 = 90;

/// How much of something is used.
#[component]
pub(crate) fn Meter(
    icon: Icon,
    /// What it is about.
    #[prop(into)]
    label: String,
    /// What is used and what there is, in the same unit.
    used: u64,
    whole: u64,
    /// That in words.
    #[prop(into)]
    words: String,
) -> impl IntoView {
    let share = if whole == 0 { 0 } else { percent(used, whole) };
    view! {
        <div class="meter" class:is-warm={share >= NEARLY_FULL_PERCENT}>
            {icon.draw()}
            <div class="meter-text">
                <span class="meter-label">{label.clone()}</span>
                <span class="meter-words">{words}</span>
            </div>
            <div
                class="meter-bar"
                role="meter"
                aria-label=label
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=share.to_string()
                style:--share=format!("{share}%")
            ></div>
        </div>
    }
}
