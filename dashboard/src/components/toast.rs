use std::time::Duration;

use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::components::notice::Tone;
use crate::components::words::words;
use crate::task::Lifetime;
use crate::text::common as text;

/// How long a message stays.
const SHOWN_FOR: Duration = Duration::from_secs(7);

/// Most messages at a time; the oldest goes.
const MOST: usize = 3;

#[derive(Debug, Clone, PartialEq)]
struct Toast {
    id: u32,
    tone: Tone,
    message: String,
}

/// Short messages that go by themselves.
#[derive(Clone, Copy)]
pub(crate) struct Toasts {
    shown: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
    lifetime: Lifetime,
}

impl Toasts {
    /// Starts without any.
    pub(crate) fn new() -> Self {
        Self { shown: RwSignal::default(), next: StoredValue::new(0), lifetime: Lifetime::current() }
    }

    /// Says that something is done.
    pub(crate) fn say(self, message: impl Into<String>) {
        self.push(Tone::Info, message.into());
    }

    /// Says that something went wrong.
    pub(crate) fn warn(self, message: impl Into<String>) {
        self.push(Tone::Bad, message.into());
    }

    fn push(self, tone: Tone, message: String) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.shown.update(|shown| {
            if shown.len() == MOST {
                shown.remove(0);
            }
            shown.push(Toast { id, tone, message });
        });
        self.lifetime.after(SHOWN_FOR, move || self.drop(id));
    }

    fn drop(self, id: u32) {
        self.shown.update(|shown| shown.retain(|toast| toast.id != id));
    }
}

/// Returns the messages.
pub(crate) fn use_toasts() -> Toasts {
    expect_context()
}

/// Where the messages stand.
#[component]
pub(crate) fn ToastList() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" aria-live="polite">
            <For each=move || toasts.shown.get() key=|toast| toast.id let:toast>
                <div class="toast" class:is-bad=toast.tone == Tone::Bad>
                    {if toast.tone == Tone::Bad { Icon::Failed } else { Icon::Check }.draw()}
                    <p>{words(&toast.message)}</p>
                    <button
                        type="button"
                        class="button is-quiet is-icon"
                        aria-label=text::CLOSE
                        on:click=move |_| toasts.drop(toast.id)
                    >
                        {Icon::Close.draw()}
                    </button>
                </div>
            </For>
        </div>
    }
}
