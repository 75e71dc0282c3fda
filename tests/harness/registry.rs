use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_model::{Digest, ImageRef};
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::paths::Starter;
use crate::process::{Process, run};
use crate::wait::{Answer, wait_for};

const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Commands of busybox that test images have.
const APPLETS: [&str; 14] = [
    "sh", "cat", "cp", "date", "echo", "false", "grep", "httpd", "ls", "mkdir", "rm", "sleep", "test", "wget",
];

/// A container registry on loopback.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    port: u16,
    layer: Option<PathBuf>,
    process: Option<Process>,
}

impl Registry {
    /// Starts an empty registry on port 5000 of the test's machine.
    ///
    /// # Errors
    /// When Debian's `docker-registry` is not installed or does not start.
    pub fn start(machine: &Machine) -> Result<Self> {
        let folder = machine.path("registry");
        fs::create_dir(&folder)?;
        let images = folder.join("images");
        Self::on(folder, 5000, &images)
    }

    /// Starts a registry with the starter store's images, on the port that they name.
    ///
    /// # Errors
    /// When Debian's `docker-registry` is not installed or does not start.
    pub fn start_with_starter(machine: &Machine, starter: &Starter) -> Result<Self> {
        let folder = machine.path("starter-registry");
        fs::create_dir(&folder)?;
        Self::on(folder, starter.port, &starter.images)
    }

    fn on(folder: PathBuf, port: u16, images: &Path) -> Result<Self> {
        let config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: '127.0.0.1:{port}' }}\n",
            images.display()
        );
        fs::write(folder.join("config.yml"), config)?;
        let mut registry = Self { folder, port, layer: None, process: None };
        registry.start_again()?;
        Ok(registry)
    }

    /// Starts it with the images it had.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the registry runs");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(self.folder.join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        self.process = Some(Process::start(command, &self.folder.with_extension("log"))?);
        let address = format!("http://127.0.0.1:{}/v2/", self.port);
        wait_for("the registry to answer", Duration::from_secs(20), || {
            Ok(Answer::when(ureq::get(&address).call().is_ok(), "no answer"))
        })
    }

    /// Takes it away: connections are refused.
    ///
    /// # Errors
    /// When the system does not say how it ended.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Returns the reference of an image that this registry does not have.
    pub fn missing_image(&self) -> String {
        format!("localhost:{}/test/nothing-here:1", self.port)
    }

    /// Pushes a busybox image and returns its reference with tag and digest. `filler_bytes` make it as large as needed;
    /// other content than zeros, as an engine would not take up room for those.
    ///
    /// # Errors
    /// When busybox is not installed or the registry does not take the image.
    pub fn push(&mut self, name: &str, tag: &str, filler_bytes: usize) -> Result<ImageRef> {
        let base = self.busybox_layer()?;
        let mut layers = vec![fs::read(base)?];
        layers.push(self.layer_with_file(&format!("{name}:{tag}"), filler_bytes)?);
        let run = json!({ "Cmd": ["sleep", "infinity"], "Env": ["PATH=/bin"] });
        self.push_layers(&format!("test/{name}"), tag, &layers, &run)
    }

    /// Pushes a busybox image with more files, each a program for everybody, that runs `entrypoint`; `repository` is its
    /// whole name in this registry. Returns its reference with tag and digest.
    ///
    /// # Errors
    /// When busybox is not installed, a file's path leads out of the image or the registry does not take it.
    pub fn push_program(
        &mut self,
        repository: &str,
        tag: &str,
        programs: &BTreeMap<String, String>,
        entrypoint: &[&str],
    ) -> Result<ImageRef> {
        let base = fs::read(self.busybox_layer()?)?;
        let root = self.folder.join("programs");
        fs::create_dir(&root)?;
        for (path, text) in programs {
            ensure!(!path.contains(".."), "`{path}` leads out of the image");
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        let layer = self.folder.join("programs.tar");
        pack(&root, &layer)?;
        fs::remove_dir_all(&root)?;
        let run = json!({ "Entrypoint": entrypoint, "Env": ["PATH=/bin"] });
        self.push_layers(repository, tag, &[base, fs::read(layer)?], &run)
    }

    /// Pushes an image of `layers` to `repository`; `run` is the `config` of the
    /// [image's configuration](https://github.com/opencontainers/image-spec/blob/main/config.md).
    /// Pushes a busybox image that declares volumes, and returns its reference with tag and digest.
    ///
    /// # Errors
    /// When busybox is not installed or the registry does not take the image.
    pub fn push_with_volumes(&mut self, name: &str, tag: &str, volumes: &[&str]) -> Result<ImageRef> {
        let mut layers = vec![fs::read(self.busybox_layer()?)?];
        layers.push(self.layer_with_file(&format!("{name}:{tag}"), 0)?);
        let volumes: serde_json::Map<String, Value> =
            volumes.iter().map(|volume| ((*volume).to_owned(), json!({}))).collect();
        let run = json!({ "Cmd": ["sleep", "infinity"], "Env": ["PATH=/bin"], "Volumes": volumes });
        self.push_layers(&format!("test/{name}"), tag, &layers, &run)
    }

    fn push_layers(&self, repository: &str, tag: &str, layers: &[Vec<u8>], run: &Value) -> Result<ImageRef> {
        let digests: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let config = serde_json::to_vec(&json!({
            "architecture": architecture(),
            "os": "linux",
            "config": run,
            "rootfs": { "type": "layers", "diff_ids": digests },
        }))?;
        let manifest = serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": Digest::of(&config), "size": config.len() },
            "layers": layers.iter().zip(&digests).map(|(layer, digest)| {
                json!({ "mediaType": LAYER_TYPE, "digest": digest, "size": layer.len() })
            }).collect::<Vec<_>>(),
        }))?;
        let address = format!("http://127.0.0.1:{}/v2/{repository}", self.port);
        for blob in layers.iter().chain([&config]) {
            push_blob(&address, blob)
                .with_context(|| format!("failed to push a part of image `{repository}:{tag}`"))?;
        }
        ureq::put(format!("{address}/manifests/{tag}")).content_type(MANIFEST_TYPE).send(&manifest[..])?;
        Ok(format!("localhost:{}/{repository}:{tag}@{}", self.port, Digest::of(&manifest)).parse()?)
    }

    /// Makes the layer that all images share, once.
    fn busybox_layer(&mut self) -> Result<PathBuf> {
        if let Some(layer) = &self.layer {
            return Ok(layer.clone());
        }
        let root = self.folder.join("busybox");
        fs::create_dir_all(root.join("bin"))?;
        for folder in ["tmp", "data", "etc"] {
            fs::create_dir(root.join(folder))?;
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
        fs::copy(
            busybox.context("busybox is not installed; Debian has it as package busybox-static")?,
            root.join("bin/busybox"),
        )?;
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet))?;
        }
        let layer = self.folder.join("busybox.tar");
        pack(&root, &layer)?;
        self.layer = Some(layer.clone());
        Ok(layer)
    }

    fn layer_with_file(&self, content: &str, filler_bytes: usize) -> Result<Vec<u8>> {
        let root = self.folder.join("image");
        fs::create_dir_all(&root)?;
        let mut bytes = content.as_bytes().to_vec();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        while bytes.len() < filler_bytes {
            // xorshift64: https://www.jstatsoft.org/article/view/v008i14
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        fs::write(root.join("content"), bytes)?;
        let layer = self.folder.join("image.tar");
        pack(&root, &layer)?;
        Ok(fs::read(layer)?)
    }
}

fn pack(root: &Path, layer: &Path) -> Result<()> {
    let (root, layer) = (root.to_string_lossy(), layer.to_string_lossy());
    run(
        "tar",
        &[
            "--create",
            "--file",
            &layer,
            "--directory",
            &root,
            "--sort=name",
            "--mtime=@0",
            "--owner=0",
            "--group=0",
            ".",
        ],
    )?;
    Ok(())
}

/// Pushes a blob in one piece: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put>.
fn push_blob(repository: &str, bytes: &[u8]) -> Result<()> {
    let digest = Digest::of(bytes);
    let answer = ureq::post(format!("{repository}/blobs/uploads/")).send_empty()?;
    let location =
        answer.headers().get("location").context("the registry names no place for the upload")?.to_str()?;
    let separator = if location.contains('?') { '&' } else { '?' };
    ureq::put(format!("{location}{separator}digest={digest}"))
        .content_type("application/octet-stream")
        .send(bytes)?;
    Ok(())
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
