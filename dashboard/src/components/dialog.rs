use leptos::html;
use leptos::prelude::*;
use web_sys::MouseEvent;

use crate::components::icon::Icon;
use crate::text::common as text;

/// A modal dialog on the browser's own `<dialog>`: Esc closes it, what is behind it is out of reach, and the focus goes
/// back where it was. What is in it is made anew each time it opens.
#[component]
pub(crate) fn Dialog(
    /// Whether it is open; it sets it to `false` itself when the visitor closes it.
    open: RwSignal<bool>,
    /// What it is about.
    #[prop(into)]
    title: Signal<String>,
    /// Room for a form of some length.
    #[prop(optional)]
    wide: bool,
    children: ChildrenFn,
) -> impl IntoView {
    let dialog: NodeRef<html::Dialog> = NodeRef::new();
    let children = StoredValue::new(children);
    Effect::new(move |_| {
        let open = open.get();
        let Some(dialog) = dialog.get() else { return };
        if open && !dialog.open() {
            let _ = dialog.show_modal();
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    // A press that begins on the backdrop closes; one that begins inside and ends there (a selection) does not.
    let press = move |event: MouseEvent| {
        let on_backdrop = event.target().zip(dialog.get_untracked()).is_some_and(|(target, dialog)| {
            let dialog: &web_sys::HtmlDialogElement = &dialog;
            let dialog: &web_sys::EventTarget = dialog.as_ref();
            target == *dialog
        });
        if on_backdrop {
            open.set(false);
        }
    };
    view! {
        <dialog
            node_ref=dialog
            class="dialog"
            class:is-wide=wide
            aria-label=move || title.get()
            on:close=move |_| open.set(false)
            on:mousedown=press
        >
            <Show when=move || open.get()>
                <div class="dialog-body">
                    <header class="dialog-head">
                        <h2>{move || title.get()}</h2>
                        <button
                            type="button"
                            class="button is-quiet is-icon"
                            aria-label=text::CLOSE
                            on:click=move |_| open.set(false)
                        >
                            {Icon::Close.draw()}
                        </button>
                    </header>
                    {move || children.with_value(|children| children())}
                </div>
            </Show>
        </dialog>
    }
}
