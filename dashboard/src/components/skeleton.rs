use leptos::prelude::*;

/// Shapes that keep the room of what is on its way.
#[component]
pub(crate) fn Skeleton(
    /// The class of what will stand there.
    class: &'static str,
    /// How many.
    count: usize,
) -> impl IntoView {
    (0..count)
        .map(|_| view! { <div class=format!("skeleton {class}") aria-hidden="true"></div> })
        .collect_view()
}
