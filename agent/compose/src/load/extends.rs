use super::loader::{Loader, Scope};
use super::{canonical, merge, paths, tags, unique};
use crate::path;
use crate::source::{At, Stop};
use crate::yaml::{Map, Node, Value};

/// One step on the way along `extends`: a file and a service in it.
type Visited = Vec<(String, String)>;

impl Loader<'_> {
    /// Puts into each service what it extends
    /// ([Compose extends](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extends)).
    pub(super) fn extend_services(
        &mut self,
        tree: &mut Map,
        location: &str,
        scope: &Scope,
        resets: &[tags::Path],
    ) -> Result<(), Stop> {
        let Some(services) = tree.get("services").and_then(Node::as_map) else { return Ok(()) };
        let extending: Vec<String> = services
            .iter()
            .filter(|(_, service)| service.as_map().is_some_and(|service| service.contains_key("extends")))
            .map(|(name, _)| name.text.clone())
            .collect();
        let original = services.clone();
        for name in extending {
            let mut visited = Visited::new();
            let extended = self.extend(&name, &original, location, scope, resets, &mut visited)?;
            if let Some(services) = tree.get_mut("services").and_then(Node::as_map_mut)
                && let Some(service) = services.get_mut(name.as_str())
            {
                *service = extended;
            }
        }
        Ok(())
    }

    fn extend(
        &mut self,
        name: &str,
        services: &Map,
        location: &str,
        scope: &Scope,
        resets: &[tags::Path],
        visited: &mut Visited,
    ) -> Result<Node, Stop> {
        let service = &services[name];
        let Some(mut own) = service.as_map().cloned() else { return Ok(service.clone()) };
        let Some((key, extends)) = own.remove_entry("extends") else { return Ok(service.clone()) };
        let result = |map: Map| Node { at: service.at, tag: None, value: Value::Map(map) };
        let step = (location.to_owned(), name.to_owned());
        if let Some(first) = visited.iter().position(|seen| *seen == step) {
            let way: Vec<&str> =
                visited[first..].iter().chain([&step]).map(|(_, name)| name.as_str()).collect();
            return Err(self
                .problems
                .stop(key.at, format!("`extends` goes in a circle: {}", way.join(" → "))));
        }
        visited.push(step);
        let (base_name, file) = self.extends_target(&extends)?;
        let base = match file {
            None => {
                self.expect_service(services, &base_name, location, extends.at)?;
                self.extend(&base_name, services, location, scope, resets, visited)?
            }
            Some((file, at)) => {
                let other = path::join(&scope.dir, &file);
                let inner = Scope { dir: path::parent(&other), ..scope.clone() };
                let services = self.services_of(&other, &inner, at)?;
                self.expect_service(&services, &base_name, &other, extends.at)?;
                self.extend(&base_name, &services, &other, &inner, &[], visited)?
            }
        };
        visited.pop();
        let Value::Map(mut base) = base.value else { return Ok(result(own)) };
        tags::apply_to_service(resets, name, &mut base);
        let merged = merge::service(base, own, &mut self.problems)?;
        Ok(result(merged))
    }

    fn extends_target(&mut self, extends: &Node) -> Result<(String, Option<(String, At)>), Stop> {
        let expected = "expected a service's name, or `service` and `file`";
        match &extends.value {
            Value::Text(service) => Ok((service.clone(), None)),
            Value::Map(map) => {
                if let Some((key, _)) =
                    map.iter().find(|(key, _)| !["service", "file"].contains(&key.text.as_str()))
                {
                    return Err(self
                        .problems
                        .stop(key.at, format!("unknown key `{}`; {expected}", key.text)));
                }
                let service = map.get("service").and_then(Node::as_text);
                let service = service.ok_or_else(|| self.problems.stop(extends.at, expected))?.to_owned();
                let file = map.get("file").and_then(|file| Some((file.as_text()?.to_owned(), file.at)));
                Ok((service, file))
            }
            _ => Err(self.problems.stop(extends.at, format!("{expected}; found {}", extends.kind()))),
        }
    }

    fn expect_service(&mut self, services: &Map, name: &str, location: &str, at: At) -> Result<(), Stop> {
        if services.contains_key(name) {
            return Ok(());
        }
        let file = location.rsplit('/').next().unwrap_or(location);
        Err(self.problems.stop(at, format!("there is no service `{name}` in `{file}` to extend")))
    }

    /// Reads the services of another file, without following what it includes.
    fn services_of(&mut self, location: &str, scope: &Scope, at: At) -> Result<Map, Stop> {
        let file = self.read_required(location, at)?;
        let (mut tree, _) = self.tree(&file, &scope.variables)?;
        unique::enforce(&mut tree);
        canonical::model(&mut tree, &mut self.problems);
        unique::enforce(&mut tree);
        paths::resolve(&mut tree, &scope.dir, &scope.variables, self);
        match tree.remove("services").map(|services| services.value) {
            Some(Value::Map(services)) => Ok(services),
            _ => Err(self.problems.stop(at, format!("`{}` has no services", file.path))),
        }
    }
}
