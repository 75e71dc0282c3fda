use hearth_model::os::SlotTask;
use hearth_update::slot::{self, Error, Machine};

use super::error::CliError;

/// What is to be done to the slots of this device.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// VERB:VERSION, such as write:1.4.0.
    task: SlotTask,
}

/// Does it, for `hearth-slot@.service`. The agent reads the answer from a file.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let running = hearth_host::os::observe(std::path::Path::new("/")).image_version;
    let machine = running.ok_or(Error::NotOurs).and_then(Machine::this);
    let done = match machine {
        Ok(machine) => machine.perform(args.task),
        Err(error) => slot::refuse(args.task, &error).and(Err(error)),
    };
    done.map_err(|error| CliError::failed(error.to_string()))
}
