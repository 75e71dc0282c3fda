use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Promise, Reflect, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader};

use self::parse::Parser;
use crate::client;
use crate::task;

/// Reading server-sent events.
mod parse;

/// First and longest wait before a stream that ended is opened again.
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

/// A stream of server-sent events that opens again by itself. It closes when dropped, and `hear` is not called afterwards.
///
/// It is read with `fetch` and not with the browser's `EventSource`, which cannot send the session's key: what only a
/// cookie protects is open to pages of apps at other ports of the same host.
pub(crate) struct Stream {
    life: Rc<Life>,
}

struct Life {
    closed: Cell<bool>,
    /// Ends the request under way; `None` in a browser that cannot.
    abort: Option<AbortController>,
}

impl Stream {
    /// Opens the stream at a path of the API.
    pub(crate) fn open(path: String, hear: impl Fn(Word) + 'static) -> Self {
        let life = Rc::new(Life { closed: Cell::new(false), abort: AbortController::new().ok() });
        task::spawn(keep_open(path, Rc::clone(&life), Box::new(hear)));
        Self { life }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.life.closed.set(true);
        if let Some(abort) = &self.life.abort {
            abort.abort();
        }
    }
}

/// Reads the stream until it is closed, and opens it again whenever it ends.
async fn keep_open(path: String, life: Rc<Life>, hear: Box<dyn Fn(Word)>) {
    let mut wait = FIRST_WAIT;
    while !life.closed.get() {
        if read(&path, &life, &hear).await.was_open {
            wait = FIRST_WAIT;
        }
        if life.closed.get() {
            return;
        }
        hear(Word::Lost);
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// How one connection went.
struct Ended {
    was_open: bool,
}

/// Reads one connection to its end.
async fn read(path: &str, life: &Life, hear: &dyn Fn(Word)) -> Ended {
    let signal = life.abort.as_ref().map(AbortController::signal);
    let answer = client::open_stream(path, signal.as_ref()).await;
    let body = answer.ok().and_then(|answer| answer.body());
    let reader = body.and_then(|body| body.get_reader().dyn_into::<ReadableStreamDefaultReader>().ok());
    let Some(reader) = reader.filter(|_| !life.closed.get()) else { return Ended { was_open: false } };
    hear(Word::Open);
    let mut parser = Parser::default();
    while let Some(bytes) = next_piece(&reader).await {
        for (name, data) in parser.push(&bytes) {
            if life.closed.get() {
                return Ended { was_open: true };
            }
            hear(Word::Message { name, data });
        }
        if life.closed.get() || parser.is_overfull() {
            break;
        }
    }
    // A connection that is given up is not left open behind the page's back. Its promise is awaited, as the console tells of
    // every one that fails unheard, and this one does after an abort.
    let _ = JsFuture::from(reader.cancel()).await;
    Ended { was_open: true }
}

/// Returns the bytes that came next; `None` when the stream ended, broke or was aborted.
async fn next_piece(reader: &ReadableStreamDefaultReader) -> Option<Vec<u8>> {
    let piece = JsFuture::from(reader.read()).await.ok()?;
    let value = Reflect::get(&piece, &JsValue::from_str("value")).ok()?;
    Some(value.dyn_into::<Uint8Array>().ok()?.to_vec())
}

async fn sleep(time: Duration) {
    let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let over = Promise::new(&mut |resolve, _reject| {
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
    });
    let _ = JsFuture::from(over).await;
}
