/// What an app may do, in plain words, and the owner's consent.
pub(crate) mod access;
/// An app's or a package's picture.
pub(crate) mod app_icon;
/// One answer of several.
pub(crate) mod choice;
/// Other apps that an app talks to.
pub(crate) mod companions;
/// A button that copies.
pub(crate) mod copy;
/// Dialogs, on the browser's own.
pub(crate) mod dialog;
/// Fields of forms.
pub(crate) mod field;
/// Icons.
pub(crate) mod icon;
/// Hearth's own sign.
pub(crate) mod mark;
/// Markdown.
pub(crate) mod markdown;
/// Shares of a whole.
pub(crate) mod meter;
/// Banners, empty pages and errors.
pub(crate) mod notice;
/// How far an app is.
pub(crate) mod progress;
/// A package's form.
pub(crate) mod settings_form;
/// Placeholders that keep the room of what is on its way.
pub(crate) mod skeleton;
/// An app's state as a badge.
pub(crate) mod state_badge;
/// Short messages that go by themselves.
pub(crate) mod toast;
/// Sentences that the box says.
pub(crate) mod words;
