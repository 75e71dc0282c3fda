use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;

use crate::client::Error;
use crate::components::notice::ErrorState;
use crate::task::Lifetime;

/// Something that is fetched from the box, and again when a signal that its request read changes, or on demand.
///
/// What is here stays to be seen while it is fetched again, and an answer that a later request overtook is dropped.
pub(crate) struct Remote<T> {
    state: RwSignal<Load>,
    again: Trigger,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Remote<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Remote<T> {}

/// What there is. One type whatever is fetched, so that a browser loads the code around it once and not for each page.
enum Load {
    Loading,
    Ready(Held),
    Failed(Error),
}

#[derive(Clone)]
struct Held {
    value: Arc<dyn Any + Send + Sync>,
    is_same: fn(&dyn Any, &dyn Any) -> bool,
}

impl Held {
    fn new<T: PartialEq + Send + Sync + 'static>(value: T) -> Self {
        fn is_same<T: PartialEq + 'static>(one: &dyn Any, other: &dyn Any) -> bool {
            one.downcast_ref::<T>() == other.downcast_ref::<T>()
        }
        Self { value: Arc::new(value), is_same: is_same::<T> }
    }

    fn is_same(&self, other: &Held) -> bool {
        (self.is_same)(&*self.value, &*other.value)
    }
}

type Fetch = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Held, Error>>>>>;

impl<T: Clone + PartialEq + Send + Sync + 'static> Remote<T> {
    /// Starts to fetch.
    pub(crate) fn new<F>(fetch: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        let (state, again) = start(Box::new(move || {
            let answer = fetch();
            Box::pin(async move { answer.await.map(Held::new) })
        }));
        Self { state, again, of: PhantomData }
    }

    /// Fetches again.
    pub(crate) fn reload(self) {
        self.again.notify();
    }

    /// Returns the value once it is here; the caller hears of changes.
    pub(crate) fn ready(self) -> Option<T> {
        self.state.with(|state| match state {
            Load::Ready(held) => held.value.downcast_ref().cloned(),
            Load::Loading | Load::Failed(_) => None,
        })
    }

    /// Shows what there is: a skeleton, the error with a way to try again, or the value.
    pub(crate) fn show(
        self,
        skeleton: impl Fn() -> AnyView + Send + 'static,
        ready: impl Fn(T) -> AnyView + Send + 'static,
    ) -> AnyView {
        let ready = move |held: &Held| held.value.downcast_ref::<T>().cloned().map(&ready).into_any();
        show(self.state, self.again, Box::new(skeleton), Box::new(ready))
    }
}

fn start(fetch: Fetch) -> (RwSignal<Load>, Trigger) {
    let state = RwSignal::new(Load::Loading);
    let again = Trigger::new();
    Effect::new(move |_| {
        again.track();
        let answer = fetch();
        // Ends when the page is left, and when something else is asked for.
        Lifetime::current().spawn(async move {
            let answer = answer.await;
            let _ = state.try_maybe_update(|state| {
                let next = match (answer, &*state) {
                    // What is the same is not drawn again, least of all under somebody's hands.
                    (Ok(new), Load::Ready(old)) if new.is_same(old) => return (false, ()),
                    (Err(error), Load::Ready(_)) if !error.is_not_found() => return (false, ()),
                    (Ok(new), _) => Load::Ready(new),
                    (Err(error), _) => Load::Failed(error),
                };
                *state = next;
                (true, ())
            });
        });
    });
    (state, again)
}

fn show(
    state: RwSignal<Load>,
    again: Trigger,
    skeleton: Box<dyn Fn() -> AnyView + Send>,
    ready: Box<dyn Fn(&Held) -> AnyView + Send>,
) -> AnyView {
    let view = move || {
        state.with(|state| match state {
            Load::Loading => skeleton(),
            Load::Ready(held) => ready(held),
            Load::Failed(error) => {
                let message = error.message();
                view! { <ErrorState message retry=Callback::new(move |()| again.notify()) /> }.into_any()
            }
        })
    };
    view.into_any()
}
