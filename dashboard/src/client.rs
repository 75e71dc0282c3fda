use hearth_model::api::apps::{
    AppSettings, Changed, ConfigureApp, DataChoice, InstallApp, InstallCheck, UpdateApp,
};
use hearth_model::api::os::{CheckOs, GoBackRequest, OsSettings, OsStatus};
use hearth_model::api::session::{ChangePassword, Credentials, SessionState, SetUp};
use hearth_model::api::store::{AddStore, PackageDetail, PackageSummary, StoreSummary};
use hearth_model::api::system::SystemInfo;
use hearth_model::desired::{GenerationInfo, Settings};
use hearth_model::{AppId, AppStatus, Generation, StoreId};
use serde::Deserialize;

use self::http::Method::{Delete, Get, Patch, Post, Put};
use self::http::{order, order_body, order_file, send, send_body};
use crate::browser;
use crate::route::encode;

/// Requests and their errors.
mod http;

pub(crate) use self::http::{Error, on_signed_out, open_stream};

type Answer<T> = Result<T, Error>;

/// Where it is kept that this browser was signed in before.
const DEVICE: &str = "hearth-device";

/// Where the visitor stands.
pub(crate) async fn session() -> Answer<SessionState> {
    send(Get, "session").await
}

/// Makes the box's owner and signs in; refused when there is one.
pub(crate) async fn set_up(owner: &SetUp) -> Answer<()> {
    let state: SessionState = send_body(Post, "setup", owner).await?;
    keep_key(state);
    Ok(())
}

/// Signs in.
pub(crate) async fn sign_in(username: String, password: String) -> Answer<()> {
    let credentials = Credentials { username, password, device: browser::stored(DEVICE) };
    let state: SessionState = send_body(Post, "session", &credentials).await?;
    keep_key(state);
    Ok(())
}

/// Keeps what the sign-in told: the storage of this very port is the one place that pages of apps cannot read.
fn keep_key(state: SessionState) {
    if let SessionState::SignedIn { user: _, key, device } = state {
        http::keep_key(key);
        // It outlives the session: the next sign-in shows it.
        if let Some(device) = device {
            browser::store(DEVICE, Some(&device));
        }
    }
}

/// Signs out.
pub(crate) async fn sign_out() -> Answer<()> {
    let answer = order(Delete, "session").await;
    http::keep_key(None);
    answer
}

/// Changes the password and signs out every other session.
pub(crate) async fn change_password(change: &ChangePassword) -> Answer<()> {
    order_body(Put, "session/password", change).await
}

/// Every installed app.
pub(crate) async fn apps() -> Answer<Vec<AppStatus>> {
    send(Get, "apps").await
}

/// Installs an app.
pub(crate) async fn install(app: &InstallApp) -> Answer<Changed> {
    send_body(Post, "apps", app).await
}

/// Looks what an install would meet, and changes nothing.
pub(crate) async fn check(app: &InstallApp) -> Answer<InstallCheck> {
    send_body(Post, "apps/check", app).await
}

/// Changes answers, ports or consent of an installed app.
pub(crate) async fn configure(app: &AppId, change: &ConfigureApp) -> Answer<Changed> {
    send_body(Patch, &format!("apps/{app}"), change).await
}

/// Takes an app away.
pub(crate) async fn uninstall(app: &AppId, data: DataChoice) -> Answer<Changed> {
    let data = match data {
        DataChoice::Keep => "keep",
        DataChoice::Delete => "delete",
    };
    send(Delete, &format!("apps/{app}?data={data}")).await
}

/// The form of an installed app with its answers.
pub(crate) async fn app_settings(app: &AppId) -> Answer<AppSettings> {
    send(Get, &format!("apps/{app}/settings")).await
}

/// What can be asked of an installed app without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Run it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it and run it again.
    Restart,
    /// Take its last update back, with its data.
    GoBack,
    /// Try again now what failed.
    Retry,
    /// Begin with an empty folder where the app's own is missing.
    StartFresh,
}

/// Asks something of an installed app.
pub(crate) async fn tell(app: &AppId, verb: Verb) -> Answer<Changed> {
    let verb = match verb {
        Verb::Start => "start",
        Verb::Stop => "stop",
        Verb::Restart => "restart",
        Verb::GoBack => "go-back",
        Verb::Retry => "retry",
        Verb::StartFresh => "start-fresh",
    };
    send(Post, &format!("apps/{app}/{verb}")).await
}

/// Brings an app to the version that its store has.
pub(crate) async fn update(app: &AppId, update: &UpdateApp) -> Answer<Changed> {
    send_body(Post, &format!("apps/{app}/update"), update).await
}

/// Path of the stream of an app's log below the API; each event's data is a
/// [`LogLine`](hearth_model::api::apps::LogLine).
pub(crate) fn log_stream(app: &AppId, service: Option<&str>, tail: usize) -> String {
    let service = service.map(|service| format!("&service={}", encode(service))).unwrap_or_default();
    format!("apps/{app}/logs?follow=true&tail={tail}{service}")
}

/// Path of the stream of [`Event`](hearth_model::event::Event)s.
pub(crate) const EVENT_STREAM: &str = "events";

/// Every package of every store.
pub(crate) async fn packages() -> Answer<Vec<PackageSummary>> {
    send(Get, "store/packages").await
}

/// One package.
pub(crate) async fn package(store: &str, package: &str) -> Answer<PackageDetail> {
    send(Get, &format!("store/packages/{}/{}", encode(store), encode(package))).await
}

/// Every source of packages.
pub(crate) async fn stores() -> Answer<Vec<StoreSummary>> {
    send(Get, "stores").await
}

/// Adds a source of packages.
pub(crate) async fn add_store(store: &AddStore) -> Answer<()> {
    order_body(Post, "stores", store).await
}

/// Takes a source of packages away; apps that came from it stay.
pub(crate) async fn remove_store(store: &StoreId) -> Answer<()> {
    order(Delete, &format!("stores/{store}")).await
}

/// Reads a source of packages again.
pub(crate) async fn refresh_store(store: &StoreId) -> Answer<()> {
    order(Post, &format!("stores/{store}/refresh")).await
}

/// Every change of what the owner wants.
pub(crate) async fn generations() -> Answer<Vec<GenerationInfo>> {
    send(Get, "generations").await
}

/// The part of a [`GenerationDetail`](hearth_model::api::generations::GenerationDetail) that is shown; the document that
/// it has besides is for programs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Difference {
    /// When, by whom, why.
    pub(crate) info: GenerationInfo,
    /// What is different from the one in force, a sentence each.
    pub(crate) changes_from_current: Vec<String>,
}

/// One change, and what is different from now.
pub(crate) async fn generation(generation: Generation) -> Answer<Difference> {
    send(Get, &format!("generations/{generation}")).await
}

/// Wants again what was wanted then.
pub(crate) async fn restore(generation: Generation) -> Answer<Changed> {
    send(Post, &format!("generations/{generation}/restore")).await
}

/// The box.
pub(crate) async fn system() -> Answer<SystemInfo> {
    send(Get, "system").await
}

/// The operating system.
pub(crate) async fn os() -> Answer<OsStatus> {
    send(Get, "os").await
}

/// What can be asked of the operating system without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OsVerb {
    /// Ask whether there is a newer release.
    Check,
    /// Install the one that there is.
    Update,
    /// Give that up.
    Cancel,
    /// Restart into what is installed.
    Reboot,
}

/// Asks something of the operating system.
pub(crate) async fn tell_os(verb: OsVerb) -> Answer<()> {
    let verb = match verb {
        OsVerb::Check => "check",
        OsVerb::Update => "update",
        OsVerb::Cancel => "cancel",
        OsVerb::Reboot => "reboot",
    };
    order(Post, &format!("os/{verb}")).await
}

/// Asks a folder on the box, such as that of a USB stick, whether it has a newer release.
pub(crate) async fn check_os_folder(folder: &str) -> Answer<()> {
    order_body(Post, "os/check", &CheckOs { from: Some(folder.to_owned()) }).await
}

/// Gives the box a release as a file.
pub(crate) async fn upload_os(file: &web_sys::File) -> Answer<()> {
    order_file(Post, "os/upload", file).await
}

/// Restarts the box into another release that it has.
pub(crate) async fn go_back_os(request: &GoBackRequest) -> Answer<()> {
    order_body(Post, "os/back", request).await
}

/// Changes how updates come.
pub(crate) async fn change_os_settings(settings: &OsSettings) -> Answer<()> {
    order_body(Put, "os/settings", settings).await
}

/// Changes the settings of the box.
pub(crate) async fn change_settings(settings: &Settings) -> Answer<()> {
    order_body(Patch, "system/settings", settings).await
}
