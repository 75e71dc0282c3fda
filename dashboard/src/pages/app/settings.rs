use std::collections::BTreeMap;

use hearth_model::AppStatus;
use hearth_model::api::apps::{AppSettings, ConfigureApp};
use leptos::prelude::*;

use crate::client;
use crate::components::access::access_list;
use crate::components::notice::FormError;
use crate::components::settings_form::{Ports, PortsForm, SettingsForm};
use crate::components::skeleton::Skeleton;
use crate::components::toast::use_toasts;
use crate::form::Form;
use crate::live::use_live;
use crate::remote::Remote;
use crate::task;
use crate::text::app as text;
use crate::text::form as form_text;

/// Answers to an app's form, its ports and what it may do.
#[component]
pub(super) fn SettingsTab(app: RwSignal<AppStatus>) -> impl IntoView {
    let id = app.with_untracked(|app| app.id.clone());
    let live = use_live();
    let settings = Remote::new(move || {
        live.generation_changed.track();
        let id = id.clone();
        async move { client::app_settings(&id).await }
    });
    settings.show(
        || view! { <Skeleton class="card is-tall" count=1 /> }.into_any(),
        |settings| view! { <SettingsOf settings /> }.into_any(),
    )
}

#[component]
fn SettingsOf(settings: AppSettings) -> impl IntoView {
    let toasts = use_toasts();
    let AppSettings { id, fields, answers, ports, access } = settings;
    let original = StoredValue::new((Form::of_installed(fields, &answers), Ports::new(ports)));
    let form = RwSignal::new(original.with_value(|(form, _)| form.clone()));
    let ports = RwSignal::new(original.with_value(|(_, ports)| ports.clone()));
    let busy = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    let problems = RwSignal::new(BTreeMap::<String, String>::new());
    let changed = Signal::derive(move || {
        original.with_value(|(old_form, old_ports)| {
            form.with(|form| form.answers() != old_form.answers()) || ports.with(|ports| ports != old_ports)
        })
    });
    Effect::new(move |_| {
        ports.track();
        problems.set(BTreeMap::new());
    });

    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        form.update(Form::touch_all);
        let Some(new_ports) = ports.with(Ports::read) else { return };
        if busy.get() || !form.with(Form::is_valid) {
            return;
        }
        busy.set(true);
        error.set(None);
        let change =
            ConfigureApp { settings: Some(form.with(Form::answers)), ports: Some(new_ports), granted: None };
        let id = id.clone();
        task::spawn(async move {
            match client::configure(&id, &change).await {
                Ok(_) => toasts.say(text::SETTINGS_SAVED),
                Err(refused) => {
                    let others = form.try_update(|form| form.refuse(refused.fields())).unwrap_or_default();
                    let (at_ports, others): (Vec<_>, Vec<_>) =
                        others.into_iter().partition(|error| error.field.contains('/'));
                    let none_beside = refused.fields().is_empty() || !others.is_empty();
                    let _ = problems
                        .try_set(at_ports.into_iter().map(|error| (error.field, error.problem)).collect());
                    if none_beside {
                        let _ = error.try_set(Some(refused.message()));
                    }
                }
            }
            let _ = busy.try_set(false);
        });
    };
    let has_settings = form.with_untracked(|form| form.visible().next().is_some());
    let has_ports = !ports.with_untracked(Ports::is_empty);
    view! {
        <div class="columns">
            <form class="card form column" on:submit=submit novalidate>
                {has_settings
                    .then(|| {
                        view! {
                            <fieldset class="form-part">
                                <legend>{form_text::SETTINGS}</legend>
                                <SettingsForm form installed=true />
                            </fieldset>
                        }
                    })}
                {has_ports
                    .then(|| {
                        view! {
                            <fieldset class="form-part">
                                <legend>{form_text::PORTS}</legend>
                                <div class="port-grid">
                                    <PortsForm ports labels=BTreeMap::new() problems free=BTreeMap::new() />
                                </div>
                            </fieldset>
                        }
                    })}
                {(!has_settings && !has_ports).then(|| view! { <p class="muted">{text::NO_SETTINGS}</p> })}
                <FormError error />
                {(has_settings || has_ports)
                    .then(|| {
                        view! {
                            <div class="form-foot">
                                <p class="muted">{text::SETTINGS_RESTART}</p>
                                <button
                                    type="submit"
                                    class="button is-primary"
                                    disabled=move || busy.get() || !changed.get()
                                >
                                    {move || if busy.get() { text::SAVING } else { text::SAVE }}
                                </button>
                            </div>
                        }
                    })}
            </form>
            <section class="card column is-narrow">
                <h2>{text::ACCESS}</h2>
                {access_list(access)}
            </section>
        </div>
    }
}
