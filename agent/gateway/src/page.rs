use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use hearth_model::api::problem::Problem;
use hearth_model::{AppId, AppState, AppStatus};

use crate::Apps;

/// Seconds until the page asks again while something is going on.
const AGAIN_SOON_SECS: u8 = 2;
/// Seconds until the page asks again when somebody has to act first.
const AGAIN_LATER_SECS: u8 = 15;

/// The page runs nothing and loads nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// A person looks at the answer: it asked for a page, and not for a change of protocol.
    pub(crate) is_browser: bool,
    /// It has a session, so it may read what is wrong.
    pub(crate) is_signed_in: bool,
}

impl Visitor {
    /// Reads a request of somebody who is not known yet.
    pub(crate) fn of(headers: &HeaderMap, method: &Method) -> Self {
        let accepts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let is_browser = accepts.flat_map(|list| list.split(',')).any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/html")
        });
        let is_browser =
            is_browser && crate::headers::upgrade(headers).is_none() && *method != Method::OPTIONS;
        Self { is_browser, is_signed_in: false }
    }
}

/// Answers for an app that has no container to ask.
pub(crate) async fn not_there(apps: &dyn Apps, app: &AppId, visitor: Visitor, dashboard: &str) -> Response {
    say(apps, app, visitor, dashboard, StatusCode::SERVICE_UNAVAILABLE).await
}

/// Answers for an app whose container did not answer.
pub(crate) async fn no_answer(apps: &dyn Apps, app: &AppId, visitor: Visitor, dashboard: &str) -> Response {
    say(apps, app, visitor, dashboard, StatusCode::BAD_GATEWAY).await
}

async fn say(
    apps: &dyn Apps,
    app: &AppId,
    visitor: Visitor,
    dashboard: &str,
    status: StatusCode,
) -> Response {
    let known = apps.status(app).await;
    let words = Words::of(app, known.as_ref());
    let again_secs = if words.passes { AGAIN_SOON_SECS } else { AGAIN_LATER_SECS };
    let mut response = if visitor.is_browser {
        let reason = known.filter(|_| visitor.is_signed_in).and_then(|app| app.reason);
        let link = format!("{dashboard}/apps/{app}");
        let page = html(&words, reason.as_ref().map(|reason| reason.message.as_str()), &link, again_secs);
        let policy = [(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)];
        (status, policy, Html(page)).into_response()
    } else {
        problem(status, "app-not-answering", &format!("{}; {}", words.title, words.text))
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(u16::from(again_secs)));
    response
}

/// Returns an error for programs ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
pub(crate) fn problem(status: StatusCode, code: &'static str, detail: &str) -> Response {
    let title = match status {
        StatusCode::UNAUTHORIZED => "Nobody is signed in",
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::BAD_REQUEST => "The request cannot be passed on",
        _ => "The app does not answer",
    };
    let problem = Problem {
        kind: format!("urn:hearth:problem:{code}"),
        title: title.to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        fields: Vec::new(),
    };
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
    (status, kind, axum::Json(problem)).into_response()
}

/// What is said of an app that does not answer.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    title: String,
    text: &'static str,
    /// Whether it is over without anybody's doing.
    passes: bool,
}

impl Words {
    fn of(app: &AppId, known: Option<&AppStatus>) -> Self {
        const SOON: &str = "This page looks again by itself.";
        let name = known.map_or(app.as_str(), |known| known.name.as_str());
        let state = known.map_or(AppState::Unknown, |known| known.state);
        let (what, text) = match state {
            AppState::Unknown => ("is being looked for", SOON),
            AppState::Installing => ("is being installed", SOON),
            AppState::Starting => ("is starting", SOON),
            AppState::Running => {
                ("does not answer yet", "Its containers run. This page looks again by itself.")
            }
            AppState::Unhealthy => ("is not well", "It runs and does not answer. Hearth says more."),
            AppState::Stopping => ("is stopping", "Start it again in Hearth."),
            AppState::Stopped => ("is stopped", "Start it again in Hearth."),
            AppState::Updating => ("is being updated", SOON),
            AppState::Reverting => ("goes back to the version before", SOON),
            AppState::Removing => ("is being uninstalled", "There will be nothing here any more."),
            AppState::Failed => ("cannot run", "Hearth says why, and what to do."),
            AppState::EngineUnreachable => ("cannot be reached", "Docker does not answer. Hearth says more."),
        };
        let passes = state.is_busy() || matches!(state, AppState::Unknown | AppState::Running);
        Self { title: format!("{name} {what}"), text, passes }
    }
}

fn html(words: &Words, reason: Option<&str>, link: &str, again_secs: u8) -> String {
    let Words { title, text, passes } = words;
    let (title, link) = (escape(title), escape(link));
    let reason = reason.map_or_else(String::new, |reason| format!("<p class=why>{}</p>", escape(reason)));
    let busy = if *passes { "<div class=busy role=presentation></div>" } else { "" };
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <meta http-equiv=refresh content={again_secs}><title>{title}</title><style>\
         :root{{color-scheme:light dark;font:1.05rem/1.6 system-ui,sans-serif}}\
         body{{margin:0;min-height:100vh;display:grid;place-items:center;background:light-dark(#faf7f2,#171412)}}\
         main{{max-width:30rem;margin:1rem;padding:2rem;border-radius:1rem;background:light-dark(#fff,#221e1b);\
         box-shadow:0 1px 3px #0002,0 8px 30px #0001}}h1{{font-size:1.4rem;line-height:1.25;margin:0 0 .6rem}}\
         p{{margin:.4rem 0}}.why{{padding:.7rem 1rem;border-radius:.6rem;background:light-dark(#f3ede4,#2e2824);\
         overflow-wrap:anywhere}}a{{color:light-dark(#a8400f,#ff9d66)}}\
         .busy{{height:3px;margin-bottom:1.2rem;border-radius:3px;background:linear-gradient(90deg,#e2622a 30%,#0000 0) 0/200%;\
         animation:move 1.4s linear infinite}}@keyframes move{{from{{background-position:100%}}to{{background-position:-100%}}}}\
         @media(prefers-reduced-motion){{.busy{{animation:none}}}}</style>\
         <main>{busy}<h1>{title}</h1><p>{text}</p>{reason}<p><a href=\"{link}\">Open in Hearth</a></p></main>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(accept: &str) -> Visitor {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Visitor::of(&headers, &Method::GET)
    }

    #[test]
    fn a_browser_asks_for_pages() {
        assert!(visitor("text/html,application/xhtml+xml,*/*;q=0.8").is_browser);
        assert!(visitor("application/xml, Text/HTML;q=0.5").is_browser);
        for accept in ["*/*", "application/json", "text/plain", "text/htmlx"] {
            assert!(!visitor(accept).is_browser, "{accept}");
        }
        assert!(!Visitor::of(&HeaderMap::new(), &Method::GET).is_browser);
    }

    #[test]
    fn what_is_said_is_text_and_nothing_else() {
        let words = Words { title: "<b>Wiki".to_owned(), text: "x", passes: true };
        let page = html(&words, Some("\"a\" & <script>"), "http://h/\"onclick", AGAIN_SOON_SECS);
        assert!(
            page.contains("&lt;b&gt;Wiki") && page.contains("&quot;a&quot; &amp; &lt;script&gt;"),
            "{page}"
        );
        assert!(!page.contains("<script") && !page.contains("\"onclick"), "{page}");
        assert!(page.contains("http-equiv=refresh content=2"), "{page}");
    }
}
