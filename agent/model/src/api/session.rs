use serde::{Deserialize, Serialize};

/// `GET /api/v1/session`: where the visitor stands. Answers without a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum SessionState {
    /// The box has no owner yet: `POST /api/v1/setup` makes one.
    NeedsSetup,
    /// Nobody is signed in.
    SignedOut,
    /// Somebody is.
    SignedIn {
        /// Who.
        user: User,
        /// What to send as `Authorization: Bearer …` from now on, 43 characters; told once, by the sign-in. A page of another
        /// port must never learn it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// What to send as [`Credentials::device`] at the next sign-ins from this browser; told by the sign-in. It opens nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
    },
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct User {
    /// The name to sign in with.
    pub username: String,
    /// What it may do.
    pub role: Role,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    /// Everything.
    Owner,
}

/// `POST /api/v1/setup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetUp {
    /// 1 to 32 letters, digits, `.`, `_` and `-`.
    pub username: String,
    /// 10 to 256 characters.
    pub password: String,
    /// The [set-up code](crate::setup_code::SetupCode) of the box, in any case of its letters, with dashes or without. Not
    /// needed at the box's own socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// `GET /api/v1/setup/code`, for the box's own socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetUpCode {
    /// What [`SetUp::code`] has to be.
    pub code: String,
}

/// `POST /api/v1/session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Credentials {
    /// 1 to 32 letters, digits, `.`, `_` and `-`.
    pub username: String,
    /// The account's password.
    pub password: String,
    /// What an earlier sign-in from this browser told: others who guess cannot make it wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// `PUT /api/v1/session/password`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangePassword {
    /// The password now.
    pub current: String,
    /// The password from now on; signs out every other session.
    pub new: String,
}
