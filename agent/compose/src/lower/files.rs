use hearth_model::container::Mount;
use hearth_model::spec::FileSpec;

use super::Lowerer;
use crate::path;
use crate::project::Service;
use crate::project::parts::FileReference;
use crate::project::resources::FileObject;

/// Permission bits that the specification gives a config or secret without `mode`.
const DEFAULT_MODE: u32 = 0o444;

/// Configs or secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Config,
    Secret,
}

impl Lowerer<'_> {
    /// Inline configs and secrets become files of the app; those that are files already are mounted where they are.
    pub(super) fn file_mounts(&mut self, name: &str, service: &Service) -> Vec<Mount> {
        let mut mounts = Vec::new();
        for (kind, references, declared) in [
            (Kind::Config, &service.configs, &self.project.configs),
            (Kind::Secret, &service.secrets, &self.project.secrets),
        ] {
            for reference in references {
                if let Some(object) = declared.get(&reference.source)
                    && let Some(source) = self.file_source(kind, name, reference, object)
                {
                    mounts.push(Mount::Bind {
                        source,
                        target: target(kind, reference),
                        read_only: true,
                        create_host_path: false,
                        propagation: None,
                        selinux: None,
                        beneath: None,
                    });
                }
            }
        }
        mounts
    }

    fn file_source(
        &mut self,
        kind: Kind,
        service: &str,
        reference: &FileReference,
        object: &FileObject,
    ) -> Option<String> {
        let name = &reference.source;
        if object.external || !object.driver.is_empty() || !object.template_driver.is_empty() {
            let message =
                format!("`{name}` would come from a swarm; Hearth takes `file`, `environment` and `content`");
            self.problems.error(object.at, message);
            return None;
        }
        if !object.file.is_empty() {
            return self.host_file(service, object);
        }
        let content = if object.environment.is_empty() {
            object.content.clone()
        } else {
            let value = object.value.clone();
            value.or_else(|| {
                let message = format!(
                    "`{name}` takes its content from the variable `{}`, which is not set",
                    object.environment
                );
                self.problems.error(object.at, message);
                None
            })?
        };
        let folder = match kind {
            Kind::Config => "configs",
            Kind::Secret => "secrets",
        };
        let path = format!("{}/.hearth/{folder}/{service}/{name}", self.context.app_dir);
        let file = FileSpec {
            content: content.into_bytes(),
            mode: reference.mode.unwrap_or(DEFAULT_MODE),
            uid: self.id(&reference.uid, reference),
            gid: self.id(&reference.gid, reference),
            seed: false,
        };
        self.files.insert(path.clone(), file);
        Some(path)
    }

    fn host_file(&mut self, service: &str, object: &FileObject) -> Option<String> {
        if let Some(declared) = self.project.climbing.get(&object.file_at) {
            let message = format!("the path `{declared}` leads out of the app's folder by `..`");
            self.problems.error(object.file_at, message);
            return None;
        }
        let source = path::clean(&object.file);
        self.note_path(service, &source, true, object.file_at);
        Some(source)
    }

    fn id(&mut self, text: &str, reference: &FileReference) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        let id = text.parse().ok();
        if id.is_none() {
            self.problems.error(reference.at, format!("`{text}` is not a number of a user or group"));
        }
        id
    }
}

fn target(kind: Kind, reference: &FileReference) -> String {
    let name = if reference.target.is_empty() { &reference.source } else { &reference.target };
    match kind {
        _ if name.starts_with('/') => name.clone(),
        Kind::Config => format!("/{name}"),
        Kind::Secret => format!("/run/secrets/{name}"),
    }
}
