/// Answers git's question who asks, from the environment. Git runs it in a shell, with a word behind it.
const HELPER: &str =
    "!printf 'username=%s\\npassword=%s\\n' \"$HEARTH_STORE_USER\" \"$HEARTH_STORE_PASSWORD\"; :";

/// Who asks a server. It goes to git through the environment, which only the agent's own user can read: everybody on the
/// box can read the words of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Scheme, host and port: no other server is given the password, wherever this one leads.
    server: String,
    user: String,
    password: String,
}

impl Login {
    /// Reads user and password from an address; `None` where it has none.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn of(url: &str) -> Result<Option<Self>, &'static str> {
        let Some((scheme, rest)) = url.split_once("://") else { return Ok(None) };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((login, host)) = authority.rsplit_once('@') else { return Ok(None) };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (user, password) = (decode(user)?, decode(password)?);
        Ok(Some(Self { server: format!("{scheme}://{host}"), user, password }))
    }

    /// Returns variables that have git ask the helper, and what the helper answers.
    pub(super) fn environment(&self) -> [(&'static str, String); 5] {
        let Self { server, user, password } = self;
        [
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", format!("credential.{server}.helper")),
            ("GIT_CONFIG_VALUE_0", HELPER.to_owned()),
            ("HEARTH_STORE_USER", user.clone()),
            ("HEARTH_STORE_PASSWORD", password.clone()),
        ]
    }
}

/// Reads the escapes of [RFC 3986, section 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1). Other percent signs
/// stay, as git has it.
fn decode(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped =
            (*first == b'%').then(|| behind.get(..2).and_then(|two| hex::decode(two).ok())).flatten();
        rest = if escaped.is_some() { &behind[2..] } else { behind };
        bytes.push(escaped.map_or(*first, |byte| byte[0]));
    }
    let text = String::from_utf8(bytes).map_err(|_| "the password in its address is no text")?;
    // RFC 7617, section 2.
    if text.chars().any(char::is_control) {
        return Err("the password in its address has a control character");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Option<(String, String, String)> {
        let Login { server, user, password } = Login::of(url).expect("it can be read")?;
        Some((server, user, password))
    }

    #[test]
    fn who_asks_is_read_as_git_reads_it() {
        for (url, server, user, password) in [
            ("https://ada:secret@example.org/a.git", "https://example.org", "ada", "secret"),
            ("https://token@example.org:8443/a.git", "https://example.org:8443", "token", ""),
            ("https://a%40b:p%3a%2F:x@[::1]:80/a", "https://[::1]:80", "a@b", "p:/:x"),
            ("https://ada:100%@example.org/a", "https://example.org", "ada", "100%"),
            ("https://ada:%zz%4@example.org/a", "https://example.org", "ada", "%zz%4"),
        ] {
            assert_eq!(read(url), Some((server.to_owned(), user.to_owned(), password.to_owned())), "{url}");
        }
        assert_eq!(read("https://example.org/@a.git"), None);
        for bad in ["https://ada:a%0ab@example.org/a", "https://ada:%ff@example.org/a"] {
            assert!(Login::of(bad).expect_err(bad).contains("the password in its address"));
        }
    }
}
