use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use leptos::prelude::*;

/// Runs an order to the box to its end, also when the page that gave it is left meanwhile.
///
/// The page's signals may be gone when the future goes on. Setting one that is gone does nothing, but reading one ends the
/// program: read what the order needs before calling this, and read nothing in the future. `tests/tidy.rs` looks for it.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    leptos::task::spawn_local(future);
}

/// How long what was made with it lives: a page, a component, or one run of an effect.
///
/// Browsers call back timers and frames whenever they like, also after the visitor has left the page; what they call then
/// must not read signals that went with the page. Work that is started here is dropped instead.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime(StoredValue<()>);

impl Lifetime {
    /// Returns the lifetime of the component or effect that is running: that of the signals that it makes.
    pub(crate) fn current() -> Self {
        Self(StoredValue::new(()))
    }

    fn is_over(self) -> bool {
        self.0.is_disposed()
    }

    /// Calls `work` before the next frame is drawn.
    pub(crate) fn on_next_frame(self, work: impl FnOnce() + 'static) {
        request_animation_frame(self.bound(work));
    }

    /// Calls `work` after a while.
    pub(crate) fn after(self, wait: Duration, work: impl FnOnce() + 'static) {
        set_timeout(self.bound(work), wait);
    }

    /// Runs a future until it ends or this lifetime does.
    pub(crate) fn spawn(self, future: impl Future<Output = ()> + 'static) {
        leptos::task::spawn_local(Bound { lifetime: self, future: Box::pin(future) });
    }

    fn bound(self, work: impl FnOnce() + 'static) -> impl FnOnce() + 'static {
        move || {
            if !self.is_over() {
                work();
            }
        }
    }
}

/// A future that ends when a lifetime does.
struct Bound {
    lifetime: Lifetime,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

impl Future for Bound {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.lifetime.is_over() { Poll::Ready(()) } else { self.future.as_mut().poll(context) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;

    #[test]
    fn work_of_a_page_that_is_gone_is_dropped() {
        let page = Owner::new();
        let (lifetime, signal) = page.with(|| (Lifetime::current(), RwSignal::new(7)));
        let read = Rc::new(Cell::new(0));
        let work = || {
            let read = Rc::clone(&read);
            move || read.set(read.get() + signal.get_untracked())
        };
        let future = |work: Box<dyn FnOnce()>| Bound { lifetime, future: Box::pin(async move { work() }) };
        let mut context = Context::from_waker(Waker::noop());

        let (before, after) = (lifetime.bound(work()), lifetime.bound(work()));
        let (mut first, mut second) = (future(Box::new(work())), future(Box::new(work())));
        before();
        assert_eq!(Pin::new(&mut first).poll(&mut context), Poll::Ready(()));
        assert_eq!(read.get(), 14);

        // Reading the signal from now on would panic.
        page.cleanup();
        after();
        assert_eq!(Pin::new(&mut second).poll(&mut context), Poll::Ready(()));
        assert_eq!(read.get(), 14);
    }
}
