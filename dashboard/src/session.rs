use hearth_model::api::session::{SessionState, User};
use leptos::prelude::*;

use crate::client;
use crate::live::Live;
use crate::task;

/// Who is here.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    state: RwSignal<Option<SessionState>>,
    failed: RwSignal<Option<client::Error>>,
    expired: RwSignal<bool>,
    live: Live,
}

impl Session {
    /// Asks the box.
    pub(crate) fn start(live: Live) -> Self {
        let session = Self {
            state: RwSignal::new(None),
            failed: RwSignal::new(None),
            expired: RwSignal::new(false),
            live,
        };
        client::on_signed_out(move || {
            if matches!(session.state.get_untracked(), Some(SessionState::SignedIn { .. })) {
                session.expired.set(true);
                session.put(SessionState::SignedOut);
            }
        });
        session.ask();
        session
    }

    /// Asks the box again.
    pub(crate) fn ask(self) {
        self.failed.set(None);
        task::spawn(async move {
            match client::session().await {
                Ok(state) => self.put(state),
                Err(error) => self.failed.set(Some(error)),
            }
        });
    }

    /// Signs out.
    pub(crate) fn end(self) {
        task::spawn(async move {
            // Whatever the box says, the visitor asked to be out.
            let _ = client::sign_out().await;
            self.put(SessionState::SignedOut);
        });
    }

    fn put(self, state: SessionState) {
        let is_in = matches!(state, SessionState::SignedIn { .. });
        let was_in = matches!(self.state.get_untracked(), Some(SessionState::SignedIn { .. }));
        if is_in && !was_in {
            self.expired.set(false);
            self.live.open();
        }
        self.state.set(Some(state));
        if was_in && !is_in {
            self.live.close();
        }
    }

    /// Where the visitor stands, once known; the caller hears of changes.
    pub(crate) fn state(self) -> Option<SessionState> {
        self.state.get()
    }

    /// Why the box could not be asked; the caller hears of changes.
    pub(crate) fn failure(self) -> Option<client::Error> {
        self.failed.get()
    }

    /// Whether the box ended the session, and not the visitor; the caller hears of changes.
    pub(crate) fn is_expired(self) -> bool {
        self.expired.get()
    }

    /// The account that is signed in.
    pub(crate) fn user(self) -> Option<User> {
        match self.state.get() {
            Some(SessionState::SignedIn { user, key: _, device: _ }) => Some(user),
            Some(SessionState::NeedsSetup | SessionState::SignedOut) | None => None,
        }
    }
}

/// Returns who is here.
pub(crate) fn use_session() -> Session {
    expect_context()
}
