use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearth_model::AppId;
use hearth_model::api::apps::{AccessRequest, Finding, InstallApp, InstallCheck};
use hearth_model::api::store::PackageDetail;
use hearth_model::condition::ReasonCode;
use hearth_model::package::Access;
use leptos::prelude::*;

use crate::client;
use crate::components::access::Consent;
use crate::components::companions::Companions;
use crate::components::dialog::Dialog;
use crate::components::markdown::markdown;
use crate::components::notice::{FormError, Notice, Tone};
use crate::components::settings_form::{Ports, PortsForm, SettingsForm};
use crate::components::skeleton::Skeleton;
use crate::components::words::words;
use crate::form::Form;
use crate::format;
use crate::route::Route;
use crate::router::use_router;
use crate::task::{self, Lifetime};
use crate::text::install as text;

/// How long the form must be still before the box is asked what it thinks.
const CHECK_AFTER: Duration = Duration::from_millis(350);

/// The dialog that installs a package: what it asks, what it may do, what stands in the way.
#[component]
pub(crate) fn InstallDialog(open: RwSignal<bool>, detail: PackageDetail) -> impl IntoView {
    let title = text::title(&detail.manifest.name);
    let detail = StoredValue::new(detail);
    view! {
        <Dialog open title wide=true>
            {move || detail.with_value(|detail| view! { <InstallForm open detail=detail.clone() /> })}
        </Dialog>
    }
}

#[component]
fn InstallForm(open: RwSignal<bool>, detail: PackageDetail) -> impl IntoView {
    let router = use_router();
    let name = detail.manifest.name.clone();
    let app: AppId = detail.manifest.id.clone();
    let form = RwSignal::new(Form::new(detail.manifest.settings.clone()));
    let (proposed, labels) = ports_of(&detail);
    let ports = RwSignal::new(Ports::new(proposed.clone()));
    let uses = RwSignal::new(BTreeMap::<AppId, AppId>::new());
    let granted = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    // Apart from what the check says, which comes again and again and would wipe out why the install was refused.
    let check_error = RwSignal::new(None::<String>);
    let check = RwSignal::new(None::<InstallCheck>);
    // The package's own until the box has answered: what it shares with other apps depends on which are there.
    let offered = detail.access.clone();
    let requests = Memo::new(move |_| {
        check.with(|check| check.as_ref().map_or_else(|| offered.clone(), |check| check.access.clone()))
    });
    // Who ticked the box agreed to what stood there.
    Effect::new(move |before: Option<()>| {
        requests.track();
        if before.is_some() {
            granted.set(false);
        }
    });
    let (store, package) = (detail.store.clone(), detail.manifest.id.to_string());

    let request = StoredValue::new(move |granted: bool| {
        let ports = ports.with(Ports::read)?;
        let is_proposed =
            |key: &str, port: u16| proposed.iter().any(|(known, proposed)| known == key && *proposed == port);
        let changed = ports.into_iter().filter(|(key, port)| !is_proposed(key, *port)).collect();
        Some(InstallApp {
            store: store.clone(),
            package: package.clone(),
            settings: form.with(Form::answers),
            ports: changed,
            granted: if granted {
                requests.with_untracked(|requests| accesses(requests))
            } else {
                BTreeSet::new()
            },
            uses: uses.get(),
        })
    });

    // The box is asked once the form has been still for a moment. The effect's lifetime ends when it runs again, and the
    // question and the answer of the run before end with it. Consent is taken as given: that it is missing is said by the
    // box to tick, not by a finding.
    Effect::new(move |before: Option<()>| {
        let lifetime = Lifetime::current();
        let Some(request) = request.with_value(|request| request(true)) else { return };
        let ask = move || {
            lifetime.spawn(async move {
                match client::check(&request).await {
                    Ok(answer) => {
                        let _ = check.try_set(Some(answer));
                        let _ = check_error.try_set(None);
                    }
                    Err(refused) => {
                        let others =
                            form.try_update(|form| form.refuse(refused.fields())).unwrap_or_default();
                        if !others.is_empty() || refused.fields().is_empty() {
                            let _ = check_error.try_set(Some(refused.message()));
                        }
                    }
                }
            });
        };
        lifetime.after(if before.is_none() { Duration::ZERO } else { CHECK_AFTER }, ask);
    });

    let port_problems = Signal::derive(move || {
        check.with(|check| {
            let blockers = check.iter().flat_map(|check| &check.blockers);
            let at_ports =
                blockers.filter_map(|finding| Some((port_key(finding)?.to_owned(), finding.message.clone())));
            at_ports.collect::<BTreeMap<String, String>>()
        })
    });
    let free = Signal::derive(move || {
        check.with(|check| check.as_ref().map(|check| check.free_ports.clone()).unwrap_or_default())
    });
    let blocked = Signal::derive(move || {
        check.with(|check| check.as_ref().is_some_and(|check| !check.blockers.is_empty()))
    });

    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        form.update(Form::touch_all);
        let ready = form.with(Form::is_valid) && (granted.get() || requests.with(Vec::is_empty));
        let Some(request) = request.with_value(|request| request(granted.get())) else { return };
        if busy.get() || !ready || blocked.get() {
            return;
        }
        busy.set(true);
        error.set(None);
        let app = app.clone();
        task::spawn(async move {
            match client::install(&request).await {
                Ok(_) => {
                    open.set(false);
                    router.go(&Route::app(&app));
                }
                Err(refused) => {
                    let others = form.try_update(|form| form.refuse(refused.fields())).unwrap_or_default();
                    if !others.is_empty() || refused.fields().is_empty() {
                        let _ = error.try_set(Some(refused.message()));
                    }
                }
            }
            let _ = busy.try_set(false);
        });
    };

    let has_settings = form.with_untracked(|form| form.visible().next().is_some());
    let has_ports = !ports.with_untracked(Ports::is_empty);
    let tips = detail.manifest.tips.clone().filter(|tips| !tips.trim().is_empty());
    let size = detail.manifest.requires.disk_mb.map(format::megabytes);
    view! {
        <form class="form install" on:submit=submit novalidate>
            <div class="dialog-scroll">
                {tips.map(|tips| view! { <Notice tone=Tone::Info>{markdown(&tips)}</Notice> })}
                <Companions check uses />
                {has_settings
                    .then(|| {
                        view! {
                            <fieldset class="form-part">
                                <legend>{text::SETTINGS}</legend>
                                <SettingsForm form />
                            </fieldset>
                        }
                    })}
                {has_ports
                    .then(|| {
                        view! {
                            <fieldset class="form-part">
                                <legend>{text::PORTS}</legend>
                                <div class="port-grid">
                                    <PortsForm ports labels problems=port_problems free />
                                </div>
                            </fieldset>
                        }
                    })}
                {move || {
                    let requests = requests.get();
                    (!requests.is_empty())
                        .then(|| {
                            view! {
                                <fieldset class="form-part">
                                    <legend>{text::ACCESS}</legend>
                                    <Consent requests granted name=name.clone() />
                                </fieldset>
                            }
                        })
                }}
                <div class="findings" aria-live="polite">
                    {move || match check.get() {
                        Some(check) => {
                            // Nobody believes that everything fits beside an error.
                            let says_fine = error.with(Option::is_none) && check_error.with(Option::is_none);
                            findings(check, size.as_deref(), says_fine).into_any()
                        }
                        None if check_error.with(Option::is_some) => ().into_any(),
                        None => view! { <Skeleton class="notice" count=1 /> }.into_any(),
                    }}
                </div>
                <FormError error=check_error />
                <FormError error />
            </div>
            <footer class="dialog-foot">
                <button type="button" class="button" on:click=move |_| open.set(false)>
                    {text::CANCEL}
                </button>
                <button
                    type="submit"
                    class="button is-primary"
                    disabled=move || busy.get() || blocked.get() || (!requests.with(Vec::is_empty) && !granted.get())
                >
                    {move || if busy.get() { text::INSTALLING } else { text::INSTALL }}
                </button>
            </footer>
        </form>
    }
}

fn accesses(requests: &[AccessRequest]) -> BTreeSet<Access> {
    requests.iter().map(|request| request.access.clone()).collect()
}

/// What the box found; what is about a port stands beside the port.
fn findings(check: InstallCheck, size: Option<&str>, says_fine: bool) -> impl IntoView + use<> {
    let clear = check.blockers.is_empty();
    // What is about another app stands where that is chosen.
    let has_companions = !check.companions.is_empty();
    let elsewhere = |finding: &Finding| {
        port_key(finding).is_some() || (finding.code == ReasonCode::AppMissing && has_companions)
    };
    let blockers = check.blockers.into_iter().filter(|finding| !elsewhere(finding));
    let blockers = blockers
        .map(|finding| view! { <Notice tone=Tone::Bad>{words(&finding.message)}</Notice> })
        .collect_view();
    let warnings = check.warnings.into_iter();
    let warnings = warnings
        .map(|finding| view! { <Notice tone=Tone::Warn>{words(&finding.message)}</Notice> })
        .collect_view();
    let kept = check.has_kept_data.then(|| view! { <Notice tone=Tone::Info>{text::KEPT_DATA}</Notice> });
    let fine = (says_fine && clear && !check.has_kept_data)
        .then(|| view! { <p class="all-clear">{text::all_clear(size)}</p> });
    view! {
        {blockers}
        {warnings}
        {kept}
        {fine}
    }
}

/// The port that a finding is about, `8080/tcp`, and not a setting.
fn port_key(finding: &Finding) -> Option<&str> {
    let field = finding.field.as_deref()?;
    let (port, _) = field.split_once('/')?;
    port.parse::<u16>().is_ok().then_some(field)
}

/// The package's host ports by key, its page first, and what each is for.
fn ports_of(detail: &PackageDetail) -> (Vec<(String, u16)>, BTreeMap<String, String>) {
    let web = detail.manifest.web.iter().map(|web| (web.host_port, "tcp", text::WEB_PORT.to_owned()));
    let others = detail.ports.iter().map(|port| {
        let protocol = port.protocol.as_str();
        (port.port, protocol, text::port_of(&port.service, protocol))
    });
    let mut ports = Vec::new();
    let mut labels = BTreeMap::new();
    for (port, protocol, label) in web.chain(others) {
        let key = format!("{port}/{protocol}");
        if labels.insert(key.clone(), label).is_none() {
            ports.push((key, port));
        }
    }
    (ports, labels)
}
