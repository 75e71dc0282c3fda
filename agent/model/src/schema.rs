//! OpenAPI schemas of the types that are strings on the wire.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::id::{AppId, Digest, ServiceName, StoreId};
use crate::image::ImageRef;
use crate::os::ReleaseVersion;

macro_rules! string_schema {
    ($($name:ident),*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                String::schema()
            }
        }
        impl ToSchema for $name {}
    )*};
}

string_schema!(AppId, StoreId, ServiceName, Digest, ImageRef, ReleaseVersion);
