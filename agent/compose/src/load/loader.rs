use std::collections::BTreeMap;

use hearth_model::Bytes;

use super::{
    ProjectInput, SourceFile, canonical, check, defaults, environment, merge, normalize, paths, profiles,
    project_name, tags, unique,
};
use crate::diagnostics::Diagnostics;
use crate::interpolate;
use crate::path;
use crate::project::Project;
use crate::reader::Reader;
use crate::source::{At, Problems, Sources, Stop};
use crate::yaml::{self, Map, Node, Value};
use crate::{decode, yaml::MAX_BYTES};

/// Most files that one project may lead to.
const MAX_FILES: usize = 100;

/// Most services of one project: far above what a household runs, and low enough to stay quick.
const MAX_SERVICES: usize = 500;

/// Reads files and remembers what was found.
pub(super) struct Loader<'a> {
    reader: &'a dyn Reader,
    root: String,
    files: usize,
    missing: BTreeMap<String, At>,
    pub(super) climbing: BTreeMap<At, String>,
    pub(super) sources: Sources,
    pub(super) problems: Problems,
}

/// What relative paths and variables mean in a file.
#[derive(Clone)]
pub(super) struct Scope {
    /// The folder that relative paths start from, absolute.
    pub(super) dir: String,
    /// Variables.
    pub(super) variables: BTreeMap<String, String>,
    /// Files that led here, absolute, outermost first.
    pub(super) included: Vec<String>,
}

pub(super) fn load(input: &ProjectInput<'_>) -> Result<Project, Diagnostics> {
    let mut loader = Loader {
        reader: input.reader,
        root: path::clean(&input.working_dir),
        files: 0,
        missing: BTreeMap::new(),
        climbing: BTreeMap::new(),
        sources: Sources::default(),
        problems: Problems::default(),
    };
    let project = loader.project(input);
    for (name, at) in std::mem::take(&mut loader.missing) {
        loader.problems.warning(at, format!("the variable `{name}` is not set; it counts as an empty text"));
    }
    let Loader { sources, problems, climbing, .. } = loader;
    let failed = problems.has_errors();
    let found = problems.into_diagnostics(&sources);
    match project {
        Ok(project) if !failed => Ok(Project { warnings: found, sources, climbing, ..project }),
        _ => Err(found),
    }
}

impl Loader<'_> {
    fn project(&mut self, input: &ProjectInput<'_>) -> Result<Project, Stop> {
        if input.files.is_empty() {
            return Err(self.problems.stop(At::NOWHERE, "no Compose file was given"));
        }
        let mut variables = input.environment.clone();
        let name =
            project_name::choose(input, &variables).map_err(|why| self.problems.stop(At::NOWHERE, why))?;
        variables.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
        let scope = Scope { dir: self.root.clone(), variables, included: Vec::new() };
        let mut model = self.model(&input.files, &scope)?;
        self.limits(&model)?;
        model.remove("name");
        normalize::normalize(&mut model, &name, &scope.variables);
        let mut project = decode::project(model, name, self.root.clone(), &mut self.problems);
        profiles::apply(&mut project, &input.profiles);
        self.service_files(&mut project, &scope);
        self.note_files(&mut project);
        check::consistency(&project, &mut self.problems);
        profiles::drop_unused(&mut project);
        Ok(project)
    }

    /// Returns the project's folder, absolute.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    fn limits(&mut self, model: &Map) -> Result<(), Stop> {
        let services = model.get("services").and_then(Node::as_map);
        match services {
            Some(services) if services.len() > MAX_SERVICES => {
                let at = model["services"].at;
                let count = services.len();
                Err(self
                    .problems
                    .stop(at, format!("the project has {count} services; at most {MAX_SERVICES} are taken")))
            }
            _ => Ok(()),
        }
    }

    /// Reads files into one tree with long forms, defaults and absolute paths.
    pub(super) fn model(&mut self, files: &[SourceFile], scope: &Scope) -> Result<Map, Stop> {
        let mut model = Map::new();
        for file in files {
            model = self.file(file, scope, model)?;
        }
        defaults::set(&mut model);
        paths::resolve(&mut model, &scope.dir, &scope.variables, self);
        environment::resolve(&mut model, &scope.variables);
        Ok(model)
    }

    /// Reads one file on top of `model`.
    fn file(&mut self, file: &SourceFile, scope: &Scope, mut model: Map) -> Result<Map, Stop> {
        let (mut tree, resets) = self.tree(file, &scope.variables)?;
        let location = path::join(&scope.dir, &file.path);
        self.extend_services(&mut tree, &location, scope, &resets)?;
        tags::apply(&resets, &mut model);
        let mut inner = scope.clone();
        inner.included.push(location);
        self.include(&mut tree, &inner)?;
        let mut model = merge::files(model, tree, &mut self.problems)?;
        unique::enforce(&mut model);
        if let Some((key, _)) = model.remove_entry("version") {
            self.problems.warning(key.at, "`version` has had no meaning since Compose 2; it can be removed");
        }
        canonical::model(&mut model, &mut self.problems);
        unique::enforce(&mut model);
        Ok(model)
    }

    /// Reads one file alone, with variables replaced and Compose's tags taken out.
    pub(super) fn tree(
        &mut self,
        file: &SourceFile,
        variables: &BTreeMap<String, String>,
    ) -> Result<(Map, Vec<tags::Path>), Stop> {
        self.files += 1;
        if self.files > MAX_FILES {
            let message = format!("the project leads to more than {MAX_FILES} files");
            return Err(self.problems.stop(At::NOWHERE, message));
        }
        let mut root = yaml::read(&file.path, &file.text, &mut self.sources, &mut self.problems)?;
        let resets = tags::take(&mut root);
        self.replace_variables(&mut root, variables);
        match root.value {
            Value::Map(map) => Ok((map, resets)),
            Value::Null => Err(self.problems.stop(root.at, "the file is empty; expected `services:`")),
            _ => {
                let found = root.kind();
                Err(self
                    .problems
                    .stop(root.at, format!("expected a mapping with `services:`, found {found}")))
            }
        }
    }

    fn replace_variables(&mut self, node: &mut Node, variables: &BTreeMap<String, String>) {
        match &mut node.value {
            Value::Text(text) if text.contains('$') => match interpolate::replace(text, variables) {
                Ok(replaced) => {
                    for name in replaced.missing {
                        self.missing.entry(name).or_insert(node.at);
                    }
                    *text = replaced.text;
                }
                Err(error) => self.problems.error(node.at, error.to_string()),
            },
            Value::List(list) => list.iter_mut().for_each(|item| self.replace_variables(item, variables)),
            Value::Map(map) => map.values_mut().for_each(|value| self.replace_variables(value, variables)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
        }
    }

    /// Reads a file that another file names, if it is there.
    pub(super) fn read(&mut self, location: &str, at: At) -> Result<Option<SourceFile>, Stop> {
        if self.reader.exists(self.relative(location)) {
            return self.read_required(location, at).map(Some);
        }
        Ok(None)
    }

    /// Reads a file that another file names and that must be there.
    pub(super) fn read_required(&mut self, location: &str, at: At) -> Result<SourceFile, Stop> {
        let name = self.relative(location).to_owned();
        match self.reader.read(&name) {
            Ok(text) if text.len() > MAX_BYTES => {
                Err(self.problems.stop(at, format!("`{name}` is larger than {}", Bytes(MAX_BYTES as u64))))
            }
            Ok(text) => Ok(SourceFile { path: name, text }),
            Err(why) => Err(self.problems.stop(at, format!("`{name}` cannot be read: {why}"))),
        }
    }

    /// Notes which bind mounts are of files that the reader has: they are no folders to be made.
    fn note_files(&self, project: &mut Project) {
        for mount in project.services.values_mut().flat_map(|service| &mut service.volumes) {
            mount.is_file = mount.r#type == "bind" && self.reader.exists(self.relative(&mount.source));
        }
    }

    fn relative<'p>(&self, location: &'p str) -> &'p str {
        path::below(location, &self.root).unwrap_or(location)
    }
}
