use std::cell::RefCell;

use hearth_model::api::problem::Problem;
use hearth_model::form::FieldError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Request, RequestInit, Response};

use crate::{browser, json, text};

/// Why a request did not bring what it asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Error {
    /// The box did not answer.
    Unreachable,
    /// The box refused, and said why.
    Refused(Box<Problem>),
    /// The box answered something that this dashboard does not understand, perhaps because it is older.
    Unreadable(String),
}

impl Error {
    /// Returns what the owner reads.
    pub(crate) fn message(&self) -> String {
        match self {
            Error::Unreachable => text::error::UNREACHABLE.to_owned(),
            Error::Refused(problem) => problem.detail.clone(),
            Error::Unreadable(why) => text::error::unreadable(why),
        }
    }

    /// Returns what is wrong with which field of a form.
    pub(crate) fn fields(&self) -> &[FieldError] {
        match self {
            Error::Refused(problem) => &problem.fields,
            Error::Unreachable | Error::Unreadable(_) => &[],
        }
    }

    /// Tells whether what was asked for does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Error::Refused(problem) if problem.status == 404)
    }
}

/// Verbs that the API knows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

const UNAUTHORIZED: u16 = 401;
/// Where the session's key is kept.
const KEY: &str = "hearth-session-key";

thread_local! {
    // Also here: a browser that stores nothing has it until the page is loaded again.
    static SESSION_KEY: RefCell<Option<String>> = const { RefCell::new(None) };
    static SIGNED_OUT: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// Has `hear` called whenever the box says that the session is over.
pub(crate) fn on_signed_out(hear: impl Fn() + 'static) {
    SIGNED_OUT.set(Some(Box::new(hear)));
}

/// Keeps the session's key for every request to come, or forgets it.
pub(super) fn keep_key(key: Option<String>) {
    browser::store(KEY, key.as_deref());
    SESSION_KEY.set(key);
}

/// Sends a request without a body and reads JSON.
pub(crate) async fn send<T: DeserializeOwned>(method: Method, path: &str) -> Result<T, Error> {
    read(&exchange(method, path, None).await?)
}

/// Sends JSON and reads JSON.
pub(crate) async fn send_body<T: DeserializeOwned>(
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Error> {
    read(&exchange(method, path, Some(write(body)?)).await?)
}

/// Sends a request without a body; the answer is of no interest.
pub(crate) async fn order(method: Method, path: &str) -> Result<(), Error> {
    exchange(method, path, None).await.map(drop)
}

/// Sends JSON; the answer is of no interest.
pub(crate) async fn order_body(method: Method, path: &str, body: &impl Serialize) -> Result<(), Error> {
    exchange(method, path, Some(write(body)?)).await.map(drop)
}

/// Sends a file as it is; the answer is of no interest.
pub(crate) async fn order_file(method: Method, path: &str, file: &web_sys::File) -> Result<(), Error> {
    exchange(method, path, Some(Body { content: file.into(), kind: "application/octet-stream" }))
        .await
        .map(drop)
}

/// What a request brings.
struct Body {
    content: JsValue,
    kind: &'static str,
}

fn write(body: &impl Serialize) -> Result<Body, Error> {
    let json = serde_json::to_string(body).map_err(|error| Error::Unreadable(error.to_string()))?;
    Ok(Body { content: JsValue::from_str(&json), kind: "application/json" })
}

fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Error> {
    json::read(answer).map_err(|error| Error::Unreadable(error.to_string()))
}

/// Opens a stream of server-sent events. The error says nothing: what a session that is over means to the page, its other
/// requests tell.
pub(crate) async fn open_stream(path: &str, signal: Option<&AbortSignal>) -> Result<Response, ()> {
    let init = RequestInit::new();
    init.set_signal(signal);
    let answer = fetch(path, &init, Some(("Accept", "text/event-stream"))).await.map_err(drop)?;
    if answer.ok() { Ok(answer) } else { Err(()) }
}

/// Sends a request with the session's key.
async fn fetch(
    path: &str,
    init: &RequestInit,
    header: Option<(&'static str, &'static str)>,
) -> Result<Response, Error> {
    let request =
        Request::new_with_str_and_init(&format!("/api/v1/{path}"), init).map_err(|_| Error::Unreachable)?;
    if let Some((name, value)) = header {
        let _ = request.headers().set(name, value);
    }
    // Another tab may have signed in meanwhile.
    if let Some(key) = browser::stored(KEY).or_else(|| SESSION_KEY.with_borrow(Clone::clone)) {
        let _ = request.headers().set("Authorization", &format!("Bearer {key}"));
    }
    let answer = JsFuture::from(leptos::prelude::window().fetch_with_request(&request)).await;
    answer.ok().and_then(|answer| answer.dyn_into::<Response>().ok()).ok_or(Error::Unreachable)
}

/// One request and its answer as text; on its own and not generic, so that it is compiled once.
async fn exchange(method: Method, path: &str, body: Option<Body>) -> Result<String, Error> {
    let init = RequestInit::new();
    init.set_method(match method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    });
    if let Some(body) = &body {
        init.set_body(&body.content);
    }
    let header = body.map(|body| ("Content-Type", body.kind));
    let answer = fetch(path, &init, header).await?;
    let text = match answer.text() {
        Ok(text) => JsFuture::from(text).await.ok().and_then(|text| text.as_string()).unwrap_or_default(),
        Err(_) => String::new(),
    };
    if answer.ok() {
        return Ok(text);
    }
    if answer.status() == UNAUTHORIZED && !path.starts_with("session") {
        SIGNED_OUT.with_borrow(|hear| hear.iter().for_each(|hear| hear()));
    }
    let problem = json::read::<Problem>(&text).unwrap_or_else(|_| Problem {
        kind: "about:blank".to_owned(),
        title: answer.status_text(),
        status: answer.status(),
        detail: text::error::status(answer.status()),
        fields: Vec::new(),
    });
    Err(Error::Refused(Box::new(problem)))
}
