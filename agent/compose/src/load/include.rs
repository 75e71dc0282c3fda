use std::collections::BTreeMap;

use super::loader::{Loader, Scope};
use crate::dotenv;
use crate::path;
use crate::source::{At, Stop};
use crate::yaml::{Key, Map, Node, Value};

/// Keys of a file that an included file adds to.
const SECTIONS: [&str; 5] = ["services", "volumes", "networks", "secrets", "configs"];

/// One entry of `include`.
#[derive(Default)]
struct Entry {
    paths: Vec<(String, At)>,
    project_directory: Option<String>,
    env_files: Vec<(String, At)>,
}

impl Loader<'_> {
    /// Adds what the file includes
    /// ([Compose include](https://github.com/compose-spec/compose-spec/blob/main/14-include.md)).
    pub(super) fn include(&mut self, tree: &mut Map, scope: &Scope) -> Result<(), Stop> {
        let Some((_, include)) = tree.remove_entry("include") else { return Ok(()) };
        let Value::List(entries) = include.value else {
            let message = format!("expected a list of files to include, found {}", include.kind());
            return Err(self.problems.stop(include.at, message));
        };
        for entry in entries {
            let at = entry.at;
            let entry = self.include_entry(entry)?;
            let imported = self.included_model(&entry, scope, at)?;
            self.import(imported, tree, at);
        }
        Ok(())
    }

    fn include_entry(&mut self, node: Node) -> Result<Entry, Stop> {
        let at = node.at;
        let map = match node.value {
            Value::Text(path) => return Ok(Entry { paths: vec![(path, at)], ..Entry::default() }),
            Value::Map(map) => map,
            _ => {
                let found = node.kind();
                return Err(self
                    .problems
                    .stop(at, format!("expected a path or a mapping with `path`, found {found}")));
            }
        };
        let mut entry = Entry::default();
        for (key, value) in map {
            match (key.text.as_str(), value.value) {
                ("path", value) => entry.paths = self.paths_of(value, key.at)?,
                ("env_file", value) => entry.env_files = self.paths_of(value, key.at)?,
                ("project_directory", Value::Text(path)) => entry.project_directory = Some(path),
                ("project_directory", _) => return Err(self.problems.stop(key.at, "expected a path")),
                (unknown, _) => {
                    let message = format!(
                        "unknown key `{unknown}`; an include has `path`, `project_directory` and `env_file`"
                    );
                    return Err(self.problems.stop(key.at, message));
                }
            }
        }
        if entry.paths.is_empty() {
            return Err(self.problems.stop(at, "the include names no `path`"));
        }
        Ok(entry)
    }

    fn paths_of(&mut self, value: Value, at: At) -> Result<Vec<(String, At)>, Stop> {
        let items = match value {
            Value::Text(path) => return Ok(vec![(path, at)]),
            Value::List(items) => items,
            _ => return Err(self.problems.stop(at, "expected a path or a list of paths")),
        };
        items
            .into_iter()
            .map(|item| match item.value {
                Value::Text(path) => Ok((path, item.at)),
                _ => Err(self.problems.stop(item.at, format!("expected a path, found {}", item.kind()))),
            })
            .collect()
    }

    fn included_model(&mut self, entry: &Entry, scope: &Scope, at: At) -> Result<Map, Stop> {
        let mut files = Vec::new();
        for (path, at) in &entry.paths {
            let location = path::join(&scope.dir, path);
            if files.is_empty() && scope.included.contains(&location) {
                let way: Vec<&str> = scope.included.iter().chain([&location]).map(String::as_str).collect();
                return Err(self
                    .problems
                    .stop(*at, format!("`include` goes in a circle: {}", way.join(" → "))));
            }
            let mut file = self.read_required(&location, *at)?;
            // By its whole path, because relative ones of the included file start elsewhere.
            file.path = location;
            files.push(file);
        }
        let dir = match &entry.project_directory {
            Some(dir) => path::join(&scope.dir, dir),
            None => path::parent(&files[0].path),
        };
        let mut inner = Scope { dir, ..scope.clone() };
        self.include_variables(entry, scope, &mut inner, at)?;
        self.model(&files, &inner)
    }

    /// Adds variables of `env_file`, or else of `.env` beside the included file; variables known already win.
    fn include_variables(
        &mut self,
        entry: &Entry,
        scope: &Scope,
        inner: &mut Scope,
        at: At,
    ) -> Result<(), Stop> {
        let mut found = BTreeMap::new();
        let default = [(format!("{}/.env", inner.dir), at)];
        let (files, required) = match entry.env_files.as_slice() {
            [] => (default.as_slice(), false),
            files => (files, true),
        };
        for (path, at) in files {
            let location = path::join(&scope.dir, path);
            let file =
                if required { Some(self.read_required(&location, *at)?) } else { self.read(&location, *at)? };
            let Some(file) = file else { continue };
            let variables = dotenv::parse(&file.text, &scope.variables).map_err(|error| {
                self.problems.stop(*at, format!("`{}`, line {}: {}", file.path, error.line, error.message))
            })?;
            found.extend(variables);
        }
        for (name, value) in found {
            inner.variables.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn import(&mut self, mut imported: Map, tree: &mut Map, at: At) {
        for section in SECTIONS {
            let Some(Value::Map(entries)) = imported.remove(section).map(|node| node.value) else { continue };
            let into =
                tree.entry(Key::new(section, at)).or_insert_with(|| Node::new(Value::Map(Map::new()), at));
            let Some(into) = into.as_map_mut() else { continue };
            for (key, value) in entries {
                match into.get(key.text.as_str()) {
                    None => {
                        into.insert(key, value);
                    }
                    Some(existing) if existing.same_as(&value) => {}
                    Some(existing) => {
                        let message = format!(
                            "`{section}.{}` stands in an included file as well, and differs",
                            key.text
                        );
                        self.problems.error(existing.at, message);
                    }
                }
            }
        }
    }
}
