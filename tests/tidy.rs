//! What must hold of the tree itself: which crate may know which, who may use a heavy library, how files are laid out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Arrows between our crates that may exist; anything else is a change of the architecture.
const ARROWS: &[(&str, &[&str])] = &[
    ("hearth-model", &[]),
    ("hearth-compose", &["hearth-model"]),
    ("hearth-adapters", &["hearth-model", "hearth-compose"]),
    ("hearth-seccomp", &[]),
    ("hearth-fetch", &["hearth-seccomp"]),
    ("hearth-update", &["hearth-model", "hearth-fetch"]),
    ("hearth-release", &["hearth-model", "hearth-update"]),
    ("hearth-planner", &["hearth-model"]),
    ("hearth-reconciler", &["hearth-model", "hearth-planner"]),
    ("hearth-docker", &["hearth-model"]),
    ("hearth-host", &["hearth-model", "hearth-seccomp"]),
    ("hearth-gateway", &["hearth-model", "hearth-host"]),
    ("hearth-os-update", &["hearth-model", "hearth-fetch", "hearth-update", "hearth-planner", "hearth-host"]),
    (
        "hearth-daemon",
        &[
            "hearth-model",
            "hearth-compose",
            "hearth-adapters",
            "hearth-fetch",
            "hearth-update",
            "hearth-planner",
            "hearth-reconciler",
            "hearth-docker",
            "hearth-host",
            "hearth-os-update",
            "hearth-gateway",
        ],
    ),
    (
        "hearth-cli",
        &[
            "hearth-model",
            "hearth-compose",
            "hearth-adapters",
            "hearth-fetch",
            "hearth-update",
            "hearth-planner",
            "hearth-host",
            "hearth-daemon",
        ],
    ),
    ("hearth-dashboard", &["hearth-model"]),
    ("hearth-dashboard-build", &[]),
    // It is also who publishes the releases that Hearth is offered.
    ("hearth-tests", &["hearth-model", "hearth-update", "hearth-release"]),
];

/// Libraries that only these crates may use.
const WALLS: &[(&str, &[&str])] = &[
    ("bollard", &["hearth-docker"]),
    // Tests answer for systemd.
    ("zbus", &["hearth-host", "hearth-tests"]),
    ("sqlx", &["hearth-daemon"]),
    ("axum", &["hearth-daemon", "hearth-gateway"]),
    ("argon2", &["hearth-daemon"]),
    ("leptos", &["hearth-dashboard"]),
    // With servers of stores, and with apps behind the gateway.
    ("rustls", &["hearth-fetch", "hearth-gateway"]),
    ("tar", &["hearth-fetch"]),
    ("zip", &["hearth-fetch"]),
    // TUF, and what comes with it.
    ("tough", &["hearth-update", "hearth-release"]),
    ("aws-lc-rs", &["hearth-release"]),
    (
        "tokio",
        &[
            "hearth-docker",
            "hearth-host",
            "hearth-update",
            "hearth-os-update",
            "hearth-gateway",
            "hearth-release",
            "hearth-reconciler",
            "hearth-daemon",
            "hearth-cli",
            "hearth-tests",
        ],
    ),
];

/// Longest source file in lines, tests beside the code included: a longer one holds two things.
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Normal and build dependencies of each workspace member, as cargo sees them.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
            let names =
                dependencies.filter(|one| one["kind"] != "dev").map(|one| text(&one["name"])).collect();
            (text(&package["name"]), names)
        })
        .collect()
}

/// Files that git knows or would take, below the root.
fn files(pattern: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", pattern])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let files: Vec<PathBuf> =
        listed.lines().map(|line| root().join(line)).filter(|path| path.exists()).collect();
    assert!(!files.is_empty(), "git names no file like {pattern}");
    files
}

#[test]
fn crates_know_only_whom_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (name, dependencies) in dependencies() {
        let may = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no entry in ARROWS"));
        for ours in dependencies.iter().filter(|dependency| dependency.starts_with("hearth-")) {
            assert!(may.contains(&ours.as_str()), "{name} must not depend on {ours}");
        }
    }
}

#[test]
fn heavy_libraries_stay_behind_their_walls() {
    for (name, dependencies) in dependencies() {
        for (library, may) in WALLS {
            let uses = dependencies.contains(*library);
            assert!(!uses || may.contains(&name.as_str()), "{name} must not use {library}");
        }
    }
}

#[test]
fn no_other_crypto_library_comes_in() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    // Connections are ring's; signatures of releases are aws-lc's, because `tough` offers no choice.
    for unwanted in ["openssl-sys", "native-tls"] {
        assert!(!lock.contains(&format!("name = \"{unwanted}\"")), "{unwanted} is in Cargo.lock");
    }
}

#[test]
fn source_files_are_small_and_finished() {
    // Put together here, so that this file does not find itself.
    let unfinished = ["TO", "DO"].concat();
    let fix_me = ["FIX", "ME"].concat();
    for path in files("*.rs") {
        assert!(!path.ends_with("mod.rs"), "{}: use foo.rs and foo/", path.display());
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines, at most {LONGEST_FILE}", path.display());
        for mark in [&unfinished, &fix_me] {
            assert!(!text.contains(mark.as_str()), "{}: `{mark}`", path.display());
        }
    }
}

#[test]
fn bytes_are_written_by_one_rule() {
    // A unit that a text puts behind a value of its own; reading units is another matter.
    let units = ["B\"", "B ", "B;", "B,", "B.", "B)"];
    for path in files("*.rs") {
        let is_elsewhere = ["/tests/", "/tests.rs", "agent/model/src/bytes.rs"]
            .iter()
            .any(|part| path.to_string_lossy().contains(part));
        if is_elsewhere {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for (number, line) in text.lines().enumerate() {
            let wrong = line.match_indices("} ").any(|(at, _)| {
                let after = &line[at + 2..];
                let unit = after.strip_prefix(['k', 'K', 'M', 'G', 'T']).unwrap_or_default();
                let unit = unit.strip_prefix('i').unwrap_or(unit);
                units.iter().any(|end| unit.starts_with(end))
            });
            assert!(!wrong, "{}:{}: write it as `Bytes` of hearth-model does", path.display(), number + 1);
        }
    }
}

/// Reading a signal of a page that was left ends the dashboard's program. Callbacks of the browser are therefore bound to
/// the page's lifetime in `task.rs`; what may outlive its page must not read.
#[test]
fn what_outlives_a_page_of_the_dashboard_reads_no_signal() {
    let reads = [
        ".get()",
        ".get_untracked()",
        ".with(",
        ".with_untracked(",
        ".get_value()",
        ".with_value(",
        ".read()",
    ];
    let callbacks = ["spawn_local(", "set_timeout(", "set_interval(", "request_animation_frame("];
    for path in files("dashboard/src/*.rs") {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        if name != "task.rs" {
            // The stream's own callbacks hold it weakly and read nothing else.
            let found = callbacks.iter().find(|callback| text.contains(*callback) && name != "stream.rs");
            assert!(found.is_none(), "{}: use `Lifetime` of task.rs instead of {found:?}", path.display());
        }
        for (at, call) in text.match_indices("task::spawn(") {
            let body = in_brackets(&text[at + call.len()..]);
            let read = reads.iter().find(|read| body.contains(*read));
            assert!(read.is_none(), "{}: {read:?} in a future that may outlive its page", path.display());
        }
    }
}

/// Returns the text up to the bracket that closes one that was opened before it.
fn in_brackets(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|character| {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// Every target can be made alone on a fresh clone: it sets up what it needs, and builds the `hearth` that it runs.
#[test]
fn targets_of_the_makefile_prepare_what_they_run() {
    let rules =
        ["Makefile", "image/image.mk"].map(|file| std::fs::read_to_string(root().join(file)).expect("UTF-8"));
    let targets: BTreeSet<&str> = rules
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix(".PHONY:"))
        .flat_map(str::split_whitespace)
        .collect();
    assert!(targets.len() > 10, "only {targets:?} were found");
    for target in targets {
        let output = Command::new("make")
            .args(["--dry-run", "--no-print-directory", target, "STORE=store", "PACKAGES=package"])
            .current_dir(root())
            .output()
            .expect("make runs");
        assert!(output.status.success(), "make {target}: {}", String::from_utf8_lossy(&output.stderr));
        let recipe = String::from_utf8_lossy(&output.stdout).into_owned();
        let before = |what: &str, one_of: &[&str]| {
            let Some(at) = recipe.find(what) else { return };
            let prepared = one_of.iter().any(|step| recipe[..at].contains(step));
            assert!(prepared, "make {target} runs `{what}` without one of {one_of:?} before it:\n{recipe}");
        };
        before("cargo nextest", &[".ci/setup", ".ci/test setup", "image/setup"]);
        before("cargo bench", &[".ci/setup"]);
        before("cargo build", &[".ci/setup", "image/setup"]);
        before("tests/docker/engines", &[".ci/test setup agent"]);
        before("debug/hearth\" ", &["cargo build --quiet --package hearth-cli"]);
        before("--test docker", &["cargo build --quiet --package hearth-cli", ".ci/test setup agent"]);
        // What is measured is what is released.
        before("--bench", &["cargo build --release --package hearth-cli"]);
    }
    let bench = ["stores.rs", "dashboard.rs", "site.rs"].map(|file| root().join("tests/bench").join(file));
    for path in bench {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        assert!(!text.contains("HearthSetup::new("), "{}: use HearthSetup::released", path.display());
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    for path in files("*.md") {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let from = path.parent().expect("a file has a folder");
            assert!(from.join(target).exists(), "{}: nothing at `{target}`", path.display());
        }
    }
}
