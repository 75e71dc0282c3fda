use std::collections::BTreeMap;

use hearth_model::form::{Field, FieldKind};
use leptos::prelude::*;

use crate::components::field::{FieldFrame, described_by, reveal};
use crate::form::{self, Form};
use crate::text::form as text;

/// A package's form. Problems stand beside their fields once these were left.
#[component]
pub(crate) fn SettingsForm(
    form: RwSignal<Form>,
    /// Whether the app is installed: its secrets are known to the box and not told.
    #[prop(optional)]
    installed: bool,
) -> impl IntoView {
    let fields: Vec<Field> = form.with_untracked(|form| form.visible().cloned().collect());
    fields.into_iter().map(|field| settings_field(field, form, installed)).collect_view()
}

fn settings_field(field: Field, form: RwSignal<Form>, installed: bool) -> AnyView {
    let name = StoredValue::new(field.name.clone());
    let id = format!("setting-{}", field.name);
    let error = Signal::derive(move || form.with(|form| name.with_value(|name| form.error(name))));
    let value = move || form.with(|form| name.with_value(|name| form.answer(name).to_owned()));
    let set = move |answer: String| form.update(|form| name.with_value(|name| form.set(name, answer)));
    let touch = move || form.update(|form| name.with_value(|name| form.touch(name)));
    let invalid = move || error.with(Option::is_some).to_string();
    let described = described_by(&id);

    if field.kind == FieldKind::Boolean {
        return view! {
            <label class="check field">
                <input
                    type="checkbox"
                    prop:checked=move || value() == "true"
                    on:change=move |event| set(event_target_checked(&event).to_string())
                />
                <span>{field.label} {field.help.map(|help| view! { <small class="field-help">{help}</small> })}</span>
            </label>
        }
        .into_any();
    }

    let control = match field.kind {
        FieldKind::Choice => {
            let none = (!field.required).then(|| view! { <option value="">{text::NO_CHOICE}</option> });
            let options = field.options.iter().cloned();
            let options = options
                .map(|choice| {
                    let mine = choice.value.clone();
                    view! {
                        <option value=choice.value selected=move || value() == mine>
                            {choice.label}
                        </option>
                    }
                })
                .collect_view();
            view! {
                <select
                    class="input"
                    id=id.clone()
                    aria-describedby=described
                    aria-invalid=invalid
                    on:change=move |event| set(event_target_value(&event))
                >
                    {none}
                    {options}
                </select>
            }
            .into_any()
        }
        FieldKind::Secret => {
            let shown = RwSignal::new(false);
            let placeholder = match (installed, field.generate) {
                (true, _) => text::SECRET_KEPT,
                (false, Some(_)) => text::SECRET_MADE,
                (false, None) => "",
            };
            view! {
                <span class="input-group">
                    <input
                        class="input"
                        id=id.clone()
                        type=move || if shown.get() { "text" } else { "password" }
                        autocomplete="new-password"
                        placeholder=placeholder
                        aria-describedby=described
                        aria-invalid=invalid
                        prop:value=value
                        on:input=move |event| set(event_target_value(&event))
                        on:blur=move |_| touch()
                    />
                    {reveal(shown)}
                </span>
            }
            .into_any()
        }
        FieldKind::Text
        | FieldKind::Number
        | FieldKind::Boolean
        | FieldKind::Email
        | FieldKind::Url
        | FieldKind::Ip
        | FieldKind::Domain
        | FieldKind::Host => view! {
            <input
                class="input"
                id=id.clone()
                type=input_type(field.kind)
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                placeholder=field.default.as_deref().map(|default| default.replace("$$", "$"))
                aria-describedby=described
                aria-invalid=invalid
                prop:value=value
                on:input=move |event| set(event_target_value(&event))
                on:blur=move |_| touch()
            />
        }
        .into_any(),
    };
    let optional = !field.required && field.kind != FieldKind::Choice;
    view! {
        <FieldFrame id label=field.label optional help=field.help.unwrap_or_default() error>
            {control}
        </FieldFrame>
    }
    .into_any()
}

/// The keyboard that a phone should show.
fn input_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Number => "number",
        FieldKind::Email => "email",
        FieldKind::Url => "url",
        FieldKind::Text
        | FieldKind::Secret
        | FieldKind::Boolean
        | FieldKind::Choice
        | FieldKind::Ip
        | FieldKind::Domain
        | FieldKind::Host => "text",
    }
}

/// Host ports as they are typed, each with `port/protocol` as the package has it; in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ports(Vec<(String, String)>);

impl Ports {
    /// Starts with what holds now.
    pub(crate) fn new(ports: impl IntoIterator<Item = (String, u16)>) -> Self {
        Self(ports.into_iter().map(|(key, port)| (key, port.to_string())).collect())
    }

    /// Tells whether the app publishes none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What to send; `None` while one of them is not a port.
    pub(crate) fn read(&self) -> Option<BTreeMap<String, u16>> {
        self.0.iter().map(|(key, text)| Some((key.clone(), form::port(text)?))).collect()
    }

    fn typed(&self, key: &str) -> &str {
        self.0.iter().find(|(known, _)| known == key).map_or("", |(_, text)| text)
    }

    fn set(&mut self, key: &str, port: String) {
        if let Some((_, text)) = self.0.iter_mut().find(|(known, _)| known == key) {
            *text = port;
        }
    }
}

/// The host ports of an app.
#[component]
pub(crate) fn PortsForm(
    ports: RwSignal<Ports>,
    /// What each port is for, by its key.
    labels: BTreeMap<String, String>,
    /// What the box says of a port, by its key.
    #[prop(into)]
    problems: Signal<BTreeMap<String, String>>,
    /// Free ports to offer, by key.
    #[prop(into)]
    free: Signal<BTreeMap<String, u16>>,
) -> impl IntoView {
    let keys: Vec<String> =
        ports.with_untracked(|ports| ports.0.iter().map(|(key, _)| key.clone()).collect());
    let labels = StoredValue::new(labels);
    let row = move |key: String| {
        let label = labels.with_value(|labels| labels.get(&key).cloned()).unwrap_or_else(|| text::port(&key));
        let id = format!("port-{}", key.replace('/', "-"));
        let key = StoredValue::new(key);
        let value = move || ports.with(|ports| key.with_value(|key| ports.typed(key).to_owned()));
        let error = Signal::derive(move || {
            if form::port(&value()).is_none() {
                return Some(text::NOT_A_PORT.to_owned());
            }
            problems.with(|problems| key.with_value(|key| problems.get(key).cloned()))
        });
        let set = move |port: String| ports.update(|ports| key.with_value(|key| ports.set(key, port)));
        let offer = move || {
            let port = error
                .with(Option::is_some)
                .then(|| free.with(|free| key.with_value(|key| free.get(key).copied())));
            port.flatten().map(|port| {
                view! {
                    <button type="button" class="button is-small" on:click=move |_| set(port.to_string())>
                        {text::use_port(port)}
                    </button>
                }
            })
        };
        view! {
            <FieldFrame id=id.clone() label error>
                <span class="port-row">
                    <input
                        class="input"
                        id=id.clone()
                        type="text"
                        inputmode="numeric"
                        autocomplete="off"
                        aria-describedby=described_by(&id)
                        aria-invalid=move || error.with(Option::is_some).to_string()
                        prop:value=value
                        on:input=move |event| set(event_target_value(&event))
                    />
                    {offer}
                </span>
            </FieldFrame>
        }
    };
    keys.into_iter().map(row).collect_view()
}
