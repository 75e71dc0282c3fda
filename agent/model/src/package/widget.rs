use serde::{Deserialize, Serialize};

/// A small view of an app's state, which a service of the app answers with in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Widget {
    /// Its name within the package.
    pub id: String,
    /// What it looks like.
    #[serde(rename = "type")]
    pub kind: WidgetKind,
    /// How often what it shows is worth asking for again, in seconds.
    pub refresh_secs: u32,
    /// The service that answers.
    pub service: String,
    /// Its port in the container, with HTTP.
    pub port: u16,
    /// The path to ask for.
    pub path: String,
    /// Where it leads on the app's page; empty for the page itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// What it may look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<WidgetContent>,
}

/// What a widget looks like, by the names that umbrelOS has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum WidgetKind {
    /// A line and buttons below it.
    TextWithButtons,
    /// A line and a bar below it.
    TextWithProgress,
    /// Two numbers, each with a gauge.
    #[serde(alias = "two-stats-with-guage")]
    TwoStatsWithGauge,
    /// Three numbers.
    ThreeStats,
    /// Four numbers.
    FourStats,
    /// Lines.
    List,
    /// Lines, each with an emoji.
    ListEmoji,
}

/// What a widget shows; which of it is filled depends on its kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct WidgetContent {
    /// What it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The main thing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Less important than `text`, its unit for example.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subtext: String,
    /// What stands beside the bar.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub progress_label: String,
    /// How far the bar is filled, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<u8>,
    /// Numbers or lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<WidgetItem>,
    /// Buttons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<WidgetButton>,
}

/// A number or a line of a widget.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct WidgetItem {
    /// What it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The main thing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Less important than `text`, its unit for example.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subtext: String,
    /// An emoji in front.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub emoji: String,
}

/// A button of a widget.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct WidgetButton {
    /// What it says.
    pub text: String,
    /// Where it leads on the app's page.
    pub link: String,
}
