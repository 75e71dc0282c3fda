use hearth_model::api::store::PackageSummary;
use hearth_model::package::Category;
use leptos::prelude::*;

use crate::client;
use crate::components::app_icon::AppIcon;
use crate::components::icon::Icon;
use crate::components::notice::Empty;
use crate::components::skeleton::Skeleton;
use crate::letters::lower;
use crate::live::use_live;
use crate::remote::Remote;
use crate::route::Route;
use crate::search;
use crate::text::category;
use crate::text::store as text;

/// What the visitor looks for. It outlives the page, so that the way back from a package leads to the same list.
#[derive(Clone, Copy)]
pub(crate) struct Looking {
    words: RwSignal<String>,
    category: RwSignal<Option<Category>>,
}

impl Looking {
    /// Starts with everything.
    pub(crate) fn new() -> Self {
        Self { words: RwSignal::default(), category: RwSignal::new(None) }
    }

    fn reset(self) {
        self.words.set(String::new());
        self.category.set(None);
    }
}

/// What can be installed.
#[component]
pub(crate) fn Store() -> impl IntoView {
    let live = use_live();
    let Looking { words, category: chosen } = expect_context();
    let all = Remote::new(move || {
        live.store_changed.track();
        client::packages()
    });
    view! {
        <header class="page-head is-store">
            <div>
                <h1 class="display">{text::TITLE}</h1>
                <p class="lead">{text::LEAD}</p>
            </div>
            <label class="search">
                {Icon::Search.draw()} <span class="visually-hidden">{text::SEARCH}</span>
                <input
                    type="search"
                    data-search
                    placeholder=text::SEARCH
                    autocomplete="off"
                    spellcheck="false"
                    enterkeyhint="search"
                    prop:value=move || words.get()
                    on:input=move |event| words.set(event_target_value(&event))
                /> <kbd aria-hidden="true">"/"</kbd>
            </label>
        </header>
        {all
            .show(
                || {
                    view! {
                        <div class="chips">
                            <Skeleton class="chip" count=7 />
                        </div>
                        <div class="packages" aria-busy="true">
                            <Skeleton class="package-card" count=12 />
                        </div>
                    }
                        .into_any()
                },
                move |all| view! { <Shelf all words chosen /> }.into_any(),
            )}
    }
}

#[component]
fn Shelf(
    all: Vec<PackageSummary>,
    words: RwSignal<String>,
    chosen: RwSignal<Option<Category>>,
) -> impl IntoView {
    let looking: Looking = expect_context();
    if all.is_empty() {
        return view! {
            <Empty icon=Icon::Store title=text::NO_PACKAGES words=text::NO_PACKAGES_WORDS>
                <a class="button is-primary" href=Route::Settings.to_string()>
                    {text::TO_SETTINGS}
                </a>
            </Empty>
        }
        .into_any();
    }
    let categories = search::categories(&all);
    let shared_names = StoredValue::new(search::shared_names(&all));
    let all = StoredValue::new(all);
    let found = Memo::new(move |_| {
        all.with_value(|all| words.with(|words| search::packages(all, words, chosen.get())))
    });
    let chip = move |which: Option<Category>, name: &'static str| {
        view! {
            <button
                type="button"
                class="chip"
                aria-pressed=move || (chosen.get() == which).to_string()
                on:click=move |_| chosen.set(which)
            >
                {name}
            </button>
        }
    };
    view! {
        <div class="chips" role="group" aria-label=text::CATEGORIES>
            {chip(None, text::ALL)}
            {categories.into_iter().map(|which| chip(Some(which), category(which))).collect_view()}
        </div>
        <p class="visually-hidden" aria-live="polite">
            {move || text::found(found.with(Vec::len))}
        </p>
        <ul class="packages">
            <For each=move || found.get() key=key let:package>
                {
                    let is_shared = shared_names.with_value(|names| names.contains(&lower(&package.name)));
                    card(package, is_shared)
                }
            </For>
        </ul>
        <Show when=move || found.with(Vec::is_empty)>
            <Empty icon=Icon::Search title=text::NOTHING_FOUND words=text::NOTHING_FOUND_WORDS>
                <button type="button" class="button" on:click=move |_| looking.reset()>
                    {text::SHOW_ALL}
                </button>
            </Empty>
        </Show>
    }
    .into_any()
}

/// What a card shows: another version or an install draws it anew.
fn key(package: &PackageSummary) -> String {
    format!("{}/{}/{}/{}", package.store, package.package, package.version, package.installed.is_some())
}

/// A package. Where another has the same name, it says which store this one is from.
fn card(package: PackageSummary, names_store: bool) -> impl IntoView {
    let installed = package.installed.is_some();
    let from = names_store.then(|| text::from_store(package.store.as_str()));
    view! {
        <li>
            <a class="package-card" href=Route::package(&package.store, &package.package).to_string()>
                <AppIcon icon=package.icon name=package.name.clone() />
                <span class="package-text">
                    <span class="package-name">
                        {package.name}
                        {installed
                            .then(|| view! { <span class="badge is-good">{Icon::Check.draw()} {text::INSTALLED}</span> })}
                    </span>
                    <span class="package-tagline">{package.tagline}</span>
                    <span class="package-category">{category(package.category)} {from}</span>
                </span>
            </a>
        </li>
    }
}
