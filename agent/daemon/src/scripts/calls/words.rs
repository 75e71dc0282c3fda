use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use hearth_docker::Exec;
use hearth_model::{AppId, ServiceName};

/// What a script wants of its own app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// Services, with all that they depend on, are made and started; all when there are none.
    Up {
        services: Vec<ServiceName>,
        /// How long to wait until they are healthy; `None` is not at all.
        wait: Option<Duration>,
    },
    /// Services are stopped; all when there are none.
    Stop { services: Vec<ServiceName> },
    /// Services are stopped and started; all when there are none.
    Restart { services: Vec<ServiceName> },
    /// A program runs in the container of a service.
    Exec { service: ServiceName, exec: Exec },
    /// A program runs in a container of its own, which is made like that of a service and goes with the program.
    Run {
        service: ServiceName,
        /// In place of the service's own command when it is not empty.
        exec: Exec,
        entrypoint: Option<String>,
        /// Whether what the service depends on is started first.
        with_dependencies: bool,
    },
}

/// Without what is given to programs: it may be a password.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, services) = match self {
            Self::Up { services, .. } => ("up", services.as_slice()),
            Self::Stop { services } => ("stop", services.as_slice()),
            Self::Restart { services } => ("restart", services.as_slice()),
            Self::Exec { service, .. } => ("exec in", std::slice::from_ref(service)),
            Self::Run { service, .. } => ("run like", std::slice::from_ref(service)),
        };
        write!(f, "{verb}")?;
        services.iter().try_for_each(|service| write!(f, " {service}"))
    }
}

/// The words that `scripts/app` of umbrelOS knows
/// ([app-script](https://github.com/getumbrel/umbrel/blob/122e4c94d408/packages/umbreld/source/modules/apps/legacy-compat/app-script)),
/// as far as scripts of packages use them.
#[derive(Debug, Parser)]
#[command(
    name = "scripts/app",
    no_binary_name = true,
    disable_help_flag = true,
    disable_help_subcommand = true
)]
enum Words {
    Start { app: String },
    Stop { app: String },
    Restart { app: String },
    Compose(Compose),
}

#[derive(Debug, Args)]
struct Compose {
    app: String,
    #[arg(short, long)]
    file: Vec<String>,
    #[command(subcommand)]
    command: ComposeCommand,
}

/// What [Docker Compose](https://docs.docker.com/reference/cli/docker/compose/) knows, as far as scripts of packages use it.
#[derive(Debug, Subcommand)]
enum ComposeCommand {
    Up {
        /// Always so: nothing here could be attached to.
        #[arg(short, long)]
        detach: bool,
        #[arg(long)]
        wait: bool,
        #[arg(long)]
        wait_timeout: Option<u64>,
        services: Vec<ServiceName>,
    },
    Start {
        services: Vec<ServiceName>,
    },
    Stop {
        services: Vec<ServiceName>,
    },
    Restart {
        services: Vec<ServiceName>,
    },
    Exec(Program),
    Run {
        /// Always so.
        #[arg(long)]
        rm: bool,
        #[arg(long)]
        entrypoint: Option<String>,
        #[arg(long)]
        no_deps: bool,
        #[command(flatten)]
        program: Program,
    },
}

#[derive(Debug, Args)]
struct Program {
    /// Always so.
    #[arg(short = 'T', long = "no-TTY")]
    no_tty: bool,
    /// Always so.
    #[arg(short, long)]
    interactive: bool,
    #[arg(short, long)]
    workdir: Option<String>,
    #[arg(short, long)]
    user: Option<String>,
    #[arg(short, long, value_parser = variable)]
    env: Vec<(String, String)>,
    service: ServiceName,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Program {
    fn parts(self) -> (ServiceName, Exec) {
        let Self { no_tty: _, interactive: _, workdir, user, env, service, command } = self;
        let environment = env.into_iter().collect::<BTreeMap<_, _>>();
        (service, Exec { command, environment, user, working_dir: workdir })
    }
}

/// How long `up --wait` waits that says no time itself.
const WAIT: Duration = Duration::from_secs(240);

/// Reads what a script of an app called the platform's command with.
///
/// # Errors
/// A sentence for the script's output: the words mean nothing, or another app.
pub(super) fn parse(app: &AppId, words: &[String]) -> Result<Call, String> {
    let words = split(words);
    let of = |name: &str| {
        if name == app.as_str() {
            Ok(())
        } else {
            Err(format!(
                "a script of {app} may not touch {name}, which is another app; do it on the page of {name}"
            ))
        }
    };
    let all = Vec::new;
    match Words::try_parse_from(&words).map_err(|error| refusal(&words, &error))? {
        Words::Start { app } => of(&app).map(|()| Call::Up { services: all(), wait: None }),
        Words::Stop { app } => of(&app).map(|()| Call::Stop { services: all() }),
        Words::Restart { app } => of(&app).map(|()| Call::Restart { services: all() }),
        Words::Compose(Compose { app, file, command }) => {
            of(&app)?;
            if let Some(file) = file.first() {
                return Err(format!("{file} is not read: containers are made from the package alone"));
            }
            Ok(compose(command))
        }
    }
}

fn compose(command: ComposeCommand) -> Call {
    match command {
        ComposeCommand::Up { detach: _, wait, wait_timeout, services } => {
            let wait = wait.then(|| wait_timeout.map_or(WAIT, Duration::from_secs));
            Call::Up { services, wait }
        }
        ComposeCommand::Start { services } => Call::Up { services, wait: None },
        ComposeCommand::Stop { services } => Call::Stop { services },
        ComposeCommand::Restart { services } => Call::Restart { services },
        ComposeCommand::Exec(program) => {
            let (service, exec) = program.parts();
            Call::Exec { service, exec }
        }
        ComposeCommand::Run { rm: _, entrypoint, no_deps, program } => {
            let (service, exec) = program.parts();
            Call::Run { service, exec, entrypoint, with_dependencies: !no_deps }
        }
    }
}

/// What `compose` is called with umbrelOS splits once more at white space, and packages are written for that: one gives
/// `run` a whole line as one word.
fn split(words: &[String]) -> Vec<String> {
    if words.first().is_none_or(|first| first != "compose") {
        return words.to_vec();
    }
    words.iter().flat_map(|word| word.split_ascii_whitespace()).map(str::to_owned).collect()
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a variable is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The first line says it; the rest is about a help that there is not. Later words may be a password.
fn refusal(words: &[String], error: &clap::Error) -> String {
    let said = error.to_string();
    let first = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let told = &words[..words.len().min(3)];
    format!("`scripts/app {}` is not for scripts: {first}", told.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<Call, String> {
        let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        parse(&"wiki".parse().expect("valid"), &words)
    }

    fn services(names: &[&str]) -> Vec<ServiceName> {
        names.iter().map(|name| name.parse().expect("valid")).collect()
    }

    fn exec(command: &[&str]) -> Exec {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Exec { command, environment: BTreeMap::new(), user: None, working_dir: None }
    }

    #[test]
    fn what_packages_say_is_understood() {
        let wait = Some(Duration::from_secs(90));
        for (line, call) in [
            ("start wiki", Call::Up { services: vec![], wait: None }),
            (
                "compose wiki up --detach web tor",
                Call::Up { services: services(&["web", "tor"]), wait: None },
            ),
            ("compose wiki up -d --wait --wait-timeout 90", Call::Up { services: vec![], wait }),
            ("compose wiki start web", Call::Up { services: services(&["web"]), wait: None }),
            ("compose wiki stop", Call::Stop { services: vec![] }),
            ("restart wiki", Call::Restart { services: vec![] }),
            (
                "compose wiki exec -T web thelounge add x --password y",
                Call::Exec {
                    service: "web".parse().expect("valid"),
                    exec: exec(&["thelounge", "add", "x", "--password", "y"]),
                },
            ),
            (
                "compose wiki run --rm -w /var/www -e A=b=c app php artisan --show -n",
                Call::Run {
                    service: "app".parse().expect("valid"),
                    exec: Exec {
                        environment: BTreeMap::from([("A".to_owned(), "b=c".to_owned())]),
                        working_dir: Some("/var/www".to_owned()),
                        ..exec(&["php", "artisan", "--show", "-n"])
                    },
                    entrypoint: None,
                    with_dependencies: true,
                },
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(read(&words), Ok(call), "{line}");
        }
    }

    #[test]
    fn compose_splits_its_words_once_more() {
        let call = read(&["compose", "wiki", "run", "--rm", "web", "./create-user -admin", " "]);
        let Ok(Call::Run { exec, .. }) = call else { panic!("{call:?}") };
        assert_eq!(exec.command, ["./create-user", "-admin"]);
    }

    #[test]
    fn another_app_another_file_and_other_words_are_refused() {
        for (line, because) in [
            ("restart other", "may not touch other, which is another app"),
            ("compose other exec web sh", "may not touch other"),
            ("compose wiki --file x.yml up", "x.yml is not read"),
            ("compose wiki down --volumes", "is not for scripts"),
            ("compose wiki exec --privileged web sh", "unexpected argument '--privileged'"),
            ("install tailscale", "`scripts/app install tailscale` is not for scripts"),
            ("", "is not for scripts"),
            ("--help", "is not for scripts"),
        ] {
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            let refusal = read(&words).expect_err(line);
            assert!(refusal.contains(because), "{line}: {refusal}");
        }
    }

    #[test]
    fn a_password_is_not_told_on() {
        let add = "compose wiki exec -e TOKEN=secret web adduser --password secret";
        let words: Vec<&str> = add.split(' ').collect();
        assert_eq!(read(&words).expect("understood").to_string(), "exec in web");
        let wrong: Vec<&str> = "compose wiki exec -u secret --unknown web".split(' ').collect();
        let refusal = read(&wrong).expect_err("unknown");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}
