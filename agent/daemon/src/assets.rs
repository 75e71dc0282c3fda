//! The dashboard's files, as its build tool wrote them: `index.html`, and `assets/` whose names carry the hash of
//! their content, each beside its `.br` and `.gz`.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

/// The dashboard is one page that runs our own WebAssembly and speaks to its own origin only; apps' pages open in
/// tabs of their own, never in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";
/// It needs none of what a browser could let a page do but the clipboard.
const PERMISSIONS_POLICY: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
    magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), clipboard-write=(self)";
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, and asked for every time whether it changed.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// Returns what answers every address that the API does not.
///
/// A page's address gets `index.html`, whose own router knows the rest; a file that is missing is 404.
pub fn router(folder: Option<PathBuf>) -> Router {
    let router = match folder {
        Some(folder) => {
            let index = folder.join("index.html");
            let directory = ServeDir::new(folder)
                .precompressed_br()
                .precompressed_gzip()
                .append_index_html_on_directories(false);
            Router::new().fallback(async move |request: Request| file(directory, &index, request).await)
        }
        None => Router::new().fallback(async || no_dashboard("the service was started without `--assets`")),
    };
    router.layer(map_response(secure))
}

async fn file(directory: ServeDir, index: &Path, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "this address only has a page\n").into_response();
    }
    let path = request.uri().path();
    let immutable = path.starts_with("/assets/");
    // A page's address may hold a dot (`/store/some/package.name`); files stand in `assets/` or at the very top.
    let at_the_top = path.bytes().filter(|byte| *byte == b'/').count() == 1 && path.contains('.');
    let is_file = immutable || at_the_top && path != "/index.html";
    let response = if is_file {
        directory.oneshot(request).await.map(|response| response.map(Body::new))
    } else {
        let page = ServeFile::new(index).precompressed_br().precompressed_gzip();
        page.oneshot(request).await.map(|response| response.map(Body::new))
    };
    let mut response = match response {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status() == StatusCode::NOT_FOUND {
        if !is_file {
            let folder = index.parent().unwrap_or(index);
            return no_dashboard(&format!("there is no `index.html` in {}", folder.display()));
        }
        return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, REVALIDATE)], "there is no such file\n")
            .into_response();
    }
    let caching = if immutable { IMMUTABLE } else { REVALIDATE };
    response.headers_mut().insert(header::CACHE_CONTROL, caching);
    response
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
        // What an app opens in the same browser cannot reach back into the dashboard's window.
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page that helps, where the dashboard's files are missing. Everything else works without them.
fn no_dashboard(why: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Hearth</title><style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;\
         color-scheme:light dark}}code{{background:#8882;padding:.1em .3em;border-radius:.3em}}</style>\
         <h1>Hearth runs, its dashboard was not built</h1><p>Reason: {why}.</p>\
         <p>In Hearth's source folder, <code>make run</code> builds the dashboard and starts everything. By hand: \
         <code>cargo run -p hearth-dashboard-build -- --out target/dashboard</code>, then start Hearth with \
         <code>--assets target/dashboard</code>.</p>\
         <p>The API answers at <code>/api/v1</code>, and the command <code>hearth</code> works without the dashboard.</p>",
        why = escape(why)
    );
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CACHE_CONTROL, REVALIDATE)], Html(page)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
