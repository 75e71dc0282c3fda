use axum::Json;
use axum::routing::{MethodRouter, get};
use hearth_model::api::problem::Problem;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::info::InfoBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::{ApiState, links};

/// What answers without a session, besides the document itself.
const OPEN: [(&str, &str); 5] = [
    ("get", "/session"),
    ("post", "/session"),
    ("delete", "/session"),
    ("post", "/setup"),
    ("get", "/store/packages/{store}/{package}/icon"),
];
const SECURITY: &str = "session";

/// Returns the OpenAPI 3.1 document of the whole API.
pub fn openapi() -> OpenApi {
    finish(super::open_routes().merge(super::guarded_routes()).into_openapi())
}

/// Returns a document with a head and no routes.
pub(super) fn empty() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Hearth")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What the dashboard and the command line speak. Errors are RFC 9457 problems. `POST /session` \
             answers with the key of a session, for `Authorization: Bearer`; its cookie opens pages of apps and nothing here. Changes must come from the same origin.",
        ))
        .license(Some(utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    OpenApiBuilder::new().info(info).servers(Some([utoipa::openapi::Server::new(super::PREFIX)])).build()
}

/// Adds what holds for every route: the session that it needs, and the shape of its errors.
pub(super) fn finish(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let mut below = Vec::new();
    Problem::schemas(&mut below);
    components.schemas.extend(below);
    components.add_security_scheme(SECURITY, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in links::operations(item) {
            let open = OPEN.contains(&(method, path.as_str()));
            finish_operation(operation, open);
        }
    }
    links::add(&mut document);
    document
}

fn finish_operation(operation: &mut Operation, open: bool) {
    let responses = &mut operation.responses.responses;
    responses
        .entry("default".to_owned())
        .or_insert_with(|| RefOr::T(problem("What went wrong, and what to do")));
    if !open {
        responses.entry("401".to_owned()).or_insert_with(|| RefOr::T(problem("Nobody is signed in")));
        operation.security = Some(vec![SecurityRequirement::new(SECURITY, Vec::<String>::new())]);
    }
}

fn problem(description: &str) -> Response {
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name().into_owned()))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// Serves a document that was finished.
pub(super) fn route(document: OpenApi) -> MethodRouter<ApiState> {
    let document = std::sync::Arc::new(document);
    get(async move || Json(document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let json = serde_json::to_value(openapi()).unwrap();
        assert_eq!(json["openapi"], "3.1.0");
        let mut references = Vec::new();
        collect(&json, &mut references);
        assert!(references.len() > 100, "{}", references.len());
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(json.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn only_the_open_routes_need_no_session() {
        let json = serde_json::to_value(openapi()).unwrap();
        let mut open = Vec::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation.get("security").is_none() {
                    open.push((method.as_str(), path.as_str()));
                }
            }
        }
        open.sort_unstable();
        let mut expected = OPEN.to_vec();
        expected.sort_unstable();
        assert_eq!(open, expected);
    }

    #[test]
    fn every_parameter_of_a_path_is_linked_from_a_list() {
        let json = serde_json::to_value(openapi()).unwrap();
        let paths = json["paths"].as_object().unwrap();
        let operations: Vec<(&str, &serde_json::Value)> = paths
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().values().map(move |one| (path.as_str(), one)))
            .collect();
        let ids: std::collections::BTreeSet<&str> =
            operations.iter().map(|(_, one)| one["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len(), "two operations have one id");
        let linked: std::collections::BTreeSet<&str> = operations
            .iter()
            .filter_map(|(_, one)| one["responses"]["200"]["links"].as_object())
            .flat_map(|links| links.values().map(|link| link["operationId"].as_str().unwrap()))
            .collect();
        for (path, operation) in &operations {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(path.contains('{'), linked.contains(id), "{id}");
        }
    }

    fn collect(json: &serde_json::Value, references: &mut Vec<String>) {
        match json {
            serde_json::Value::Object(map) => {
                references.extend(map.get("$ref").and_then(|value| value.as_str()).map(str::to_owned));
                map.values().for_each(|value| collect(value, references));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
