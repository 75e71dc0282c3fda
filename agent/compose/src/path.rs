/// Returns an absolute or relative path without empty, `.` and inner `..` parts, by its text alone.
///
/// The same as Go's [`path.Clean`](https://pkg.go.dev/path#Clean), which Docker Compose uses.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Returns `path` below `base`, cleaned; an absolute `path` is returned as it is.
pub(crate) fn join(base: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { clean(&format!("{base}/{path}")) }
}

/// Returns the folder that holds `path`.
pub(crate) fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => clean(folder),
        None => ".".to_owned(),
    }
}

/// Returns the part of a cleaned path below a cleaned folder, `""` for the folder itself, or `None` outside of it.
pub(crate) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Tells whether a path has a part `..`.
pub(crate) fn climbs(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, cleaned) in [
            ("", "."),
            ("./a/./b//c/", "a/b/c"),
            ("a/../..", ".."),
            ("/../a", "/a"),
            ("/a/b/../../..", "/"),
            ("../../x", "../../x"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn a_neighbour_with_the_same_beginning_is_outside() {
        assert_eq!(below("/apps/a/data", "/apps/a"), Some("data"));
        assert_eq!(below("/apps/a", "/apps/a"), Some(""));
        assert_eq!(below("/apps/ab", "/apps/a"), None);
        assert_eq!(below("/x", "/"), Some("x"));
    }
}
