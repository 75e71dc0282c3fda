use serde::{Deserialize, Serialize};

/// What a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[expect(missing_docs, reason = "each name says it")]
pub enum Category {
    Files,
    Photos,
    Media,
    Documents,
    Notes,
    Passwords,
    Home,
    Network,
    Communication,
    Developer,
    Monitoring,
    Rss,
    Productivity,
    Finance,
    Games,
    Ai,
    Other,
}

impl Category {
    /// Every category, in the order in which the store shows them.
    pub const ALL: [Category; 17] = [
        Category::Files,
        Category::Photos,
        Category::Media,
        Category::Documents,
        Category::Notes,
        Category::Passwords,
        Category::Home,
        Category::Network,
        Category::Communication,
        Category::Developer,
        Category::Monitoring,
        Category::Rss,
        Category::Productivity,
        Category::Finance,
        Category::Games,
        Category::Ai,
        Category::Other,
    ];
}
