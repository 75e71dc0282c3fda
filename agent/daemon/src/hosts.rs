//! The names by which this box may be asked.
//!
//! A page of anybody's can have its own name point at this box (DNS rebinding), and is then of the same origin as what answers
//! there. So only names that nobody else can have are answered: addresses, the names of this host, and those that its owner
//! lists in the settings.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hearth_gateway::names::{is_in_the_home, is_of_this_host, name_of};

use crate::api;
use crate::auth::Peer;
use crate::hearth::Hearth;

/// Where the host's resolver keeps the home's own ending, such as `fritz.box`.
const RESOLVER: &str = "/etc/resolv.conf";

/// Returns a router that answers only to names of this box.
pub fn guard(router: Router, hearth: Hearth) -> Router {
    router.layer(from_fn_with_state(hearth, check))
}

async fn check(State(hearth): State<Hearth>, request: Request, next: Next) -> Response {
    if let Some(Peer::LocalUser(_)) = request.extensions().get::<Peer>() {
        return next.run(request).await;
    }
    // Both, as a request that names its target in full need not say the same in `Host`.
    let in_line = request.uri().authority().map(ToString::to_string);
    let in_header =
        request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default().to_owned());
    for host in in_line.into_iter().chain(in_header) {
        if !is_ours(&hearth, &host).await {
            return refusal(&host, request.uri().path());
        }
    }
    // Browsers always name a host; what does not is no page.
    next.run(request).await
}

async fn is_ours(hearth: &Hearth, host: &str) -> bool {
    let Some(name) = name_of(host) else { return false };
    let own = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if is_of_this_host(&name, &own) || hearth.in_force().desired.settings.names.contains(&name) {
        return true;
    }
    if name.ends_with(".onion") {
        let published = hearth.published.borrow().apps.clone();
        return published.values().any(|app| app.onion.as_deref() == Some(name.as_str()));
    }
    let resolver = tokio::fs::read_to_string(RESOLVER).await.unwrap_or_default();
    is_in_the_home(&name, &own, &resolver)
}

fn refusal(host: &str, path: &str) -> Response {
    let shown: String = host.chars().filter(|character| !character.is_control()).take(100).collect();
    let detail = format!(
        "this box does not answer to the name `{shown}`. Open it by its address; if the name is yours, add it there under \
         Settings, \"Other names\", and use it from then on"
    );
    if path.starts_with(api::PREFIX) {
        return api::misdirected(detail);
    }
    (StatusCode::MISDIRECTED_REQUEST, format!("{detail}.\n")).into_response()
}
