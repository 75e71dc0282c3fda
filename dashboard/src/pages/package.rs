use hearth_model::api::store::PackageDetail;
use hearth_model::package::Manifest;
use leptos::prelude::*;

use crate::client;
use crate::components::access::{access_list, script_list};
use crate::components::app_icon::AppIcon;
use crate::components::icon::Icon;
use crate::components::markdown::markdown;
use crate::components::notice::{Notice, Tone};
use crate::components::skeleton::Skeleton;
use crate::format;
use crate::live::use_live;
use crate::pages::install::InstallDialog;
use crate::remote::Remote;
use crate::route::Route;
use crate::text::package as text;
use crate::text::{architecture, category};

/// One package: what it is, what it may do, what it needs.
#[component]
pub(crate) fn Package(store: String, package: String) -> impl IntoView {
    let live = use_live();
    let detail = Remote::new(move || {
        live.store_changed.track();
        let (store, package) = (store.clone(), package.clone());
        async move { client::package(&store, &package).await }
    });
    view! {
        <a class="back" href=Route::Store.to_string()>
            {Icon::Back.draw()}
            {text::BACK}
        </a>
        {detail
            .show(
                || {
                    view! {
                        <div class="hero" aria-busy="true">
                            <Skeleton class="hero-icon" count=1 />
                            <div class="hero-text">
                                <Skeleton class="line is-title" count=1 />
                                <Skeleton class="line" count=1 />
                            </div>
                        </div>
                        <div class="columns">
                            <Skeleton class="card is-tall" count=2 />
                        </div>
                    }
                        .into_any()
                },
                |detail| page(detail).into_any(),
            )}
    }
}

fn page(detail: PackageDetail) -> impl IntoView {
    let installing = RwSignal::new(false);
    let manifest = detail.manifest.clone();
    let action = match (&detail.installed, &detail.refused) {
        (Some(app), _) => view! {
            <a class="button is-large" href=Route::app(app).to_string()>
                {Icon::Check.draw()}
                {text::SHOW_INSTALLED}
            </a>
        }
        .into_any(),
        (None, Some(_)) => view! {
            <button type="button" class="button is-primary is-large" disabled>
                {text::INSTALL}
            </button>
        }
        .into_any(),
        (None, None) => view! {
            <button type="button" class="button is-primary is-large" on:click=move |_| installing.set(true)>
                {text::INSTALL}
            </button>
        }
        .into_any(),
    };
    let refused = detail.refused.clone();
    let about = facts(&detail);
    let access = access_list(detail.access.clone());
    let scripts = script_list(&detail.scripts);
    let tips = manifest.tips.clone().filter(|tips| !tips.trim().is_empty());
    let notes = manifest.release_notes.clone().filter(|notes| !notes.trim().is_empty());
    view! {
        <header class="hero">
            <span class="hero-icon">
                <AppIcon icon=detail.icon.clone() name=manifest.name.clone() />
            </span>
            <div class="hero-text">
                <h1>{manifest.name.clone()}</h1>
                <p class="lead">{manifest.tagline.clone()}</p>
                <p class="hero-meta">
                    <span class="badge">{category(manifest.category)}</span>
                    <span class="muted">{text::version_by(&manifest.version, manifest.developer.as_deref())}</span>
                </p>
            </div>
            <div class="hero-actions">{action}</div>
        </header>
        {refused
            .map(|why| {
                view! {
                    <Notice tone=Tone::Bad>
                        <p>
                            <strong>{text::REFUSED}</strong>
                        </p>
                        <p>{why}</p>
                    </Notice>
                }
            })}
        <div class="columns">
            <div class="column">
                <section class="card">
                    <h2>{text::ABOUT}</h2>
                    {markdown(if manifest.description.is_empty() { &manifest.tagline } else { &manifest.description })}
                </section>
                {tips
                    .map(|tips| {
                        view! {
                            <section class="card">
                                <h2>{text::TIPS}</h2>
                                {markdown(&tips)}
                            </section>
                        }
                    })}
                {notes
                    .map(|notes| {
                        view! {
                            <section class="card">
                                <h2>{text::whats_new(&manifest.version)}</h2>
                                {markdown(&notes)}
                            </section>
                        }
                    })}
            </div>
            <div class="column is-narrow">
                <section class="card">
                    <h2>{text::ACCESS}</h2>
                    {access}
                    {scripts}
                </section>
                {about}
            </div>
        </div>
        <InstallDialog open=installing detail />
    }
}

fn facts(detail: &PackageDetail) -> impl IntoView + use<> {
    let manifest = &detail.manifest;
    let mut rows: Vec<(&'static str, AnyView)> = vec![
        (text::VERSION, manifest.version.clone().into_any()),
        (text::STORE, detail.store_name.clone().into_any()),
    ];
    if let Some(license) = &manifest.license {
        rows.push((text::LICENSE, license.clone().into_any()));
    }
    if let Some(developer) = &manifest.developer {
        rows.push((text::DEVELOPER, developer.clone().into_any()));
    }
    if let Some(disk) = manifest.requires.disk_mb {
        rows.push((text::DISK, format::megabytes(disk).into_any()));
    }
    if let Some(memory) = manifest.requires.memory_mb {
        rows.push((text::MEMORY, format::megabytes(memory).into_any()));
    }
    if !manifest.architectures.is_empty() {
        let names: Vec<&str> = manifest.architectures.iter().copied().map(architecture).collect();
        rows.push((text::RUNS_ON, names.join(", ").into_any()));
    }
    let ports = ports(detail);
    if !ports.is_empty() {
        rows.push((text::PORTS, ports.join(", ").into_any()));
    }
    if !manifest.widgets.is_empty() {
        let names: Vec<&str> = manifest.widgets.iter().map(|widget| widget.id.as_str()).collect();
        rows.push((text::WIDGETS, names.join(", ").into_any()));
    }
    rows.push((text::SERVICES, detail.services.join(", ").into_any()));
    let rows = rows
        .into_iter()
        .map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> })
        .collect_view();
    let images = detail.images.iter().map(|image| {
        let (name, whole) = (image.familiar(), image.to_string());
        view! { <li><code title=whole>{name}</code></li> }
    });
    view! {
        <section class="card">
            <h2>{text::FACTS}</h2>
            <dl class="facts">{rows}</dl>
            <h3>{text::IMAGES}</h3>
            <ul class="plain-list">{images.collect_view()}</ul>
            {links(manifest)}
        </section>
    }
}

fn ports(detail: &PackageDetail) -> Vec<String> {
    let web = detail.manifest.web.iter().map(|web| text::web_port(web.host_port));
    web.chain(detail.ports.iter().map(|port| format!("{}/{}", port.port, port.protocol.as_str()))).collect()
}

fn links(manifest: &Manifest) -> impl IntoView + use<> {
    let links = [
        (text::WEBSITE, &manifest.website),
        (text::SOURCE, &manifest.source),
        (text::SUPPORT, &manifest.support),
    ];
    let is_web = |address: &&String| address.starts_with("https://") || address.starts_with("http://");
    let links = links.into_iter().filter_map(|(name, address)| {
        let address = address.as_ref().filter(is_web)?.clone();
        Some(view! {
            <a href=address target="_blank" rel="noopener noreferrer">
                {name}
                {Icon::Open.draw()}
            </a>
        })
    });
    view! { <p class="links">{links.collect_view()}</p> }
}
