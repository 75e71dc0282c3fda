use leptos::prelude::*;

use crate::browser;

/// Where the choice is kept; `theme.js` reads it before the first paint.
const KEY: &str = "hearth.theme";

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// As the system has it.
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Choice {
    /// Every choice, in the order in which they are offered.
    pub(crate) const ALL: [Choice; 3] = [Choice::Auto, Choice::Light, Choice::Dark];

    fn name(self) -> Option<&'static str> {
        match self {
            Choice::Auto => None,
            Choice::Light => Some("light"),
            Choice::Dark => Some("dark"),
        }
    }

    fn parse(name: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|choice| choice.name() == name).unwrap_or(Choice::Auto)
    }
}

/// The theme of this browser.
#[derive(Clone, Copy)]
pub(crate) struct Theme {
    choice: RwSignal<Choice>,
}

impl Theme {
    /// Reads what was chosen before.
    pub(crate) fn start() -> Self {
        Self { choice: RwSignal::new(Choice::parse(browser::stored(KEY).as_deref())) }
    }

    /// Returns the choice; the caller hears of changes.
    pub(crate) fn choice(self) -> Choice {
        self.choice.get()
    }

    /// Chooses.
    pub(crate) fn choose(self, choice: Choice) {
        browser::store(KEY, choice.name());
        if let Some(root) = document().document_element() {
            let _ = match choice.name() {
                Some(name) => root.set_attribute("data-theme", name),
                None => root.remove_attribute("data-theme"),
            };
        }
        self.choice.set(choice);
    }
}

/// Returns the theme.
pub(crate) fn use_theme() -> Theme {
    expect_context()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        for choice in Choice::ALL {
            assert_eq!(Choice::parse(choice.name()), choice);
        }
        assert_eq!(Choice::parse(Some("blue")), Choice::Auto);
    }
}
