use std::io::{self, Read, Write};
use std::process::ExitCode;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;

use hearth_daemon::{SCRIPTS_SOCKET, wire};
use wire::Frame;

/// What a script of a package asks of the box, in the words of `scripts/app`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Hands a script's words on, reads and writes for the answer, and ends as that says.
pub(super) fn run(args: &Args) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| {
        let ended = runtime.block_on(speak(&args.words));
        // Standard input may still be waited for; nobody wants it any more.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(code) => code.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "hearth: the box does not answer this script ({error})");
            ExitCode::FAILURE
        }
    }
}

async fn speak(words: &[String]) -> io::Result<u8> {
    let (mut from, mut to) = UnixStream::connect(SCRIPTS_SOCKET).await?.into_split();
    wire::write_words(&mut to, words).await?;
    let mut to = Some(to);
    loop {
        match wire::read(&mut from).await? {
            Frame::Input => {
                if let Some(to) = to.take() {
                    tokio::spawn(feed(to));
                }
            }
            Frame::Output(bytes) => {
                let mut output = io::stdout().lock();
                output.write_all(&bytes).and_then(|()| output.flush())?;
            }
            Frame::Errors(bytes) => io::stderr().lock().write_all(&bytes)?,
            Frame::Ended(code) => return Ok(code),
        }
    }
}

/// Sends what the script reads, to its end.
async fn feed(mut to: OwnedWriteHalf) {
    loop {
        let mut bytes = vec![0; 64 * 1024];
        let read = tokio::task::spawn_blocking(move || {
            let read = io::stdin().read(&mut bytes)?;
            bytes.truncate(read);
            Ok::<_, io::Error>(bytes)
        });
        let Ok(Ok(bytes)) = read.await else { break };
        // Whoever reads may have had enough.
        if bytes.is_empty() || to.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
