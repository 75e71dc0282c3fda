use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent};

/// First and longest wait before a stream that the browser gave up is opened again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What a stream has to say.
#[derive(Debug)]
pub(crate) enum Word {
    /// It is open, for the first time or again.
    Open,
    /// It is not; it is tried again by itself.
    Lost,
    /// A message.
    Message {
        /// Its event's name.
        name: String,
        /// Its data.
        data: String,
    },
}

/// A stream of server-sent events that opens again by itself, also where the browser would not: after an HTTP error.
/// It closes when dropped.
pub(crate) struct Stream {
    inner: Rc<Inner>,
}

struct Inner {
    address: String,
    names: Vec<&'static str>,
    hear: Box<dyn Fn(Word)>,
    source: RefCell<Option<Source>>,
    wait: Cell<Duration>,
    closed: Cell<bool>,
}

struct Source {
    source: EventSource,
    on_event: Closure<dyn Fn(web_sys::Event)>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onerror(None);
        self.source.close();
        // The closure may be the one that is running: it is let go after it has returned.
        let on_event = std::mem::replace(&mut self.on_event, Closure::new(|_| {}));
        set_timeout(move || drop(on_event), Duration::ZERO);
    }
}

impl Stream {
    /// Opens it. `names` are the events to hear.
    pub(crate) fn open(address: String, names: &[&'static str], hear: impl Fn(Word) + 'static) -> Self {
        let inner = Rc::new(Inner {
            address,
            names: names.to_vec(),
            hear: Box::new(hear),
            source: RefCell::new(None),
            wait: Cell::new(FIRST_WAIT),
            closed: Cell::new(false),
        });
        inner.connect();
        Self { inner }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.inner.closed.set(true);
        self.inner.source.replace(None);
    }
}

impl Inner {
    fn connect(self: &Rc<Self>) {
        let Ok(source) = EventSource::new(&self.address) else { return };
        let stream = Rc::downgrade(self);
        let on_event = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            if let Some(stream) = stream.upgrade() {
                stream.handle(&event);
            }
        });
        let handler = on_event.as_ref().unchecked_ref();
        source.set_onopen(Some(handler));
        source.set_onerror(Some(handler));
        for name in &self.names {
            let _ = source.add_event_listener_with_callback(name, handler);
        }
        self.source.replace(Some(Source { source, on_event }));
    }

    fn handle(self: &Rc<Self>, event: &web_sys::Event) {
        if self.closed.get() {
            return;
        }
        if let Some(message) = event.dyn_ref::<MessageEvent>() {
            if let Some(data) = message.data().as_string() {
                (self.hear)(Word::Message { name: message.type_(), data });
            }
            return;
        }
        if event.type_() == "open" {
            self.wait.set(FIRST_WAIT);
            (self.hear)(Word::Open);
            return;
        }
        (self.hear)(Word::Lost);
        let given_up = self
            .source
            .borrow()
            .as_ref()
            .is_some_and(|source| source.source.ready_state() == EventSource::CLOSED);
        if given_up {
            let wait = self.wait.get();
            self.wait.set((wait * 2).min(LONGEST_WAIT));
            let stream = Rc::downgrade(self);
            let again = move || {
                if let Some(stream) = stream.upgrade().filter(|stream| !stream.closed.get()) {
                    stream.connect();
                }
            };
            set_timeout(again, wait);
        }
    }
}
