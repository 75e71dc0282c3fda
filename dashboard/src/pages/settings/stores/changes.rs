use hearth_model::api::store::{ChangedPackage, StoreChanges};
use leptos::prelude::*;

use crate::components::icon::Icon;
use crate::format;
use crate::text::stores as text;

/// What the last refresh that brought something new brought: in a line, and in full behind it.
#[component]
pub(super) fn Changes(changes: StoreChanges) -> impl IntoView {
    let StoreChanges { at, added, updated, removed } = changes;
    let summary = text::changes(&format::moment(&at), added.len(), updated.len(), removed.len());
    let lists = [(text::NEW, added), (text::UPDATED, updated), (text::GONE, removed)];
    let lists = lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(title, list)| {
            let names: Vec<String> = list.iter().map(in_words).collect();
            view! { <li><strong>{title}</strong> <span>{names.join(", ")}</span></li> }
        })
        .collect_view();
    view! {
        <details class="refused is-news">
            <summary>{Icon::Info.draw()} {summary}</summary>
            <ul>{lists}</ul>
        </details>
    }
}

fn in_words(package: &ChangedPackage) -> String {
    let name = &package.name;
    match (&package.from, &package.to) {
        (Some(from), Some(to)) if from != to => format!("{name} {from} → {to}"),
        (None, Some(version)) => format!("{name} {version}"),
        _ => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_where_they_say_something() {
        let words = |from: Option<&str>, to: Option<&str>| {
            in_words(&ChangedPackage {
                package: "wiki".into(),
                name: "Wiki".into(),
                from: from.map(Into::into),
                to: to.map(Into::into),
            })
        };
        assert_eq!(words(Some("1"), Some("2")), "Wiki 1 → 2");
        assert_eq!(words(Some("1"), Some("1")), "Wiki");
        assert_eq!(words(None, Some("1")), "Wiki 1");
        assert_eq!(words(Some("1"), None), "Wiki");
    }
}
