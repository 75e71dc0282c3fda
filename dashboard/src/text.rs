//! Every sentence that a person reads, in English. Functions put names and numbers into sentences, so that a language with
//! another order of words can follow.

use hearth_model::AppState;
use hearth_model::package::{Architecture, Category};

use crate::route::{AppTab, Route};

/// Pages of an installed app.
pub(crate) mod app;
/// Uninstall and update.
mod app_dialogs;
/// Words that many pages use.
pub(crate) mod common;
/// Home.
pub(crate) mod home;
/// Settings.
mod settings_page;
/// Everything about packages.
mod store_pages;
/// The operating system.
mod system_page;

pub(crate) use self::app::logs;
pub(crate) use self::app_dialogs::{uninstall, update};
pub(crate) use self::common::{access, error, form, format, not_found, session, shell};
pub(crate) use self::home::history;
pub(crate) use self::settings_page::{settings, stores};
pub(crate) use self::store_pages::{install, package, store};
pub(crate) use self::system_page::system;

/// The title of a page, as the browser's tab shows it.
pub(crate) fn title(route: &Route) -> String {
    let page = match route {
        Route::Home => return "Hearth".to_owned(),
        Route::Store => "Store",
        Route::Package { package, .. } => package,
        Route::App { id, tab: AppTab::Overview } | Route::Open { id, .. } => id,
        Route::App { id, tab: AppTab::Logs } => return format!("Logs of {id} · Hearth"),
        Route::App { id, tab: AppTab::Settings } => return format!("Settings of {id} · Hearth"),
        Route::History => "History",
        Route::Settings => "Settings",
        Route::System => "Operating system",
        Route::NotFound => "Not found",
    };
    format!("{page} · Hearth")
}

/// The state of an app in a word or two.
pub(crate) fn state(state: AppState) -> &'static str {
    match state {
        AppState::Unknown => "Checking…",
        AppState::Installing => "Installing",
        AppState::Starting => "Starting",
        AppState::Running => "Running",
        AppState::Unhealthy => "Unhealthy",
        AppState::Stopping => "Stopping",
        AppState::Stopped => "Stopped",
        AppState::Updating => "Updating",
        AppState::Reverting => "Going back",
        AppState::Removing => "Uninstalling",
        AppState::Failed => "Needs attention",
        AppState::EngineUnreachable => "Docker unreachable",
    }
}

/// The name of a category.
pub(crate) fn category(category: Category) -> &'static str {
    match category {
        Category::Files => "Files",
        Category::Photos => "Photos",
        Category::Media => "Media",
        Category::Documents => "Documents",
        Category::Notes => "Notes",
        Category::Passwords => "Passwords",
        Category::Home => "Smart home",
        Category::Network => "Network",
        Category::Communication => "Communication",
        Category::Developer => "Developer tools",
        Category::Monitoring => "Monitoring",
        Category::Rss => "News and feeds",
        Category::Productivity => "Productivity",
        Category::Finance => "Finance",
        Category::Games => "Games",
        Category::Ai => "AI",
        Category::Other => "Other",
    }
}

/// The name of a processor.
pub(crate) fn architecture(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "x86-64",
        Architecture::Arm64 => "ARM 64-bit",
        Architecture::Arm => "ARM 32-bit",
    }
}
