use std::collections::BTreeMap;

use crate::condition::{AppState, Reason};
use crate::container::{ContainerSpec, PullPolicy};
use crate::hook::Hook;
use crate::id::{AppId, Digest, ServiceName};
use crate::image::ImageRef;
use crate::observed::OutsideVolume;
use crate::spec::{FileSpec, FolderSpec, NetworkSpec, VolumeSpec};
use crate::time::Timestamp;

/// What must happen next to get from observed to desired.
///
/// A plan goes only as far as can be seen now: where an app waits for a container to get healthy, its plan says so
/// in [`AppPlan::waiting`], and the next look goes on from there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Steps that belong to no single app: networks that several share. They run one by one, before any app's; when
    /// one fails the apps' steps go ahead all the same.
    pub shared: Vec<EngineStep>,
    /// By app. An app with nothing to do is there with no stages, for its state.
    pub apps: BTreeMap<AppId, AppPlan>,
    /// When to look again although nothing happened, if a deadline or a retry is due.
    pub look_again_at: Option<Timestamp>,
}

impl Plan {
    /// Tells whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.apps.values().all(|app| app.stages.is_empty())
    }

    /// Returns every step of the apps, app by app, in the order in which it may run; [`Plan::shared`] come before.
    pub fn steps(&self) -> impl Iterator<Item = (&AppId, &Step)> {
        self.apps.iter().flat_map(|(id, app)| app.stages.iter().flatten().map(move |step| (id, step)))
    }
}

/// What must happen for one app.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AppPlan {
    /// Stages in order; the steps of one stage may run at the same time. A failed step ends the app's turn, not
    /// that of other apps.
    pub stages: Vec<Vec<Step>>,
    /// The state the app is in, or on its way to.
    pub state: AppState,
    /// Why, when the state does not say it all.
    pub reason: Option<Reason>,
    /// What it waits for: nothing can be done about these services now.
    pub waiting: Vec<Waiting>,
}

/// A service that waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who waits.
    pub service: ServiceName,
    /// For whom.
    pub on: ServiceName,
    /// For what, in words: "to be healthy".
    pub until: String,
}

/// One call on the engine, on the app's folder, or of a script. Every step may be repeated: done twice is as good as done
/// once.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// One for the engine.
    Engine(EngineStep),
    /// One for the app's folder.
    Data(DataStep),
    /// Runs a script of the package in its sandbox, where there is one of that name. A script that fails is told to the
    /// owner and holds nothing up.
    RunHook {
        /// Whose.
        app: AppId,
        /// Which.
        hook: Hook,
    },
}

/// A step for the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineStep {
    /// Fetches an image.
    PullImage {
        /// Which.
        image: ImageRef,
        /// Whether one that is there will do.
        policy: PullPolicy,
        /// `os/arch[/variant]`, the engine's own when `None`.
        platform: Option<String>,
    },
    /// Makes a network.
    CreateNetwork {
        /// Whose; `None` for one that several apps share.
        app: Option<AppId>,
        /// Its name.
        name: String,
        /// What it is like.
        network: NetworkSpec,
    },
    /// Removes a network that nothing is connected to.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Makes a volume.
    CreateVolume {
        /// Whose.
        app: AppId,
        /// Its name.
        name: String,
        /// What it is like.
        volume: VolumeSpec,
    },
    /// Removes the engine's record of a volume. What it holds goes only if it is not in the app's folder.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Creates a container and connects it to its networks.
    CreateContainer {
        /// Whose.
        app: AppId,
        /// Its service.
        service: ServiceName,
        /// Digest of the package, for its label.
        package_digest: Digest,
        /// [`crate::desired::DesiredApp::restarts`], for its label.
        restarts: u64,
        /// What from.
        container: Box<ContainerSpec>,
    },
    /// Starts a container.
    StartContainer {
        /// Its name.
        name: String,
    },
    /// Stops a container: its stop signal, then SIGKILL once its grace period is over.
    StopContainer {
        /// Its name.
        name: String,
    },
    /// Removes a stopped container and its anonymous volumes.
    RemoveContainer {
        /// Its name.
        name: String,
    },
}

/// A step for the app's folder and its snapshots.
#[derive(Debug, Clone, PartialEq)]
pub enum DataStep {
    /// Makes the app's folder with its marker, when it is [`crate::observed::DataState::New`].
    CreateData {
        /// Whose.
        app: AppId,
    },
    /// Makes missing folders and writes files below the app's folder.
    WriteFiles {
        /// Whose.
        app: AppId,
        /// Folders by absolute path.
        folders: BTreeMap<String, FolderSpec>,
        /// Files by absolute path.
        files: BTreeMap<String, FileSpec>,
    },
    /// Copies what the anonymous volumes of a stopped container hold into the app's folder, before the container goes and
    /// takes them along. From then on the folder is what the service reads and writes.
    KeepVolumes {
        /// Whose.
        app: AppId,
        /// The container's service.
        service: ServiceName,
        /// The container's name.
        container: String,
        /// When the container was started last: a copy that was made since then is whole.
        started_at: Option<Timestamp>,
        /// The volumes, by their target in the container.
        volumes: BTreeMap<String, OutsideVolume>,
    },
    /// Copies the app's folder aside: a btrfs snapshot where it can, else a reflink or plain copy.
    SnapshotData {
        /// Whose.
        app: AppId,
        /// The snapshot's name.
        name: String,
    },
    /// Puts a snapshot in the place of the app's folder, in one atomic exchange; what was there is kept until the
    /// next update as `<name>.failed`.
    RestoreData {
        /// Whose.
        app: AppId,
        /// The snapshot's name.
        name: String,
    },
    /// Removes a snapshot that is no longer needed.
    RemoveSnapshot {
        /// Whose.
        app: AppId,
        /// The snapshot's name.
        name: String,
    },
    /// Deletes the app's folder and its snapshots for good, because the owner asked for it.
    RemoveData {
        /// Whose.
        app: AppId,
    },
}

impl Step {
    /// Returns the step in words, for a log line or a page: "fetch redis:7".
    pub fn describe(&self) -> String {
        match self {
            Step::Engine(step) => step.describe(),
            Step::Data(step) => step.describe(),
            Step::RunHook { app, hook } => format!("run the script {hook} of {app}"),
        }
    }
}

impl EngineStep {
    /// Returns the step in words, as [`Step::describe`] does.
    pub fn describe(&self) -> String {
        match self {
            EngineStep::PullImage { image, .. } => format!("fetch {}", image.familiar()),
            EngineStep::CreateNetwork { name, .. } => format!("make network {name}"),
            EngineStep::RemoveNetwork { name } => format!("remove network {name}"),
            EngineStep::CreateVolume { name, .. } => format!("make volume {name}"),
            EngineStep::RemoveVolume { name } => format!("remove volume {name}"),
            EngineStep::CreateContainer { container, .. } => format!("create container {}", container.name),
            EngineStep::StartContainer { name } => format!("start {name}"),
            EngineStep::StopContainer { name } => format!("stop {name}"),
            EngineStep::RemoveContainer { name } => format!("remove container {name}"),
        }
    }
}

impl DataStep {
    /// Returns the step in words, as [`Step::describe`] does.
    pub fn describe(&self) -> String {
        match self {
            DataStep::CreateData { app } => format!("make the folder of {app}"),
            DataStep::WriteFiles { files, folders, .. } => {
                format!("write {} files and {} folders", files.len(), folders.len())
            }
            DataStep::KeepVolumes { app, container, .. } => {
                format!("keep what {container} has in volumes in the folder of {app}")
            }
            DataStep::SnapshotData { app, name } => format!("copy the data of {app} aside as {name}"),
            DataStep::RestoreData { app, name } => format!("put the data of {app} back from {name}"),
            DataStep::RemoveSnapshot { app, name } => format!("remove the copy {name} of {app}"),
            DataStep::RemoveData { app } => format!("delete the data of {app}"),
        }
    }
}
