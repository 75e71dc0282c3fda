use super::*;

fn gate(open: &[&str], guarded: &[&str]) -> Gate {
    let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    Gate { sign_in: true, open_paths: list(open), guarded_paths: list(guarded), trust_upstream: false }
}

fn open(rule: &str, path: &str) -> bool {
    is_open(&gate(&[rule], &[]), path)
}

#[test]
fn rules_mean_what_they_mean_on_umbrelos() {
    // Rule, paths that it means, paths that it does not.
    let rules: [(&str, &[&str], &[&str]); 13] = [
        ("/api", &["/api", "/api/"], &["/api/x", "/apix", "/", "/API"]),
        ("api", &["/api", "/api/"], &["/api/x"]),
        ("/api/", &["/api", "/api/"], &["/api/x"]),
        ("/api/*", &["/api/x", "/api/x/y"], &["/api", "/api/", "/apix"]),
        ("/api*", &["/api", "/api/", "/api/x", "/apix"], &["/ap", "/x/api"]),
        ("*", &["/", "/x", "/x/y"], &[]),
        ("/*", &["/", "/x"], &[]),
        ("/", &["/"], &["/x"]),
        ("", &[], &["/", "/x"]),
        (" /api ", &["/api"], &["/api/x"]),
        ("//*", &["/", "/x"], &[]),
        ("/a/*/b", &["/a/*/b"], &["/a/x/b"]),
        ("*.png", &["/*.png"], &["/x.png"]),
    ];
    for (rule, means, does_not) in rules {
        for path in means {
            assert!(open(rule, path), "{rule} means {path}");
        }
        for path in does_not {
            assert!(!open(rule, path), "{rule} does not mean {path}");
        }
    }
}

#[test]
fn a_guarded_path_is_stronger_than_an_open_one() {
    let gate = gate(&["/*"], &["/admin/*", "/secret"]);
    for (path, is) in [("/", true), ("/x", true), ("/admin", true), ("/admin/x", false), ("/secret/", false)]
    {
        assert_eq!(is_open(&gate, path), is, "{path}");
    }
    assert!(!is_open(&Gate { open_paths: Vec::new(), ..gate.clone() }, "/x"), "closed without a rule");
    assert!(is_open(&Gate { sign_in: false, ..gate }, "/secret"), "open without a sign-in");
}

#[test]
fn a_path_in_disguise_is_open_only_if_what_it_hides_is() {
    for path in [
        "/open/../closed",
        "/open/..",
        "/open/%2e%2e/closed",
        "/open/%2E./closed",
        "/open/%252e%252e/closed",
        "/open/..%2fclosed",
        "/open\\..\\closed",
        "/open/x/..;v=1/../closed",
        "/open/%25252525252e%25252525252e/closed",
        "//closed",
        "/open/%ff/../../x",
    ] {
        assert!(!open("/open/*", path), "{path}");
    }
    for path in ["/open/x%20y", "/open/%C3%BC", "/open//x", "/open/./x", "/open/x/../y", "/open/100%"] {
        assert!(open("/open/*", path), "{path}");
    }
    let gate = gate(&["/*"], &["/admin/*"]);
    for path in ["/%61dmin/x", "/x/../admin/x", "//admin/x", "/admin;a/x", "/./admin/x"] {
        assert!(!is_open(&gate, path), "{path}");
    }
}

/// `..` takes an empty segment away for whoever follows
/// [RFC 3986, section 5.2.4](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4), as Node and browsers do, and the segment
/// before that one for whoever merges slashes first, as nginx does.
#[test]
fn a_guarded_path_stays_guarded_for_those_who_keep_empty_segments() {
    let gate = gate(&["/open/*"], &["/open/private/*"]);
    for path in [
        "/open/x/../private/y//..",
        "/open/x/../private/y//../",
        "/open/x/%2e%2e/private/y/%2f..",
        "/open/x/../private/y\\\\..",
        "/open/x/../private/y/;a/..",
    ] {
        assert!(!is_open(&gate, path), "{path}");
    }
    assert!(is_open(&gate, "/open/x//../y"));
}

#[test]
fn a_guarded_path_is_guarded_in_letters_of_any_case() {
    let gate = gate(&["/*"], &["/Admin/*"]);
    for path in ["/admin/x", "/ADMIN/x", "/%41dmin/x", "/aDMIN;a/x"] {
        assert!(!is_open(&gate, path), "{path}");
    }
}
