use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;

/// Credentials by registry, `ghcr.io` or `localhost:5000`; Docker Hub is `docker.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryAuth {
    by_registry: BTreeMap<String, RegistryCredentials>,
}

/// How to sign in to one registry. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum RegistryCredentials {
    /// Name and password, or name and token.
    Password {
        /// Name.
        username: String,
        /// Password or access token.
        password: String,
    },
    /// A token that stands for a sign-in.
    IdentityToken(String),
}

impl fmt::Debug for RegistryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegistryCredentials::Password { username, .. } => write!(f, "Password({username})"),
            RegistryCredentials::IdentityToken(_) => f.write_str("IdentityToken"),
        }
    }
}

/// A file of credentials that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// Not JSON of the right form.
    #[error("expected the JSON of a Docker config.json")]
    Json(#[from] serde_json::Error),
    /// An entry that is not `base64(name:password)`.
    #[error("the entry `auth` of registry `{0}` is not base64 of `name:password`")]
    Auth(String),
}

impl RegistryAuth {
    /// Reads the `auths` of a Docker
    /// [config.json](https://docs.docker.com/reference/cli/docker/login/#default-behavior); the rest is passed over.
    /// Entries without credentials (kept by a credential helper) are left out.
    pub fn from_config_json(text: &str) -> Result<Self, InvalidConfig> {
        #[derive(Deserialize)]
        struct Config {
            #[serde(default)]
            auths: BTreeMap<String, Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            auth: Option<String>,
            username: Option<String>,
            password: Option<String>,
            identitytoken: Option<String>,
        }
        let config: Config = serde_json::from_str(text)?;
        let mut auth = Self::default();
        for (registry, entry) in config.auths {
            let credentials = match entry {
                Entry { identitytoken: Some(token), .. } if !token.is_empty() => {
                    RegistryCredentials::IdentityToken(token)
                }
                Entry { username: Some(username), password: Some(password), .. } => {
                    RegistryCredentials::Password { username, password }
                }
                Entry { auth: Some(auth), .. } if !auth.is_empty() => {
                    decode(&auth).ok_or_else(|| InvalidConfig::Auth(registry.clone()))?
                }
                _ => continue,
            };
            auth.insert(&registry, credentials);
        }
        Ok(auth)
    }

    /// Sets the credentials of a registry; addresses as older clients write them (`https://index.docker.io/v1/`) are
    /// understood.
    pub fn insert(&mut self, registry: &str, credentials: RegistryCredentials) {
        self.by_registry.insert(host_of(registry), credentials);
    }

    pub(crate) fn get(&self, registry: &str) -> Option<DockerCredentials> {
        let server = Some(registry.to_owned());
        Some(match self.by_registry.get(registry)? {
            RegistryCredentials::Password { username, password } => DockerCredentials {
                username: Some(username.clone()),
                password: Some(password.clone()),
                serveraddress: server,
                ..DockerCredentials::default()
            },
            RegistryCredentials::IdentityToken(token) => DockerCredentials {
                identitytoken: Some(token.clone()),
                serveraddress: server,
                ..DockerCredentials::default()
            },
        })
    }
}

fn decode(auth: &str) -> Option<RegistryCredentials> {
    let plain = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = plain.split_once(':')?;
    let password = password.trim_end_matches('\0');
    Some(RegistryCredentials::Password { username: username.to_owned(), password: password.to_owned() })
}

fn host_of(registry: &str) -> String {
    let rest =
        registry.strip_prefix("https://").or_else(|| registry.strip_prefix("http://")).unwrap_or(registry);
    match rest.split('/').next().unwrap_or(rest) {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_docker_writes_them() {
        let auth = RegistryAuth::from_config_json(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "bWU6cGFzczp3b3Jk"},
                "ghcr.io": {"username": "a", "password": "b"},
                "helper.example": {},
                "token.example": {"identitytoken": "t"}
            }, "credsStore": "desktop"}"#,
        )
        .expect("valid");
        let hub = auth.get("docker.io").expect("there");
        assert_eq!((hub.username.as_deref(), hub.password.as_deref()), (Some("me"), Some("pass:word")));
        assert_eq!(auth.get("ghcr.io").expect("there").username.as_deref(), Some("a"));
        assert_eq!(auth.get("token.example").expect("there").identitytoken.as_deref(), Some("t"));
        assert!(auth.get("helper.example").is_none());
        assert!(!format!("{auth:?}").contains("pass:word"));
    }

    #[test]
    fn an_entry_that_is_not_base64_is_named() {
        let error =
            RegistryAuth::from_config_json(r#"{"auths":{"x.example":{"auth":"%"}}}"#).expect_err("invalid");
        assert!(error.to_string().contains("x.example"), "{error}");
    }
}
