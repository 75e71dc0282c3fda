use super::*;

#[test]
fn the_default_is_the_only_line_that_changes() {
    let text = "timeout 0\n# The newest.\ndefault hearth_*\neditor no\ndefault other\n";
    assert_eq!(
        with_default(text, "hearth_1.2.0[.+][e1-9]*"),
        "timeout 0\n# The newest.\ndefault hearth_1.2.0[.+][e1-9]*\neditor no\n"
    );
    assert_eq!(with_default("", "hearth_*"), "default hearth_*\n");
    let ours = include_str!("../../../../../image/loader.conf");
    assert_eq!(with_default(ours, NEWEST), ours);
}

/// The patterns of systemd-boot as far as ours need them.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return name.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => (0..=name.len()).any(|at| matches(rest, &name[at..])),
        '[' => {
            let (set, rest) = rest.split_once(']').unwrap();
            let Some(found) = name.chars().next() else { return false };
            let expanded = set.replace("1-9", "123456789");
            expanded.contains(found) && matches(rest, &name[1..])
        }
        _ => name.strip_prefix(first).is_some_and(|name| matches(rest, name)),
    }
}

#[test]
fn a_release_is_preferred_as_long_as_it_has_tries_left() {
    let pattern = preferring(ReleaseVersion::new(1, 4, 0));
    for (name, is_taken) in [
        ("hearth_1.4.0.efi", true),
        ("hearth_1.4.0+3-0.efi", true),
        ("hearth_1.4.0+1-2.efi", true),
        ("hearth_1.4.0+0-3.efi", false),
        ("hearth_1.4.1.efi", false),
        ("hearth_1.4.01.efi", false),
        ("hearth_11.4.0.efi", false),
    ] {
        assert_eq!(matches(&pattern, name), is_taken, "{name}");
    }
}

#[test]
fn a_choice_of_the_firmware_is_forgotten_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("variable");
    fs::write(&path, "x").unwrap();
    forget(&path).unwrap();
    assert!(!path.exists());
    forget(&path).unwrap();
}
