use hearth_model::api::apps::AccessRequest;
use hearth_model::package::AccessKind;
use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::components::words::words;
use crate::text::access as text;

fn icon(kind: AccessKind) -> Icon {
    match kind {
        AccessKind::Privileged | AccessKind::Unconfined | AccessKind::Capabilities => Icon::Shield,
        AccessKind::DockerSocket | AccessKind::HostNamespace => Icon::Engine,
        AccessKind::HostNetwork => Icon::Network,
        AccessKind::HostPaths => Icon::Folder,
        AccessKind::Devices => Icon::Device,
    }
}

/// Which scripts of a package run on the box; nothing where there are none.
pub(crate) fn script_list(scripts: &[String]) -> Option<impl IntoView + use<>> {
    let entry = (!scripts.is_empty()).then(|| entry(Icon::Engine, false, &text::scripts(scripts), None));
    entry.map(|entry| view! { <ul class="access">{entry}</ul> })
}

/// What an app may do beyond its own folder and network.
pub(crate) fn access_list(requests: Vec<AccessRequest>) -> AnyView {
    if requests.is_empty() {
        return view! {
            <p class="access-none">
                {Icon::Shield.draw()}
                {text::NONE}
            </p>
        }
        .into_any();
    }
    let items = requests.into_iter().map(item).collect_view();
    view! { <ul class="access">{items}</ul> }.into_any()
}

fn item(request: AccessRequest) -> impl IntoView {
    entry(icon(request.access.kind), request.grave, &request.means, request.reason)
}

fn entry(icon: Icon, grave: bool, means: &str, reason: Option<String>) -> impl IntoView + use<> {
    let means = words(means);
    view! {
        <li class:is-grave=grave>
            <span class="access-icon">{icon.draw()}</span>
            <div>
                <p>{means}</p>
                {reason.map(|reason| view! { <p class="muted">{text::why(&reason)}</p> })}
            </div>
        </li>
    }
}

/// The list, and a box to tick before the app gets it.
#[expect(clippy::needless_pass_by_value, reason = "a component owns what it is given")]
#[component]
pub(crate) fn Consent(
    requests: Vec<AccessRequest>,
    /// Whether the owner agrees.
    granted: RwSignal<bool>,
    /// The app's name.
    #[prop(into)]
    name: String,
) -> impl IntoView {
    let any_grave = requests.iter().any(|request| request.grave);
    view! {
        <div class="consent" class:is-grave=any_grave>
            {access_list(requests)}
            <label class="check">
                <input
                    type="checkbox"
                    prop:checked=move || granted.get()
                    on:change=move |event| granted.set(event_target_checked(&event))
                />
                <span>{text::agree(&name)}</span>
            </label>
        </div>
    }
}
