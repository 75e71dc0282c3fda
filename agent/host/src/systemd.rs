//! systemd, over D-Bus: units that do what the agent may not do itself, and the restart of the box
//! ([org.freedesktop.systemd1](https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html)).
//! Unlike the rest of this crate it is asynchronous, as D-Bus is.

use std::time::Duration;

use zbus::proxy::CacheProperties;
use zbus::{Connection, ObjectPath, OwnedObjectPath, Proxy};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const LOGIND: &str = "org.freedesktop.login1";
/// How often a unit is asked whether it has ended.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long D-Bus may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What went wrong with systemd.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or did not do what it was asked for.
    #[error("systemd did not {doing}: {source}")]
    Refused {
        /// What it was asked for.
        doing: String,
        /// What it said.
        source: zbus::Error,
    },
    /// It did not answer.
    #[error("systemd did not {doing} within {} s", .within.as_secs())]
    TimedOut {
        /// What it was asked for.
        doing: String,
        /// How long it was waited for.
        within: Duration,
    },
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// The system's service manager.
#[derive(Debug, Clone)]
pub struct Systemd {
    bus: Connection,
}

impl Systemd {
    /// Connects to the system bus, `$DBUS_SYSTEM_BUS_ADDRESS` where that is set.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connect() -> Result<Self> {
        Ok(Self { bus: answered("answer", Connection::system()).await? })
    }

    /// Starts a unit that ends by itself and waits until it has. Whether it did its work it has to say elsewhere.
    /// When the future is dropped the unit goes on.
    ///
    /// # Errors
    /// When systemd does not start it, or it takes longer than `within`; it goes on then.
    pub async fn run(&self, unit: &str, within: Duration) -> Result<()> {
        let doing = format!("start {unit}");
        let manager = self.manager().await?;
        let job: OwnedObjectPath = answered(&doing, manager.call("StartUnit", &(unit, "replace"))).await?;
        let ended = async {
            while self.is_waiting(&job).await {
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        let late = |_| Error::TimedOut { doing: format!("finish {unit}"), within };
        tokio::time::timeout(within, ended).await.map_err(late)
    }

    /// Stops a unit and waits until it has ended; one that does not run is fine.
    ///
    /// # Errors
    /// When systemd does not stop it within half a minute.
    pub async fn stop(&self, unit: &str) -> Result<()> {
        let doing = format!("stop {unit}");
        let manager = self.manager().await?;
        let stop = async {
            let job: OwnedObjectPath = manager.call("StopUnit", &(unit, "replace")).await?;
            while self.is_waiting(&job).await {
                tokio::time::sleep(ASK_EVERY).await;
            }
            Ok(())
        };
        match answered(&doing, stop).await {
            Err(Error::Refused { source: zbus::Error::MethodError(name, _, _), .. })
                if name.as_str() == "org.freedesktop.systemd1.NoSuchUnit" =>
            {
                Ok(())
            }
            result => result,
        }
    }

    /// Returns whether a unit is on its way up: being started, or waiting for its turn. One that failed and waits for its next
    /// try is not.
    ///
    /// # Errors
    /// When systemd does not know it, or does not answer.
    pub async fn is_starting(&self, unit: &str) -> Result<bool> {
        let doing = format!("say how {unit} is");
        let manager = self.manager().await?;
        let path: OwnedObjectPath = answered(&doing, manager.call("GetUnit", &(unit,))).await?;
        let ask = async {
            let unit = self.fresh(path, "org.freedesktop.systemd1.Unit").await?;
            let active: String = unit.get_property("ActiveState").await?;
            let sub: String = unit.get_property("SubState").await?;
            let (job, _): (u32, OwnedObjectPath) = unit.get_property("Job").await?;
            Ok(match active.as_str() {
                "activating" => !sub.starts_with("auto-restart"),
                "inactive" => job != 0,
                _ => false,
            })
        };
        answered(&doing, ask).await
    }

    /// Restarts the box, as `systemctl reboot` does. Returns as soon as that has begun.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn reboot(&self) -> Result<()> {
        let logind = self.proxy(LOGIND, "/org/freedesktop/login1", "org.freedesktop.login1.Manager").await?;
        answered("restart the box", logind.call("Reboot", &(false,))).await
    }

    async fn manager(&self) -> Result<Proxy<'_>> {
        self.proxy(SYSTEMD, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager").await
    }

    async fn proxy(
        &self,
        service: &'static str,
        path: &'static str,
        interface: &'static str,
    ) -> Result<Proxy<'_>> {
        answered("answer", Proxy::new(&self.bus, service, path, interface)).await
    }

    /// An object of systemd whose properties are asked for each time.
    async fn fresh(&self, path: OwnedObjectPath, interface: &'static str) -> zbus::Result<Proxy<'_>> {
        zbus::proxy::Builder::<Proxy<'_>>::new(&self.bus)
            .destination(SYSTEMD)
            .path(path)
            .interface(interface)
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    /// A job is there until its unit has started, which one that ends by itself has when it ended.
    async fn is_waiting(&self, job: &ObjectPath<'_>) -> bool {
        let state = async {
            self.fresh(job.to_owned().into(), "org.freedesktop.systemd1.Job")
                .await?
                .get_property::<String>("State")
                .await
        };
        match tokio::time::timeout(ANSWER_WITHIN, state).await {
            Ok(Ok(_)) => true,
            // It is gone: systemd knows no such object any more.
            Ok(Err(zbus::Error::MethodError(..) | zbus::Error::FDO(_))) => false,
            // The bus itself is in trouble; the caller's time runs.
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

async fn answered<T>(doing: &str, call: impl Future<Output = zbus::Result<T>>) -> Result<T> {
    match tokio::time::timeout(ANSWER_WITHIN, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(source)) => Err(Error::Refused { doing: doing.to_owned(), source }),
        Err(_) => Err(Error::TimedOut { doing: doing.to_owned(), within: ANSWER_WITHIN }),
    }
}
