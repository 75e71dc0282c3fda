use std::fmt;

/// A page, as its address says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Installed apps.
    Home,
    /// What can be installed; search and category stand in the page's own state.
    Store,
    /// One package.
    Package {
        /// The store's id.
        store: String,
        /// The package's id in it.
        package: String,
    },
    /// One installed app.
    App {
        /// The app's id.
        id: String,
        /// Which part of its page.
        tab: AppTab,
    },
    /// On the way back to an app, whose door sent the visitor here for the sign-in.
    Open {
        /// The app's id.
        id: String,
        /// Path and query there; begins with a slash.
        path: String,
    },
    /// Every change of what the owner wants.
    History,
    /// Settings of the box, the account and the stores.
    Settings,
    /// The operating system and its updates.
    System,
    /// An address that leads nowhere.
    NotFound,
}

/// A part of an app's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppTab {
    /// State, services, ports.
    Overview,
    /// What it writes.
    Logs,
    /// Answers to its form.
    Settings,
}

impl Route {
    /// Reads the path of an address; query and fragment do not belong to it.
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [] => Route::Home,
            ["store"] => Route::Store,
            ["store", store, package] => {
                Route::Package { store: (*store).to_owned(), package: (*package).to_owned() }
            }
            ["apps", id] => Route::App { id: (*id).to_owned(), tab: AppTab::Overview },
            ["apps", id, "logs"] => Route::App { id: (*id).to_owned(), tab: AppTab::Logs },
            ["apps", id, "settings"] => Route::App { id: (*id).to_owned(), tab: AppTab::Settings },
            ["open", id, path] if path.starts_with('/') => {
                Route::Open { id: (*id).to_owned(), path: (*path).to_owned() }
            }
            ["history"] => Route::History,
            ["settings"] => Route::Settings,
            ["settings", "system"] => Route::System,
            _ => Route::NotFound,
        }
    }

    /// Returns the page of an installed app.
    pub(crate) fn app(id: &impl fmt::Display) -> Self {
        Route::App { id: id.to_string(), tab: AppTab::Overview }
    }

    /// Returns the page of a package.
    pub(crate) fn package(store: &impl fmt::Display, package: &str) -> Self {
        Route::Package { store: store.to_string(), package: package.to_owned() }
    }
}

/// Writes the path that [`Route::parse`] reads.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Home => f.write_str("/"),
            Route::Store => f.write_str("/store"),
            Route::Package { store, package } => write!(f, "/store/{}/{}", encode(store), encode(package)),
            Route::App { id, tab } => {
                write!(f, "/apps/{}", encode(id))?;
                f.write_str(match tab {
                    AppTab::Overview => "",
                    AppTab::Logs => "/logs",
                    AppTab::Settings => "/settings",
                })
            }
            Route::Open { id, path } => write!(f, "/open/{}/{}", encode(id), encode(path)),
            Route::History => f.write_str("/history"),
            Route::Settings => f.write_str("/settings"),
            Route::System => f.write_str("/settings/system"),
            Route::NotFound => f.write_str("/not-found"),
        }
    }
}

/// Percent-encodes everything but the unreserved characters of
/// [RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Decodes percent-encoding; what is not such an encoding, or not UTF-8, stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_again_by_its_address() {
        let app = |tab| Route::App { id: "home-assistant".into(), tab };
        for route in [
            Route::Home,
            Route::Store,
            Route::package(&"official", "wordpress"),
            Route::package(&"a b", "x/ü%"),
            app(AppTab::Overview),
            app(AppTab::Logs),
            app(AppTab::Settings),
            Route::Open { id: "wiki".into(), path: "/a b//c?d=/e%2F&f".into() },
            Route::History,
            Route::Settings,
            Route::System,
        ] {
            assert_eq!(Route::parse(&route.to_string()), route, "{route}");
        }
    }

    #[test]
    fn other_addresses_lead_nowhere() {
        for path in ["/x", "/apps", "/apps/a/b", "/store/a", "/store/a/b/c", "/settings/x", "/open/a/b"] {
            assert_eq!(Route::parse(path), Route::NotFound, "{path}");
        }
    }

    #[test]
    fn slashes_too_many_do_not_matter() {
        assert_eq!(Route::parse("//store/"), Route::Store);
        assert_eq!(Route::parse(""), Route::Home);
    }

    #[test]
    fn broken_encoding_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz"), "%zz");
        assert_eq!(decode("%ff"), "%ff");
    }
}
