//! A bus of the test's own, with the real `dbus-daemon`, and what answers there for systemd and logind: the units of the slots
//! do to the files of the boot partition what they do on a device.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::machine::Machine;
use crate::process::Process;
use crate::wait::{Answer, wait_for};
use anyhow::{Context as _, Result};
use hearth_model::os::{BootEntry, ReleaseVersion, SlotAnswer, SlotTask, SlotVerb};
use tokio::runtime::Runtime;
use zbus::{Connection, ObjectServer, OwnedObjectPath, fdo, interface};

const JOB: &str = "/org/freedesktop/systemd1/job/1";
const ENGINE: &str = "/org/freedesktop/systemd1/unit/docker_2eservice";

/// The bus, and what was asked of systemd and logind there. They go with this value.
pub struct Systemd {
    address: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
    _services: Connection,
    _daemon: Process,
}

#[derive(Default)]
struct Shared {
    root: PathBuf,
    asked: Mutex<Vec<String>>,
    /// What the next task is answered with, in place of its being done.
    fails: Mutex<Option<String>>,
    /// How the engine's unit is: `ActiveState`, `SubState`, and the number of its job.
    engine: Mutex<(&'static str, &'static str, u32)>,
}

impl Systemd {
    /// Starts a bus; `root` is the root of the system whose boot partition is changed.
    pub fn start(machine: &Machine, root: &Path) -> Result<Self> {
        let socket = machine.path("bus.sock");
        let config = machine.path("bus.conf");
        fs::write(
            &config,
            format!(
                "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
                 <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>",
                socket.display()
            ),
        )?;
        let mut command = Command::new("dbus-daemon");
        command.arg(format!("--config-file={}", config.display())).args(["--nofork", "--nopidfile"]);
        let daemon = Process::start(command, &machine.path("bus.log"))?;
        wait_for("the bus", Duration::from_secs(10), || {
            Ok(Answer::when(UnixStream::connect(&socket).is_ok(), "nobody listens"))
        })?;

        let address = format!("unix:path={}", socket.display());
        let shared = Arc::new(Shared { root: root.to_owned(), ..Shared::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let services = runtime.block_on(async {
            zbus::connection::Builder::address(address.as_str())
                .serve_at("/org/freedesktop/systemd1", Manager(Arc::clone(&shared)))
                .serve_at(ENGINE, Unit(Arc::clone(&shared)))
                .serve_at("/org/freedesktop/login1", Login(Arc::clone(&shared)))
                .name("org.freedesktop.systemd1")
                .name("org.freedesktop.login1")
                .build()
                .await
        })?;
        Ok(Self { address, shared, _runtime: runtime, _services: services, _daemon: daemon })
    }

    /// Returns the bus's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns everything that was asked for, in order: units by name, and `reboot`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }

    /// Has the next task on the slots fail.
    pub fn fail_next(&self, reason: &str) {
        *lock(&self.shared.fails) = Some(reason.to_owned());
    }

    /// Has the engine's unit be like this: `ActiveState`, `SubState`, and the number of its job or 0.
    pub fn set_engine(&self, active: &'static str, sub: &'static str, job: u32) {
        *lock(&self.shared.engine) = (active, sub, job);
    }

    /// Waits until the box is to restart for the `times`th time.
    pub fn wait_for_reboot(&self, times: usize) -> Result<()> {
        wait_for("the restart", Duration::from_secs(30), || {
            let asked = self.asked();
            let reboots = asked.iter().filter(|what| *what == "reboot").count();
            Ok(Answer::when(reboots >= times, format!("{asked:?}")))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Manager(Arc<Shared>);

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn start_unit(
        &self,
        name: String,
        _mode: String,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> fdo::Result<OwnedObjectPath> {
        lock(&self.0.asked).push(name.clone());
        let path = OwnedObjectPath::try_from(JOB).map_err(|error| fdo::Error::Failed(error.to_string()))?;
        server.at(&path, Job).await?;
        let (shared, server, gone) = (Arc::clone(&self.0), server.clone(), path.clone());
        tokio::spawn(async move {
            // It takes its time, so that it is waited for.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let _ended = shared.run(&name);
            let _gone = server.remove::<Job, _>(&gone).await;
        });
        Ok(path)
    }

    fn get_unit(&self, name: &str) -> fdo::Result<OwnedObjectPath> {
        if name != "docker.service" {
            return Err(fdo::Error::Failed(format!("Unit {name} not loaded.")));
        }
        OwnedObjectPath::try_from(ENGINE).map_err(|error| fdo::Error::Failed(error.to_string()))
    }

    fn stop_unit(&self, name: &str, _mode: &str) -> fdo::Result<OwnedObjectPath> {
        lock(&self.0.asked).push(format!("stop {name}"));
        OwnedObjectPath::try_from("/org/freedesktop/systemd1/job/2")
            .map_err(|error| fdo::Error::Failed(error.to_string()))
    }
}

struct Unit(Arc<Shared>);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn active_state(&self) -> String {
        lock(&self.0.engine).0.to_owned()
    }

    #[zbus(property)]
    fn sub_state(&self) -> String {
        lock(&self.0.engine).1.to_owned()
    }

    #[zbus(property)]
    fn job(&self) -> (u32, OwnedObjectPath) {
        (lock(&self.0.engine).2, OwnedObjectPath::default())
    }
}

struct Job;

#[interface(name = "org.freedesktop.systemd1.Job")]
impl Job {
    #[zbus(property)]
    fn state(&self) -> &str {
        "running"
    }
}

struct Login(Arc<Shared>);

#[interface(name = "org.freedesktop.login1.Manager")]
impl Login {
    fn reboot(&self, _interactive: bool) {
        lock(&self.0.asked).push("reboot".to_owned());
    }
}

impl Shared {
    /// Does what the unit does to the boot partition, and answers as it does.
    fn run(&self, unit: &str) -> Result<()> {
        let task = unit.strip_prefix("hearth-slot@").and_then(|rest| rest.strip_suffix(".service"));
        let SlotTask { verb, version } = task.with_context(|| format!("no unit {unit}"))?.parse()?;
        let reason = lock(&self.fails).take();
        if reason.is_none() {
            self.change(verb, version)?;
        }
        let answer = SlotAnswer { verb, version, ok: reason.is_none(), reason };
        let folder = self.root.join("run/hearth/slot");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{}.json", verb.name())), serde_json::to_vec(&answer)?)?;
        Ok(())
    }

    fn change(&self, verb: SlotVerb, version: ReleaseVersion) -> Result<()> {
        match verb {
            SlotVerb::Write | SlotVerb::Boot => Ok(()),
            SlotVerb::Enable => set_entry(&self.root, version, Some("+3-0")),
            SlotVerb::Withdraw => set_entry(&self.root, version, None),
            SlotVerb::Bless => set_entry(&self.root, version, Some("")),
            SlotVerb::Bad => set_entry(&self.root, version, Some("+0-3")),
        }
    }
}

/// Gives the boot loader's entry of a release another counter, makes it, or removes it.
pub fn set_entry(root: &Path, version: ReleaseVersion, counter: Option<&str>) -> Result<()> {
    let folder = root.join("boot/EFI/Linux");
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if BootEntry::of_file(&name).is_some_and(|entry| entry.version == version) {
            fs::remove_file(path)?;
        }
    }
    match counter {
        Some(counter) => Ok(fs::write(folder.join(format!("hearth_{version}{counter}.efi")), "a kernel")?),
        None => Ok(()),
    }
}
