//! `hearth flash`: an image of the operating system onto a disk. Needs no service.

/// Questions on the terminal.
mod ask;
/// How far it is.
mod report;
/// What the first start finds.
mod settings;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use hearth_host::flash::{
    self, Checked, Checksum, Connection, Device, Disk, Error, Image, Key, Signature, System, Uses,
};
use hearth_model::Bytes;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::output::{Output, note, table};
use report::{Event, Report};

/// Where a release says by which key it is signed.
const RELEASE_KEY: &str = "/usr/share/hearth/release-key.pub";

/// Puts an image of Hearth on a disk; everything on that disk is gone then.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The image, `hearth_<version>.raw.zst` or `.raw`; without it, the disks that could take one are listed.
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// The disk, for example `/dev/sdb`; without it, you are asked.
    #[arg(value_name = "DEVICE")]
    device: Option<PathBuf>,
    /// Does not ask for confirmation.
    #[arg(long, short)]
    yes: bool,
    /// The key that the image has to be signed with: a file of minisign, or the key itself.
    #[arg(long, value_name = "KEY", conflicts_with = "unsigned")]
    key: Option<String>,
    /// Accepts an unsigned image although the key of releases is known here.
    #[arg(long)]
    unsigned: bool,
    #[command(flatten)]
    settings: settings::Args,
}

/// Lists disks, or writes an image to one.
pub(super) fn run(output: &Output, args: &Args) -> Result<(), CliError> {
    let system = System::default();
    let Some(path) = &args.image else { return list(output, &system) };
    // Whatever is wrong with what was asked for is said before anything long begins.
    let mut settings = args.settings.read()?;
    let image = Image::open(path)?;
    let key = args.release_key()?;
    let disk = match &args.device {
        Some(device) => system.disk_at(device)?,
        None => choose(&system, &image)?,
    };
    may_be_written(&system, &disk, &image)?;
    if settings.is_empty() && can_ask(output) && !args.yes {
        settings = settings::ask()?;
    }
    if !settings.is_empty() {
        image.boot_partition()?;
    }
    // An image without a place for settings makes up a code of its own, and shows it on the screen.
    if image.boot_partition().is_ok() {
        settings::add_setup_code(&mut settings)?;
    }
    if !args.yes {
        confirm(output, &disk)?;
    }

    let mut report = Report::new(output);
    let checked = image.check(key.as_ref(), &mut |progress| report.progress(progress));
    let checked = report.end(checked)?;
    report.event(&Event::Checked {
        sha256: checked.sha256.clone(),
        checksum: checked.checksum == Checksum::Holds,
        signature: matches!(checked.signature, Signature::Holds(_)),
    })?;
    tell_check(&checked);

    // It was some time ago, and meanwhile a desktop may have mounted it.
    may_be_written(&system, &disk, &image)?;
    let mut device = Device::open(&disk)?;
    let written = flash::write(&image, &mut device, &mut |progress| report.progress(progress));
    let written = report.end(written)?;
    let same = flash::read_back(&written, &device, &mut |progress| report.progress(progress));
    report.end(same)?;
    if !settings.is_empty() {
        settings.put(&device, &image.boot_partition()?)?;
    }
    report.event(&Event::Done {
        device: disk.path.display().to_string(),
        bytes: written.size_bytes(),
        zero_bytes: written.zero_bytes(),
        settings: !settings.is_empty(),
        setup_code: settings.setup_code.as_ref().map(ToString::to_string),
    })?;
    if output.is_json() {
        return Ok(());
    }
    let name = disk.path.display();
    output.text(&format!(
        "{name} holds Hearth now, and what was read back is the same. Plug it into the box, and switch it on."
    ))?;
    if let Some(code) = &settings.setup_code {
        let host = settings.hostname.as_deref().unwrap_or("hearth");
        output.text(&format!("Set it up at http://{host}.local/#setup={code} or, by another address, with the set-up code {code}."))?;
    }
    Ok(())
}

impl Args {
    /// Returns the key that the image has to be signed with, if one is known.
    fn release_key(&self) -> Result<Option<Key>, CliError> {
        if self.unsigned {
            return Ok(None);
        }
        let key = match &self.key {
            Some(key) if Path::new(key).is_file() => Key::read(Path::new(key)),
            Some(key) => Key::parse(key),
            None if Path::new(RELEASE_KEY).is_file() => Key::read(Path::new(RELEASE_KEY)),
            None => return Ok(None),
        };
        Ok(Some(key?))
    }
}

/// A disk as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    disk: Disk,
    /// Why it cannot be written, if so.
    refused: Option<String>,
}

fn list(output: &Output, system: &System) -> Result<(), CliError> {
    let uses = Uses::read(system)?;
    let mut disks = system.disks()?;
    disks.retain(Disk::is_offered);
    let listed: Vec<Listed> = disks
        .into_iter()
        .map(|disk| Listed { refused: flash::refusal(&disk, &uses, 0).map(|why| why.to_string()), disk })
        .collect();
    output.value(&listed, |listed| disks_in_words(listed))
}

fn disks_in_words(listed: &[Listed]) -> String {
    let rows: Vec<[String; 4]> = listed.iter().map(|one| row(&one.disk)).collect();
    let none = "no disk that can be plugged in is here; plug one in, or name a built-in one: `hearth flash IMAGE DEVICE`";
    let mut text = table(["DISK", "SIZE", "MODEL", "ON IT"], &rows, none);
    for why in listed.iter().filter_map(|one| one.refused.as_ref()) {
        text.push_str(&format!("not now: {why}\n"));
    }
    text
}

fn row(disk: &Disk) -> [String; 4] {
    let model = disk.model.clone().unwrap_or_else(|| "unknown".to_owned());
    [disk.path.display().to_string(), Bytes(disk.size_bytes).to_string(), model, on_it(disk)]
}

/// Says what would be gone.
fn on_it(disk: &Disk) -> String {
    let mut parts: Vec<String> = disk.content.iter().cloned().collect();
    parts.extend(disk.partitions.iter().map(|part| {
        let content = part.content.as_deref().unwrap_or("unknown");
        format!("{content} ({})", Bytes(part.size_bytes))
    }));
    if parts.is_empty() { "nothing that is known".to_owned() } else { parts.join(", ") }
}

fn choose(system: &System, image: &Image) -> Result<Disk, CliError> {
    let uses = Uses::read(system)?;
    let mut disks = system.disks()?;
    disks.retain(|disk| disk.is_offered() && flash::refusal(disk, &uses, image.size_bytes()).is_none());
    let rows: Vec<[String; 4]> = disks.iter().map(row).collect();
    let none = "no disk that can be plugged in is here, is large enough and is not in use";
    let text = table(["DISK", "SIZE", "MODEL", "ON IT"], &rows, none);
    if disks.is_empty() || !std::io::stdin().is_terminal() {
        return Err(CliError::new(
            Exit::Usage,
            format!("name the disk: `hearth flash IMAGE DEVICE`\n{text}"),
        ));
    }
    note(text.trim_end());
    let names: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    let question = format!("Which one ({})? ", names.join(", "));
    let answer = ask::line(&question)?;
    let chosen = disks.into_iter().find(|disk| disk.name == answer || disk.path == Path::new(&answer));
    chosen.ok_or_else(|| CliError::new(Exit::Usage, format!("no disk of the list is called `{answer}`")))
}

fn may_be_written(system: &System, disk: &Disk, image: &Image) -> Result<(), CliError> {
    let uses = Uses::read(system)?;
    flash::refusal(disk, &uses, image.size_bytes()).map_or(Ok(()), |why| Err(Error::from(why).into()))
}

fn can_ask(output: &Output) -> bool {
    !output.is_json() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn confirm(output: &Output, disk: &Disk) -> Result<(), CliError> {
    let [path, size, model, content] = row(disk);
    if !can_ask(output) {
        let message = format!("{path} ({model}, {size}) would be overwritten; `--yes` says that you mean it");
        return Err(CliError::new(Exit::Refused, message));
    }
    let place = match disk.connection {
        _ if disk.is_offered() => "",
        Connection::Loop => ", a file that is used as a disk",
        _ => ", a disk that is built into this machine",
    };
    note(&format!("Everything on {path} ({model}, {size}{place}) will be gone: {content}."));
    let answer = ask::line(&format!("Type `{}` if you mean it: ", disk.name))?;
    if answer == disk.name { Ok(()) } else { Err(CliError::new(Exit::Refused, "nothing was written")) }
}

fn tell_check(checked: &Checked) {
    if let Checksum::Absent(path) = &checked.checksum {
        note(&format!("the image has no checksum beside it (`{}`), so it was not checked", path.display()));
    }
    match &checked.signature {
        Signature::Holds(comment) => note(&format!("signed: {comment}")),
        Signature::NoKey => {
            note("no key of releases is known here, so nobody vouches for the image; `--key` names one");
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        let words = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
        Self::new(exit(&error), words.collect::<Vec<_>>().join(": "))
    }
}

fn exit(error: &Error) -> Exit {
    match error {
        Error::Refused(_) | Error::Checksum { .. } | Error::Unsigned { .. } | Error::Signature { .. } => {
            Exit::Refused
        }
        Error::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Exit::NotFound,
        Error::NotAnImage { .. } | Error::Key { .. } | Error::Setting(_) => Exit::Usage,
        _ => Exit::Failed,
    }
}
