use serde_json::Value;

/// Returns a `yq` that reads the Compose file that the app was installed from, whatever the folder has of it, by an expression
/// that `jq` understands too. Writing is refused: Hearth makes containers from the package, so nothing would come of an image
/// that a script puts there but a note that the data is migrated.
pub(super) fn command(compose: &str) -> String {
    let read: Value = serde_saphyr::from_str(compose).unwrap_or_default();
    format!("#!/bin/bash\n{READ}exec jq -r \"$expression\" <<'END'\n{read}\nEND\n")
}

/// Takes the command line apart. What `yq` prints without quotes by itself `jq` prints so with `-r`.
const READ: &str = r#"refuse() { echo "hearth: yq $1" >&2; exit 1; }
expression= file=
for word in "$@"; do
case $word in
-i | --inplace) refuse 'cannot change files: Hearth itself makes containers, from the package and not from its Compose file' ;;
-r | --unwrapScalar | e | eval) ;;
-*) refuse "knows no $word here" ;;
*) if [ -z "$expression" ]; then expression=$word; else file=$word; fi ;;
esac
done
[ -n "$expression" ] || refuse 'needs an expression'
case ${file:-docker-compose.yml} in
docker-compose.yml | */docker-compose.yml) ;;
*) refuse 'reads docker-compose.yml alone' ;;
esac
# A script that shows the file to it shows nothing: it does not lie in the app's folder.
if [ -z "$file" ] && [ -n "$(head -c 1)" ]; then refuse 'reads docker-compose.yml alone'; fi
"#;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    const COMPOSE: &str = "services:\n  server:\n    image: registry.example/photos:1.2@sha256:abc\n  machine-learning: { image: other:1 }\n";

    fn ask(arguments: &[&str], input: &str) -> (String, String) {
        let mut bash = Command::new("bash")
            .args(["-c", &command(COMPOSE), "yq"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash runs");
        // What does not read its input has ended before it is written.
        let _ = bash.stdin.take().expect("an input").write_all(input.as_bytes());
        let ended = bash.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (text(ended.stdout), text(ended.stderr))
    }

    #[test]
    fn images_of_the_compose_file_are_read() {
        for arguments in [
            &[".services.server.image", "/apps/photos/docker-compose.yml"][..],
            &["e", ".services.server.image", "docker-compose.yml"],
            &["-r", ".services.server.image"],
        ] {
            assert_eq!(ask(arguments, "").0, "registry.example/photos:1.2@sha256:abc\n", "{arguments:?}");
        }
        assert_eq!(ask(&[".services.\"machine-learning\".image"], "").0, "other:1\n");
        assert_eq!(ask(&[".services.nobody.image"], "").0, "null\n");
    }

    #[test]
    fn what_would_not_be_true_is_refused() {
        for (arguments, input, expected) in [
            (
                &["-i", ".services.server.image = \"older\"", "docker-compose.yml"][..],
                "",
                "cannot change files",
            ),
            (&[".a", "settings.yml"], "", "reads docker-compose.yml alone"),
            (&[".a"], "a: 1\n", "reads docker-compose.yml alone"),
            (&["-o", "json", ".a"], "", "knows no -o"),
            (&[], "", "needs an expression"),
        ] {
            let (output, error) = ask(arguments, input);
            assert!(output.is_empty() && error.contains(expected), "{arguments:?}: {output} {error}");
        }
    }
}
