use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearth_model::api::apps::Changed;
use hearth_model::api::store::{AddStore, AddedStore, PackageDetail, PackageSummary, StoreSummary};
use hearth_model::desired::DesiredStore;
use hearth_model::package::Category;
use hearth_model::{Digest, StoreId};
use serde::Deserialize;

use crate::catalog::PackageQuery;

use super::ApiState;
use super::extract::{Json, Path, Query};
use super::guard::Session;
use super::problem::ApiError;

/// What is being looked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct PackagesQuery {
    /// Words that must all occur.
    q: Option<String>,
    /// Only this category.
    #[param(inline)]
    category: Option<Category>,
    /// Only this store.
    #[param(value_type = Option<String>)]
    store: Option<StoreId>,
}

/// Lists packages on offer, best first.
#[utoipa::path(get, path = "/store/packages", tag = "store", params(PackagesQuery), responses((status = 200, body = Vec<PackageSummary>)))]
pub(super) async fn packages(
    State(state): State<ApiState>,
    Query(query): Query<PackagesQuery>,
) -> Json<Vec<PackageSummary>> {
    let PackagesQuery { q, category, store } = query;
    Json(state.hearth.packages(&PackageQuery { text: q, category, store }))
}

/// Returns all about one package.
#[utoipa::path(get, path = "/store/packages/{store}/{package}", tag = "store", params(("store" = String, Path), ("package" = String, Path)), responses((status = 200, body = PackageDetail)))]
pub(super) async fn package(
    State(state): State<ApiState>,
    Path((store, package)): Path<(StoreId, String)>,
) -> Result<Json<PackageDetail>, ApiError> {
    Ok(Json(state.hearth.package(&store, &package)?))
}

/// The query of an icon's address.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct IconQuery {
    /// What makes the address one that cannot be guessed: a browser fetches a picture without the session's key.
    #[serde(default)]
    #[param(required = false)]
    k: String,
}

/// Returns a package's icon, at the address that the package's summary has.
#[utoipa::path(get, path = "/store/packages/{store}/{package}/icon", tag = "store", params(("store" = String, Path), ("package" = String, Path), IconQuery), responses(
    (status = 200, body = Vec<u8>, content_type = "image/*"),
    (status = 304, description = "The one that is named by `If-None-Match`"),
))]
pub(super) async fn icon(
    State(state): State<ApiState>,
    Path((store, package)): Path<(StoreId, String)>,
    Query(IconQuery { k }): Query<IconQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let icon = state.hearth.icon(&store, &package, &k).await?;
    let etag = format!("\"{}\"", Digest::of(&icon.bytes).short());
    let caching = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "private, max-age=600".to_owned()),
        // An SVG may carry scripts: opened as a page of its own it runs none of them.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned(),
        ),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == etag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let kind = HeaderValue::from_str(&icon.content_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    Ok((caching, [(header::CONTENT_TYPE, kind)], icon.bytes).into_response())
}

/// Lists stores.
#[utoipa::path(get, path = "/stores", tag = "store", responses((status = 200, body = Vec<StoreSummary>)))]
pub(super) async fn stores(State(state): State<ApiState>) -> Json<Vec<StoreSummary>> {
    Json(state.hearth.stores())
}

/// Adds a store. It is fetched first, which may take minutes; events of `store_progress` say how far it is.
#[utoipa::path(post, path = "/stores", tag = "store", request_body = AddStore, responses((status = 200, body = AddedStore)))]
pub(super) async fn add(
    State(state): State<ApiState>,
    session: Session,
    Json(request): Json<AddStore>,
) -> Result<Json<AddedStore>, ApiError> {
    let AddStore { id, name, location } = request;
    let wanted = DesiredStore { name, location };
    let generation = state.hearth.add_store(&session.actor(), id.clone(), wanted).await?;
    Ok(Json(AddedStore { generation, store: state.hearth.store(&id)? }))
}

/// Removes a store; apps that came from it stay.
#[utoipa::path(delete, path = "/stores/{id}", tag = "store", params(("id" = String, Path)), responses((status = 200, body = Changed)))]
pub(super) async fn remove(
    State(state): State<ApiState>,
    session: Session,
    Path(id): Path<StoreId>,
) -> Result<Json<Changed>, ApiError> {
    let generation = state.hearth.remove_store(&session.actor(), &id).await?;
    Ok(Json(Changed { generation }))
}

/// Fetches a store if it changed, and reads it anew. A refresh that fails leaves the store as it was.
#[utoipa::path(post, path = "/stores/{id}/refresh", tag = "store", params(("id" = String, Path)), responses((status = 200, body = StoreSummary)))]
pub(super) async fn refresh(
    State(state): State<ApiState>,
    Path(id): Path<StoreId>,
) -> Result<Json<StoreSummary>, ApiError> {
    Ok(Json(state.hearth.refresh_store(&id).await?))
}
