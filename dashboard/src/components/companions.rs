use std::collections::BTreeMap;

use hearth_model::AppId;
use hearth_model::api::apps::{Companion, CompanionOption, InstallCheck};
use leptos::prelude::*;

use crate::components::field::FieldFrame;
use crate::components::notice::{Notice, Tone};
use crate::route::Route;
use crate::text::install as text;

/// The other apps that an app talks to: which takes whose place, and what must be installed first.
#[component]
pub(crate) fn Companions(
    check: RwSignal<Option<InstallCheck>>,
    uses: RwSignal<BTreeMap<AppId, AppId>>,
) -> impl IntoView {
    let all =
        move || check.with(|check| check.as_ref().map(|check| check.companions.clone()).unwrap_or_default());
    // Without what is chosen, so that a choice does not draw the list anew under the hand that made it.
    let listed = Memo::new(move |_| {
        all().into_iter().map(|companion| Companion { chosen: None, ..companion }).collect::<Vec<_>>()
    });
    let chosen = move |package: &AppId| {
        uses.with(|uses| uses.get(package).cloned())
            .or_else(|| all().into_iter().find(|one| one.package == *package).and_then(|one| one.chosen))
    };
    move || {
        let listed = listed.get();
        (!listed.is_empty()).then(|| {
            let each = listed.into_iter().map(|Companion { package, options, chosen: _ }| {
                let is_installed = options.iter().any(|option| option.store.is_none());
                match (is_installed, options.as_slice()) {
                    (false, _) => missing(&package, options),
                    (true, [only]) => view! { <p class="companion">{text::uses(&only.name)}</p> }.into_any(),
                    (true, _) => {
                        let now = Signal::derive({
                            let package = package.clone();
                            move || chosen(&package)
                        });
                        choice(package, options, now, uses)
                    }
                }
            });
            view! {
                <fieldset class="form-part">
                    <legend>{text::COMPANIONS}</legend>
                    {each.collect_view()}
                </fieldset>
            }
        })
    }
}

/// Installed apps of which one is chosen.
fn choice(
    package: AppId,
    options: Vec<CompanionOption>,
    chosen: Signal<Option<AppId>>,
    uses: RwSignal<BTreeMap<AppId, AppId>>,
) -> AnyView {
    let id = format!("use-{package}");
    let label = text::use_for(package.as_str());
    let drawn = options.into_iter().map(|CompanionOption { app, name, store: _ }| {
        let value = app.to_string();
        view! {
            <option value=value selected=move || chosen.with(|chosen| chosen.as_ref() == Some(&app))>
                {name}
            </option>
        }
    });
    let nothing = move || {
        chosen.with(Option::is_none).then(|| view! { <option value="" selected=true>{text::CHOOSE}</option> })
    };
    let set = move |value: String| {
        if let Ok(app) = value.parse::<AppId>() {
            uses.update(|uses| _ = uses.insert(package.clone(), app));
        }
    };
    let drawn = drawn.collect_view();
    view! {
        <FieldFrame id=id.clone() label error=Signal::stored(None::<String>)>
            <select class="input" id=id on:change=move |event| set(event_target_value(&event))>
                {nothing}
                {drawn}
            </select>
        </FieldFrame>
    }
    .into_any()
}

/// What must be installed first, each with the way to it.
fn missing(package: &AppId, options: Vec<CompanionOption>) -> AnyView {
    if options.is_empty() {
        let words = text::nowhere(package.as_str());
        return view! { <Notice tone=Tone::Bad><p>{words}</p></Notice> }.into_any();
    }
    let words = text::first(package.as_str(), options.len());
    let links = options.into_iter().filter_map(|CompanionOption { app, name, store }| {
        let to = Route::package(&store?, app.as_str()).to_string();
        Some(view! { <li><a href=to>{name}</a></li> })
    });
    view! {
        <Notice tone=Tone::Bad>
            <p>{words}</p>
            <ul class="companion-links">{links.collect_view()}</ul>
        </Notice>
    }
    .into_any()
}
