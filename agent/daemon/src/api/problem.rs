use std::any::Any;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearth_model::Chain;
use hearth_model::api::problem::Problem;
use hearth_model::form::FieldError;

use crate::auth;
use crate::db::Cause;
use crate::error::Error;

/// An error as the client sees it ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    /// The end of `urn:hearth:problem:`, stable.
    code: &'static str,
    /// The same for every occurrence.
    title: &'static str,
    detail: String,
    fields: Vec<FieldError>,
    retry_after_secs: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, code, title, detail, fields: Vec::new(), retry_after_secs: None }
    }

    pub(super) fn signed_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "signed-out",
            "Nobody is signed in",
            "sign in first; a session ends after 30 days without use".to_owned(),
        )
    }

    pub(super) fn misdirected(detail: String) -> Self {
        let title = "This box has another name";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", title, detail)
    }

    pub(super) fn too_slow() -> Self {
        let detail = "the body did not come within half a minute; send it again".to_owned();
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request took too long", detail)
    }

    pub(super) fn stopping() -> Self {
        let detail = "Hearth is being stopped; ask again once it runs".to_owned();
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "Hearth is being stopped", detail)
    }

    pub(super) fn too_many_streams() -> Self {
        Self {
            retry_after_secs: Some(10),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-streams",
                "Too many pages are open",
                "too many pages listen at the same time; close some and load this one again".to_owned(),
            )
        }
    }

    fn set_up_code(wrong: &str, detail: String) -> Self {
        let problem = wrong.to_owned();
        let field = FieldError { field: "code".to_owned(), label: "Set-up code".to_owned(), problem };
        Self::new(StatusCode::FORBIDDEN, "set-up-code", "The set-up code is missing or wrong", detail)
            .with_fields(vec![field])
    }

    fn with_fields(self, fields: Vec<FieldError>) -> Self {
        Self { fields, ..self }
    }

    fn internal(detail: String) -> Self {
        let title = "Something went wrong inside Hearth";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }

    fn database(error: &sqlx::Error) -> Self {
        let cause = Cause::of(error);
        let (status, code) = match cause {
            Cause::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
            Cause::Locked => (StatusCode::SERVICE_UNAVAILABLE, "database-locked"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "database"),
        };
        let detail = match cause {
            Cause::Other => "the database could not be read or written; Hearth's log says why".to_owned(),
            known => format!("Hearth's database {known}"),
        };
        Self::new(status, code, "The database could not be read or written", detail)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, code, title, detail, fields, retry_after_secs } = self;
        let problem = Problem {
            kind: format!("urn:hearth:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            fields,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let problem = |status, code, title| ApiError::new(status, code, title, detail.clone());
        match error {
            Error::NoSuchApp(_) => problem(S::NOT_FOUND, "no-such-app", "There is no such app"),
            Error::NoSuchPackage { .. } => {
                problem(S::NOT_FOUND, "no-such-package", "There is no such package")
            }
            Error::NoSuchStore(_) => problem(S::NOT_FOUND, "no-such-store", "There is no such store"),
            Error::NoSuchGeneration(_) => {
                problem(S::NOT_FOUND, "no-such-generation", "There is no such generation")
            }
            Error::Moved { .. } => problem(S::CONFLICT, "moved", "Something changed meanwhile"),
            Error::RemovesApps(_) => problem(S::CONFLICT, "removes-apps", "Apps would be removed"),
            Error::Conflict(_) => problem(S::CONFLICT, "conflict", "That contradicts what is there"),
            Error::Refused(_) => problem(S::UNPROCESSABLE_ENTITY, "refused", "That cannot be done"),
            Error::Fields(fields) => {
                problem(S::UNPROCESSABLE_ENTITY, "invalid-settings", "Some settings need attention")
                    .with_fields(fields)
            }
            Error::ConsentNeeded(_) => {
                problem(S::UNPROCESSABLE_ENTITY, "consent-needed", "The app needs your consent")
            }
            Error::Package(_) => {
                problem(S::UNPROCESSABLE_ENTITY, "package-invalid", "The package cannot be used")
            }
            Error::Store(_) => {
                problem(S::UNPROCESSABLE_ENTITY, "store-unreadable", "The store cannot be used")
            }
            Error::EngineUnreachable(_) => {
                problem(S::SERVICE_UNAVAILABLE, "engine-unreachable", "Docker does not answer")
            }
            Error::Database(ref source) => {
                tracing::error!("a request failed: {}", Chain(&error));
                ApiError::database(source)
            }
            Error::Internal(_) => {
                tracing::error!("a request failed: {}", Chain(&error));
                ApiError::internal(detail)
            }
        }
    }
}

impl From<hearth_os_update::Error> for ApiError {
    fn from(error: hearth_os_update::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<auth::Error> for ApiError {
    fn from(error: auth::Error) -> Self {
        use StatusCode as S;
        let detail = error.to_string();
        let problem = |status, code, title| ApiError::new(status, code, title, detail.clone());
        match error {
            auth::Error::WrongCredentials => {
                problem(S::UNAUTHORIZED, "wrong-credentials", "User name or password is wrong")
            }
            auth::Error::WrongPassword => {
                let fields = vec![FieldError {
                    field: "current".to_owned(),
                    label: "Current password".to_owned(),
                    problem: "is not right".to_owned(),
                }];
                problem(S::UNPROCESSABLE_ENTITY, "wrong-password", "The password is wrong")
                    .with_fields(fields)
            }
            auth::Error::TooMany { retry_after_secs } => ApiError {
                retry_after_secs: Some(retry_after_secs),
                ..problem(S::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts")
            },
            auth::Error::SetupCodeNeeded => ApiError::set_up_code("is needed", detail),
            auth::Error::WrongSetupCode => ApiError::set_up_code("is not the one of this box", detail),
            auth::Error::FromContainer => {
                problem(S::FORBIDDEN, "from-container", "A container cannot set the box up")
            }
            auth::Error::AlreadySetUp => problem(S::CONFLICT, "already-set-up", "The box has an owner"),
            auth::Error::ChangedMeanwhile => problem(S::CONFLICT, "moved", "Something changed meanwhile"),
            auth::Error::Fields(fields) => {
                problem(S::UNPROCESSABLE_ENTITY, "invalid-fields", "Some answers need attention")
                    .with_fields(fields)
            }
            auth::Error::Database(ref source) => {
                tracing::error!("a request failed: {}", Chain(&error));
                ApiError::database(source)
            }
            auth::Error::Hash(_) => {
                tracing::error!("a request failed: {}", Chain(&error));
                ApiError::internal(detail)
            }
        }
    }
}

/// Answers for a handler that panicked; the panic itself was printed by the panic hook.
pub(super) fn from_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("this is a defect of Hearth; its log has the details".to_owned()).into_response()
}
