use std::future::Future;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::client::Error;
use crate::components::notice::ErrorState;

/// Something that is fetched from the box.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Load<T> {
    /// On its way.
    Loading,
    /// Here.
    Ready(T),
    /// It did not come.
    Failed(Error),
}

/// Something that is fetched from the box, and again when a signal that its request read changes, or on demand.
///
/// What is here stays to be seen while it is fetched again, and an answer that a later request overtook is dropped.
pub(crate) struct Remote<T: Send + Sync + 'static> {
    state: RwSignal<Load<T>>,
    again: Trigger,
}

impl<T: Send + Sync + 'static> Clone for Remote<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Remote<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Remote<T> {
    /// Starts to fetch.
    pub(crate) fn new<F>(fetch: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        let state = RwSignal::new(Load::Loading);
        let again = Trigger::new();
        let turn = StoredValue::new(0_u32);
        Effect::new(move |_| {
            again.track();
            let answer = fetch();
            turn.update_value(|turn| *turn = turn.wrapping_add(1));
            let mine = turn.get_value();
            spawn_local(async move {
                let answer = answer.await;
                // The page may be gone, or have asked for something else.
                if turn.try_get_value() != Some(mine) {
                    return;
                }
                let _ = state.try_maybe_update(|state| {
                    let next = match answer {
                        Err(error) if matches!(state, Load::Ready(_)) && !error.is_not_found() => return (false, ()),
                        Err(error) => Load::Failed(error),
                        Ok(value) => Load::Ready(value),
                    };
                    // What is the same is not drawn again, least of all under somebody's hands.
                    let changed = *state != next;
                    *state = next;
                    (changed, ())
                });
            });
        });
        Self { state, again }
    }

    /// Fetches again.
    pub(crate) fn reload(self) {
        self.again.notify();
    }

    /// Reads the state; the caller hears of changes.
    pub(crate) fn with<R>(self, read: impl FnOnce(&Load<T>) -> R) -> R {
        self.state.with(read)
    }

    /// Returns the value once it is here; the caller hears of changes.
    pub(crate) fn ready(self) -> Option<T> {
        self.state.with(|state| match state {
            Load::Ready(value) => Some(value.clone()),
            Load::Loading | Load::Failed(_) => None,
        })
    }

    /// Shows what there is: a skeleton, the error with a way to try again, or the value.
    pub(crate) fn show(
        self,
        skeleton: impl Fn() -> AnyView + Send + 'static,
        ready: impl Fn(T) -> AnyView + Send + 'static,
    ) -> impl IntoView {
        move || {
            self.with(|state| match state {
                Load::Loading => skeleton(),
                Load::Ready(value) => ready(value.clone()),
                Load::Failed(error) => {
                    let message = error.message();
                    view! { <ErrorState message retry=Callback::new(move |()| self.reload()) /> }.into_any()
                }
            })
        }
    }
}
