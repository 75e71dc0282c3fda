use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use hearth_compose::{Diagnostics, ProjectInput, Reader, SourceFile};

use super::error::{CliError, Exit};
use super::file;
use super::output::{Output, note};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Prints a project with everything resolved, as `docker compose config --format json` does.
    Config(Config),
}

#[derive(Debug, clap::Args)]
pub(super) struct Config {
    /// A Compose file; later ones override earlier ones. `-` reads standard input.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// A file of variables, instead of `.env` beside the first Compose file.
    #[arg(long = "env-file", value_name = "FILE")]
    env_files: Vec<PathBuf>,
    /// The project's name.
    #[arg(short, long)]
    project_name: Option<String>,
    /// Where relative paths start, instead of the folder of the first Compose file.
    #[arg(long, value_name = "DIR")]
    project_directory: Option<PathBuf>,
    /// A profile that is active; `*` for all.
    #[arg(long = "profile", value_name = "NAME")]
    profiles: Vec<String>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// JSON.
    Json,
}

pub(super) fn run(command: Command) -> Result<(), CliError> {
    let Command::Config(args) = command;
    let Config { files, env_files, project_name, project_directory, profiles, format } = args;
    let working_dir = working_dir(project_directory.as_deref(), &files)?;
    let environment = environment(&working_dir, &env_files)?;
    let files = files.iter().map(|path| source(path)).collect::<Result<Vec<_>, _>>()?;
    let name = project_name
        .or_else(|| environment.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty()).cloned());
    let input = ProjectInput {
        name,
        files,
        environment,
        working_dir: working_dir.display().to_string(),
        profiles,
        reader: &Files { working_dir: &working_dir },
    };
    let project = hearth_compose::load(&input).map_err(|problems| invalid(&problems))?;
    for warning in project.warnings.iter() {
        note(&warning.to_string());
    }
    match format {
        Format::Json => Output::new(true).value(&hearth_compose::config_json(&project), |_| String::new()),
    }
}

/// Files of the file system, relative to the project's folder. A person who names a Compose file may read what it names.
struct Files<'a> {
    working_dir: &'a Path,
}

impl Reader for Files<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        file::read_text(&self.working_dir.join(path)).map_err(|error| error.message)
    }

    fn exists(&self, path: &str) -> bool {
        self.working_dir.join(path).exists()
    }
}

fn working_dir(chosen: Option<&Path>, files: &[PathBuf]) -> Result<PathBuf, CliError> {
    let beside = files.first().and_then(|file| file.parent()).filter(|folder| !folder.as_os_str().is_empty());
    let folder = chosen.or(beside).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).map_err(|error| {
        let exit = if error.kind() == ErrorKind::NotFound { Exit::NotFound } else { Exit::Failed };
        CliError::new(exit, format!("the folder {} cannot be opened: {error}", folder.display()))
    })
}

fn source(path: &Path) -> Result<SourceFile, CliError> {
    SourceFile::from_bytes(path.display().to_string(), file::read(path)?)
        .map_err(|problems| invalid(&problems))
}

/// Variables of this process come before those of files
/// ([precedence](https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/)).
fn environment(working_dir: &Path, env_files: &[PathBuf]) -> Result<BTreeMap<String, String>, CliError> {
    let own: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let beside = working_dir.join(".env");
    let files = match env_files {
        [] if beside.is_file() => vec![beside],
        files => files.to_vec(),
    };
    let mut all = BTreeMap::new();
    for path in &files {
        let text = file::read_text(path)?;
        let mut known = all.clone();
        known.extend(own.clone());
        let read = hearth_compose::parse_env_file(&text, &path.display().to_string(), &known);
        all.extend(read.map_err(|problems| invalid(&problems))?);
    }
    all.extend(own);
    Ok(all)
}

fn invalid(problems: &Diagnostics) -> CliError {
    CliError::failed(problems.to_string())
}
