use serde::{Deserialize, Serialize};

use crate::form::FieldError;

/// The body of every error ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:hearth:problem:<code>`, stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of thing went wrong; the same for every occurrence.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What was expected, what was found, and what to do next.
    pub detail: String,
    /// What is wrong with which field, when it is about a form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
}
