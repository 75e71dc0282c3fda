use leptos::prelude::*;

use crate::letters;

/// The picture of an app or a package, or its first letter where there is none.
#[expect(clippy::needless_pass_by_value, reason = "a component owns what it is given")]
#[component]
pub(crate) fn AppIcon(
    /// Path of the picture on the box.
    #[prop(into)]
    icon: String,
    /// The name, for the letter.
    #[prop(into)]
    name: String,
) -> impl IntoView {
    let missing = RwSignal::new(icon.is_empty());
    let letter = letters::upper(name.get(..name.ceil_char_boundary(1)).unwrap_or_default());
    let hue = hue(&name);
    view! {
        <span class="app-icon" class:is-letter=move || missing.get() style:--hue=hue.to_string()>
            {move || {
                if missing.get() {
                    view! { <span aria-hidden="true">{letter.clone()}</span> }.into_any()
                } else {
                    view! {
                        <img src=icon.clone() alt="" loading="lazy" decoding="async" on:error=move |_| missing.set(true) />
                    }
                        .into_any()
                }
            }}
        </span>
    }
}

/// A colour that stays with the name, in degrees.
fn hue(name: &str) -> u32 {
    name.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 360
}
