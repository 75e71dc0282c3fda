use std::error::Error;
use std::fmt;

/// Displays an error with everything that caused it, `failed to read a.txt: permission denied`.
///
/// For the place where an error is handled: what an error says of itself does not repeat its cause. A cause that is in the
/// text already all the same is left out.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(cause) = source {
            let next = cause.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            source = cause.source();
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Outer {
        what: &'static str,
        source: io::Error,
    }

    #[test]
    fn every_cause_is_named_once() {
        let full = || io::Error::other("database or disk is full");
        let error = Outer { what: "the database could not be read or written", source: full() };
        let text = Chain(&error).to_string();
        assert_eq!(text, "the database could not be read or written: database or disk is full");
        let says_it = Outer { what: "failed (database or disk is full)", source: full() };
        assert_eq!(Chain(&says_it).to_string(), "failed (database or disk is full)");
    }
}
