use std::io::BufRead;

use hearth_model::api::session::{SessionState, SetUp, SetUpCode};
use hyper::Method;

use super::client::Client;
use super::error::{CliError, Exit};
use super::output::Output;

/// Longest line that is read as a password, in bytes; longer ones are refused by the service anyway.
const MAX_LINE_BYTES: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name to sign in with.
    #[arg(long, value_name = "NAME")]
    username: String,
}

/// Makes the first owner's account. The password is the first line of standard input, so that no list of processes
/// shows it.
pub(super) async fn run(client: &Client, output: &Output, args: Args) -> Result<(), CliError> {
    let password = first_line(std::io::stdin().lock())?;
    let set_up = SetUp { username: args.username, password, code: None };
    let state: SessionState = client.send(Method::POST, "/setup", &set_up).await?;
    output.value(&state, |_| format!("{} owns this box now", set_up.username))
}

/// Prints the set-up code of a box without an owner.
pub(super) async fn code(client: &Client, output: &Output) -> Result<(), CliError> {
    let answer: SetUpCode = client.get("/setup/code").await?;
    output.value(&answer, |answer| answer.code.clone())
}

fn first_line(input: impl BufRead) -> Result<String, CliError> {
    let mut line = String::new();
    input.take(MAX_LINE_BYTES).read_line(&mut line).map_err(|error| {
        CliError::new(Exit::Usage, format!("standard input cannot be read as a password: {error}"))
    })?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(CliError::new(Exit::Usage, "expected the password on standard input, found nothing"));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        assert_eq!(first_line(&b"correct horse\r\nand more"[..]).unwrap(), "correct horse");
        let error = first_line(&b"\n"[..]).unwrap_err();
        assert_eq!((error.exit, error.message.contains("found nothing")), (Exit::Usage, true));
    }
}
