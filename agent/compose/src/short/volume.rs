/// An entry in short syntax.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ShortVolume {
    /// Empty for an anonymous volume.
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) nocopy: bool,
    pub(crate) propagation: String,
    pub(crate) selinux: String,
    /// Options that have no meaning on Linux, or none at all.
    pub(crate) ignored: Vec<String>,
}

impl ShortVolume {
    /// Tells whether the source is a path, rather than a volume's name.
    pub(crate) fn is_bind(&self) -> bool {
        self.source.starts_with(['.', '/', '~', '\\'])
    }
}

/// Reads `[source:]target[:options]`
/// ([Compose volumes, short syntax](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#short-syntax-5)).
///
/// # Errors
/// Says what was expected.
pub(crate) fn parse(text: &str) -> Result<ShortVolume, String> {
    if text.is_empty() {
        return Err("expected `source:target`, found nothing".to_owned());
    }
    let parts = sections(text);
    if text.len() > 2 && parts.iter().any(|part| part.is_empty()) {
        return Err(format!("`{text}` has nothing between two colons"));
    }
    let mut volume = ShortVolume::default();
    let options = match parts.as_slice() {
        [_] => {
            volume.target = text.to_owned();
            return Ok(volume);
        }
        [_, _] if text.len() <= 2 => {
            volume.target = text.to_owned();
            return Ok(volume);
        }
        [source, target] => {
            (volume.source, volume.target) = ((*source).to_owned(), (*target).to_owned());
            return Ok(volume);
        }
        [source, target, options] => {
            (volume.source, volume.target) = ((*source).to_owned(), (*target).to_owned());
            *options
        }
        _ => return Err(format!("`{text}` has more than `source:target:options`")),
    };
    for option in options.split(',') {
        match option {
            "ro" => volume.read_only = true,
            "rw" => volume.read_only = false,
            "nocopy" => volume.nocopy = true,
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                volume.propagation = option.to_owned();
            }
            "z" | "Z" => volume.selinux = option.to_owned(),
            other => volume.ignored.push(other.to_owned()),
        }
    }
    Ok(volume)
}

/// Splits at colons, except for one after a single letter, which is a Windows drive.
fn sections(text: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    for (position, _) in text.match_indices(':') {
        let section = &text[start..position];
        let mut chars = section.chars();
        if chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none() {
            continue;
        }
        sections.push(section);
        start = position + 1;
    }
    sections.push(&text[start..]);
    sections
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_short_form_is_read() {
        for (text, source, target, read_only, bind) in [
            ("/data", "", "/data", false, false),
            ("db:/data", "db", "/data", false, false),
            ("./a:/data", "./a", "/data", false, true),
            ("/a:/b:ro", "/a", "/b", true, true),
            ("~/a:/b:rw,z", "~/a", "/b", false, true),
            ("/a:/b:cached,ro", "/a", "/b", true, true),
            ("x", "", "x", false, false),
        ] {
            let volume = parse(text).expect(text);
            assert_eq!((volume.source.as_str(), volume.target.as_str()), (source, target), "{text}");
            assert_eq!((volume.read_only, volume.is_bind()), (read_only, bind), "{text}");
        }
        let volume = parse("db:/data:nocopy,rshared,Z,weird").expect("valid");
        assert!(volume.nocopy && volume.propagation == "rshared" && volume.selinux == "Z");
        assert_eq!(volume.ignored, ["weird"]);
    }

    #[test]
    fn what_is_no_volume_is_refused() {
        for bad in ["", "db:", ":/data", "a/b::c", "/a:/b:ro:x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
