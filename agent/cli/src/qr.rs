use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::error::{CliError, Exit};
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What a phone reads, for example an address.
    text: String,
}

/// Draws a QR code with half blocks, for a screen with light text on a dark ground.
pub(super) fn run(output: &Output, args: &Args) -> Result<(), CliError> {
    let code = QrCode::new(&args.text).map_err(|error| {
        let length = args.text.len();
        CliError::new(Exit::Usage, format!("{length} bytes do not fit into a QR code: {error}"))
    })?;
    // The library's `Dark` is a lit character. Readers expect dark modules on a light ground, so the light ones are lit.
    output.text(&code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}
