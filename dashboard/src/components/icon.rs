use leptos::prelude::*;

/// A line drawing on a grid of 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    Auto,
    Back,
    Check,
    Close,
    Copy,
    Device,
    Disk,
    Engine,
    Eye,
    EyeOff,
    Failed,
    Folder,
    History,
    Home,
    Info,
    Key,
    Memory,
    Moon,
    Network,
    Open,
    Plus,
    Refresh,
    Restart,
    Search,
    Settings,
    Shield,
    SignOut,
    Start,
    Stop,
    Store,
    Sun,
    Trash,
    Undo,
    Unplugged,
    Update,
    Warning,
}

impl Icon {
    const fn lines(self) -> &'static str {
        match self {
            Icon::Auto => {
                r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17Z" fill="currentColor"/>"#
            }
            Icon::Back => r#"<path d="M19 12H5m6-6-6 6 6 6"/>"#,
            Icon::Check => r#"<path d="m5 12.5 4.5 4.5L19 7.5"/>"#,
            Icon::Close => r#"<path d="m6.5 6.5 11 11m0-11-11 11"/>"#,
            Icon::Copy => {
                r#"<rect x="9" y="9" width="11" height="11" rx="2.5"/><path d="M15 9V6.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 6.5 15H9"/>"#
            }
            Icon::Device => r#"<path d="M9 3.5v5m6-5v5M6 8.5h12V12a6 6 0 0 1-12 0Zm6 9.5v3"/>"#,
            Icon::Disk => {
                r#"<ellipse cx="12" cy="6" rx="7.5" ry="2.8"/><path d="M4.5 6v12c0 1.55 3.4 2.8 7.5 2.8s7.5-1.25 7.5-2.8V6M4.5 12c0 1.55 3.4 2.8 7.5 2.8s7.5-1.25 7.5-2.8"/>"#
            }
            Icon::Engine => r#"<path d="m12 3 8 4.5v9L12 21l-8-4.5v-9Zm0 9 8-4.5M12 12v9m0-9L4 7.5"/>"#,
            Icon::Eye => {
                r#"<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="2.8"/>"#
            }
            Icon::EyeOff => {
                r#"<path d="M4.5 8.5C3.2 10.2 2.5 12 2.5 12S6 18.5 12 18.5c1.5 0 2.9-.4 4.1-1M9.5 5.9a8.4 8.4 0 0 1 2.5-.4c6 0 9.5 6.5 9.5 6.5s-.7 1.4-2 3M4 4l16 16"/>"#
            }
            Icon::Failed => r#"<circle cx="12" cy="12" r="8.5"/><path d="m9.2 9.2 5.6 5.6m0-5.6-5.6 5.6"/>"#,
            Icon::Folder => {
                r#"<path d="M3.5 7A2.5 2.5 0 0 1 6 4.5h3l2.5 3H18A2.5 2.5 0 0 1 20.5 10v7a2.5 2.5 0 0 1-2.5 2.5H6A2.5 2.5 0 0 1 3.5 17Z"/>"#
            }
            Icon::History => r#"<path d="M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5M12 8v4.3l3 1.8"/>"#,
            Icon::Home => {
                r#"<path d="M4 11.2 12 4l8 7.2V18a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2Z"/><path d="M9.5 20v-4.5a2.5 2.5 0 0 1 5 0V20"/>"#
            }
            Icon::Info => r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 11.2v5M12 7.8v.1"/>"#,
            Icon::Key => r#"<circle cx="8" cy="15.5" r="4.5"/><path d="m11.3 12.2 8.2-8.2m-4 4 3 3"/>"#,
            Icon::Memory => {
                r#"<rect x="6" y="6" width="12" height="12" rx="2.5"/><path d="M9.5 3v3m5-3v3m-5 12v3m5-3v3M3 9.5h3m-3 5h3m12-5h3m-3 5h3"/>"#
            }
            Icon::Moon => r#"<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z"/>"#,
            Icon::Network => {
                r#"<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c2.5 2.5 3.6 5.3 3.6 8.5s-1.1 6-3.6 8.5c-2.5-2.5-3.6-5.3-3.6-8.5s1.1-6 3.6-8.5Z"/>"#
            }
            Icon::Open => {
                r#"<path d="M13.5 4.5h6v6m0-6-8.5 8.5M10 5.5H7A2.5 2.5 0 0 0 4.5 8v9A2.5 2.5 0 0 0 7 19.5h9a2.5 2.5 0 0 0 2.5-2.5v-3"/>"#
            }
            Icon::Plus => r#"<path d="M12 5v14m-7-7h14"/>"#,
            Icon::Refresh => {
                r#"<path d="M19.5 11A7.6 7.6 0 0 0 6 7L4 9m0-5v5h5M4.5 13A7.6 7.6 0 0 0 18 17l2-2m0 5v-5h-5"/>"#
            }
            Icon::Restart => r#"<path d="M19.8 12a7.8 7.8 0 1 1-2.4-5.6L20 9m0-5v5h-5"/>"#,
            Icon::Search => r#"<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 4.5 4.5"/>"#,
            Icon::Settings => {
                r#"<path d="M4 7.5h8m5 0h3M4 16.5h3m5 0h8"/><circle cx="14.5" cy="7.5" r="2.5"/><circle cx="9.5" cy="16.5" r="2.5"/>"#
            }
            Icon::Shield => r#"<path d="M12 3.5 5 6v5.5c0 4.3 2.9 7.5 7 9 4.1-1.5 7-4.7 7-9V6Z"/>"#,
            Icon::SignOut => {
                r#"<path d="M10 4.5H7A2.5 2.5 0 0 0 4.5 7v10A2.5 2.5 0 0 0 7 19.5h3M15.5 8l4 4-4 4m3.5-4H9.5"/>"#
            }
            Icon::Start => {
                r#"<path d="M8 5.3v13.4a.8.8 0 0 0 1.2.7l10.3-6.7a.8.8 0 0 0 0-1.4L9.2 4.6a.8.8 0 0 0-1.2.7Z"/>"#
            }
            Icon::Stop => r#"<rect x="6" y="6" width="12" height="12" rx="2.5"/>"#,
            Icon::Store => {
                r#"<path d="M5 9.5h14l-.9 9a2 2 0 0 1-2 1.8H7.9a2 2 0 0 1-2-1.8ZM8.5 9.5V8a3.5 3.5 0 0 1 7 0v1.5"/>"#
            }
            Icon::Sun => {
                r#"<circle cx="12" cy="12" r="3.8"/><path d="M12 3v1.7m0 14.6V21M3 12h1.7m14.6 0H21M5.6 5.6l1.2 1.2m10.4 10.4 1.2 1.2m0-12.8-1.2 1.2M6.8 17.2l-1.2 1.2"/>"#
            }
            Icon::Trash => {
                r#"<path d="M4.5 6.5h15M9 6.5V5a1.5 1.5 0 0 1 1.5-1.5h3A1.5 1.5 0 0 1 15 5v1.5m2.7 0-.7 11.6a2 2 0 0 1-2 1.9H9a2 2 0 0 1-2-1.9L6.3 6.5M10 10.5v5.5m4-5.5v5.5"/>"#
            }
            Icon::Undo => r#"<path d="M8.5 5 4 9.5 8.5 14M4.5 9.5H14a5.5 5.5 0 0 1 0 11h-3"/>"#,
            Icon::Unplugged => {
                r#"<path d="M4 4l16 16M5.5 12.5a9 9 0 0 1 3.7-2.3m5.3-.1a9 9 0 0 1 4 2.4M2.5 9a13.5 13.5 0 0 1 4-2.7m4-1A13.5 13.5 0 0 1 21.5 9M8.7 16a4.7 4.7 0 0 1 5-1M12 19.2v.1"/>"#
            }
            Icon::Update => {
                r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 16.2V8m-3.5 3.5L12 8l3.5 3.5"/>"#
            }
            Icon::Warning => {
                r#"<path d="M10.6 4.8 3.3 17.3A1.6 1.6 0 0 0 4.7 19.7h14.6a1.6 1.6 0 0 0 1.4-2.4L13.4 4.8a1.6 1.6 0 0 0-2.8 0ZM12 9.5v4.2m0 2.8v.1"/>"#
            }
        }
    }

    /// Draws it. It says nothing to a screen reader: what it stands for is said beside it.
    pub(crate) fn draw(self) -> AnyView {
        view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" inner_html=self.lines()></svg> }
            .into_any()
    }
}
