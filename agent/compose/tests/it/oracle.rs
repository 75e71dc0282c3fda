//! Docker Compose as the judge of what a Compose file means.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::corpus::{Case, Folder, HOME, cases};
use crate::differences::ALLOWED;

fn tool() -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/docker-compose");
    assert!(
        tool.exists(),
        "{} is missing, which these tests compare with; run agent/compose/tests/oracle/fetch once",
        tool.display()
    );
    tool
}

fn docker_compose(case: &Case) -> Result<Value, String> {
    let mut command = Command::new(tool());
    command.current_dir(&case.dir).env_clear().env("HOME", HOME).env("PATH", "/usr/bin:/bin");
    if case.name != "name-from-file" {
        command.args(["--project-name", "demo"]);
    }
    for file in &case.files {
        command.args(["--file", file]);
    }
    for profile in &case.profiles {
        command.args(["--profile", profile]);
    }
    if case.dir.join("variables.env").exists() {
        command.args(["--env-file", "variables.env"]);
    }
    let output = command.args(["config", "--format", "json"]).output().expect("it was there a moment ago");
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).expect("Docker Compose prints JSON"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn compare(ours: &Value, theirs: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let pointer = format!("{pointer}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(a, b, &pointer, found),
                    (a, b) => found.push((pointer, format!("ours {a:?}, Docker Compose {b:?}"))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                compare(a, b, &format!("{pointer}/{n}"), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push((pointer.to_owned(), format!("ours {a}, Docker Compose {b}"))),
    }
}

#[test]
fn every_case_means_what_docker_compose_says() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let cases = cases();
    assert!(cases.len() >= 60, "the corpus has only {} cases", cases.len());
    for case in &cases {
        let reader = Folder(case.dir.clone());
        let mut found = Vec::new();
        match (hearth_compose::config(&case.input(&reader)), docker_compose(case)) {
            (Ok(ours), Ok(theirs)) => compare(&ours, &theirs, "", &mut found),
            (Err(ours), Ok(_)) => found.push((String::new(), format!("only we refuse it: {ours}"))),
            (Ok(_), Err(theirs)) => {
                found.push((String::new(), format!("only Docker Compose refuses it: {theirs}")));
            }
            (Err(ours), Err(theirs)) => {
                found.push((String::new(), format!("both refuse it: {ours}\n{theirs}")));
            }
        }
        for (pointer, what) in found {
            let allowed = ALLOWED.iter().position(|d| d.case == case.name && d.pointer == pointer);
            match allowed {
                Some(n) => {
                    seen.insert(n);
                }
                None => wrong.push(format!("{} {pointer}: {what}", case.name)),
            }
        }
    }
    for (_, difference) in ALLOWED.iter().enumerate().filter(|(n, _)| !seen.contains(n)) {
        let (case, pointer, reason) = (difference.case, difference.pointer, difference.reason);
        wrong.push(format!("{case} {pointer}: no longer differs; take it off the list ({reason})"));
    }
    assert!(wrong.is_empty(), "{} differences that are not on the list:\n{}", wrong.len(), wrong.join("\n"));
}
