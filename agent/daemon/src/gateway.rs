use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hearth_gateway::{Apps, Context, LookupError, Session, Sessions};
use hearth_model::{AppId, AppStatus};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, cookie};
use crate::hearth::Hearth;
use crate::hosts;
use crate::resolve::tor::SIGN_IN_PORT;

/// Returns what the gateway needs to know of the rest of the agent.
pub(crate) fn context(
    hearth: Hearth,
    auth: Auth,
    own_address: SocketAddr,
    shutdown: CancellationToken,
) -> Context {
    let guarded = hearth.clone();
    Context {
        sessions: Arc::new(AuthSessions(auth)),
        apps: Arc::new(KnownApps(hearth)),
        guard: Arc::new(move |router| hosts::guard(router, guarded.clone())),
        own_address,
        onion_port: SIGN_IN_PORT,
        shutdown,
    }
}

struct AuthSessions(Auth);

impl Sessions for AuthSessions {
    fn find<'a>(&'a self, headers: &'a HeaderMap) -> BoxFuture<'a, Result<Option<Session>, LookupError>> {
        async move {
            for token in cookie::tokens(headers) {
                if let Some(session) = self.0.session(token, Timestamp::now()).await? {
                    let auth = self.0.clone();
                    let ended = async move { auth.ended(session).await }.boxed();
                    return Ok(Some(Session { ended }));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}

struct KnownApps(Hearth);

impl Apps for KnownApps {
    fn status<'a>(&'a self, app: &'a AppId) -> BoxFuture<'a, Option<AppStatus>> {
        self.0.app(app).map(Result::ok).boxed()
    }

    fn ports_changed(&self) {
        self.0.wake.changed();
    }
}
