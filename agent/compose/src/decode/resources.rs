use super::fields::Fields;
use crate::load::VALUE_KEY;
use crate::project::resources::{FileObject, Ipam, IpamPool, Network, Volume};
use crate::source::{At, Problems};
use crate::yaml::{Node, Value};

#[expect(clippy::unnecessary_wraps, reason = "one of the decoders of named values, which may fail")]
pub(super) fn network(node: Node, at: At, name: &str, problems: &mut Problems) -> Option<Network> {
    let mut f = Fields::new(node, format!("the network `{name}`"), problems);
    let network = Network {
        name: f.text("name"),
        driver: f.text("driver"),
        driver_opts: f.mapping("driver_opts"),
        external: f.flag("external").unwrap_or_default(),
        internal: f.flag("internal").unwrap_or_default(),
        attachable: f.flag("attachable").unwrap_or_default(),
        labels: f.mapping("labels"),
        enable_ipv4: f.flag("enable_ipv4"),
        enable_ipv6: f.flag("enable_ipv6"),
        ipam: f.inner("ipam", ipam).unwrap_or_default(),
        at,
    };
    f.finish(&[]);
    Some(network)
}

fn ipam(f: &mut Fields<'_>) -> Ipam {
    let ipam = Ipam {
        driver: f.text("driver"),
        config: f.mappings("config", |f| IpamPool {
            subnet: f.text("subnet"),
            gateway: f.text("gateway"),
            ip_range: f.text("ip_range"),
            aux_addresses: f.mapping("aux_addresses"),
        }),
    };
    if let Some(options) = f.take("options") {
        f.problems.error(
            options.at,
            "`options` of `ipam` is not supported: Docker Compose does not pass it on either",
        );
    }
    ipam
}

#[expect(clippy::unnecessary_wraps, reason = "one of the decoders of named values, which may fail")]
pub(super) fn volume(node: Node, at: At, name: &str, problems: &mut Problems) -> Option<Volume> {
    let mut f = Fields::new(node, format!("the volume `{name}`"), problems);
    let volume = Volume {
        name: f.text("name"),
        driver: f.text("driver"),
        driver_opts: f.mapping("driver_opts"),
        external: f.flag("external").unwrap_or_default(),
        labels: f.mapping("labels"),
        at,
    };
    f.finish(&[]);
    if volume.external
        && (!volume.driver.is_empty() || !volume.driver_opts.is_empty() || !volume.labels.is_empty())
    {
        problems
            .error(at, format!("the volume `{name}` is external, so it can have a `name` and nothing else"));
    }
    Some(volume)
}

#[expect(clippy::unnecessary_wraps, reason = "one of the decoders of named values, which may fail")]
pub(super) fn file_object(node: Node, at: At, name: &str, problems: &mut Problems) -> Option<FileObject> {
    let mut f = Fields::new(node, format!("`{name}`"), problems);
    let value = f.take(VALUE_KEY).and_then(|node| match node.value {
        Value::Text(value) => Some(value),
        _ => None,
    });
    let file_at = f.value_at("file");
    let object = FileObject {
        name: f.text("name"),
        file: f.text("file"),
        environment: f.text("environment"),
        content: f.text("content"),
        external: f.flag("external").unwrap_or_default(),
        labels: f.mapping("labels"),
        driver: f.text("driver"),
        driver_opts: f.mapping("driver_opts"),
        template_driver: f.text("template_driver"),
        at,
        file_at,
        value,
    };
    f.finish(&[]);
    Some(object)
}
