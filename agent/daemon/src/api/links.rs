use std::collections::BTreeMap;

use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

/// A list whose entries name what other operations are about
/// ([OpenAPI links](https://spec.openapis.org/oas/v3.1.0#link-object)).
struct Source {
    /// Path of the operation `get` that lists them.
    list: &'static str,
    /// Where operations on one of them begin.
    one: &'static str,
    /// Parameters of these, and where an entry of the list has them.
    parameters: &'static [(&'static str, &'static str)],
}

const SOURCES: [Source; 4] = [
    Source { list: "/apps", one: "/apps/{id}", parameters: &[("id", "$response.body#/0/id")] },
    Source {
        list: "/store/packages",
        one: "/store/packages/{store}/{package}",
        parameters: &[("store", "$response.body#/0/store"), ("package", "$response.body#/0/package")],
    },
    Source { list: "/stores", one: "/stores/{id}", parameters: &[("id", "$response.body#/0/id")] },
    Source {
        list: "/generations",
        one: "/generations/{n}",
        parameters: &[("n", "$response.body#/0/generation")],
    },
];

/// Gives every operation an id of its own, and says which values of lists are parameters of which operations: programs that
/// read the document, such as fuzzers, find their way to what there is.
pub(super) fn add(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(id_of(method, path));
        }
    }
    for Source { list, one, parameters } in SOURCES {
        let mut links = BTreeMap::new();
        for (path, item) in &mut document.paths.paths {
            if path == one || path.strip_prefix(one).is_some_and(|rest| rest.starts_with('/')) {
                links.extend(operations(item).map(|(method, _)| link(id_of(method, path), parameters)));
            }
        }
        let listing = document.paths.paths.get_mut(list).and_then(|item| item.get.as_mut());
        let responses = listing.map(|operation| &mut operation.responses.responses);
        if let Some(RefOr::T(response)) = responses.and_then(|responses| responses.get_mut("200")) {
            response.links.extend(links);
        }
    }
}

fn link(operation: String, parameters: &[(&str, &str)]) -> (String, RefOr<Link>) {
    let link = parameters
        .iter()
        .fold(LinkBuilder::new().operation_id(operation.as_str()), |link, (name, value)| {
            link.parameter(*name, serde_json::Value::from(*value))
        })
        .build();
    (operation, RefOr::T(link))
}

/// Returns what can be done at a path, with its method.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// `get /apps/{id}/settings` is `get_apps_id_settings`.
fn id_of(method: &str, path: &str) -> String {
    let words =
        path.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}
