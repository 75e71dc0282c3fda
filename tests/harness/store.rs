use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::machine::Machine;

/// A folder of packages that a test writes.
#[derive(Debug)]
pub struct StoreFolder {
    path: PathBuf,
}

/// What a package of a test is.
#[derive(Debug, Clone)]
pub struct TestPackage<'a> {
    /// Its id; its name is the same with a capital.
    pub id: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Service, port in the container and port on the host of its page.
    pub web: Option<(&'a str, u16, u16)>,
    /// Its Compose file.
    pub compose: &'a str,
}

impl StoreFolder {
    /// Makes an empty store with the id `name`.
    ///
    /// # Errors
    /// When there is a folder of that name.
    pub fn new(machine: &Machine, name: &str) -> Result<Self> {
        let path = machine.path(name);
        fs::create_dir(&path)?;
        fs::create_dir(path.join("apps"))?;
        Ok(Self { path })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a package, in place of the one of the same id if there is one.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&self, package: &TestPackage<'_>) -> Result<()> {
        let folder = self.path.join("apps").join(package.id);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("app.yml"), manifest(package))?;
        fs::write(folder.join("compose.yml"), package.compose)?;
        Ok(())
    }
}

fn manifest(package: &TestPackage<'_>) -> String {
    let TestPackage { id, version, web, compose: _ } = package;
    let name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
    let web = web.map_or_else(String::new, |(service, port, host_port)| {
        format!("web: {{ service: {service}, port: {port}, host_port: {host_port} }}\n")
    });
    format!(
        "manifest: 1\nid: {id}\nname: {name}\ntagline: Shows how Hearth behaves\ndescription: |\n  Made for a test.\n\
         version: \"{version}\"\ncategory: other\n{web}"
    )
}

/// Returns the Compose lines of a service that serves its data folder and is healthy within a second or so.
pub fn web_service(image: &str) -> String {
    format!(
        "    image: {image}\n    command: [sh, -c, 'echo it works >/data/index.html; exec httpd -f -p 80 -h /data']\n    \
         init: true\n    volumes: [\"./data:/data\"]\n    healthcheck:\n      test: [CMD, wget, -q, -O, /dev/null, \
         \"http://127.0.0.1/\"]\n      interval: 1s\n      timeout: 2s\n      retries: 3\n"
    )
}
