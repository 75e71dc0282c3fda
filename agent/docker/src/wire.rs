//! Only what is needed, and nothing that can fail over a new word: every word stays text, every part may be missing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hearth_model::container::Protocol;
use hearth_model::host_port::{HostAddress, HostSocket};
use serde::{Deserialize, Deserializer};

/// One entry of `GET /containers/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerSummary {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) names: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) network_settings: Networks,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) ports: Vec<Port>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) mounts: Vec<MountPoint>,
    /// When it was created, in seconds since 1970.
    #[serde(default)]
    pub(crate) created: i64,
}

/// Something that is mounted in a container.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MountPoint {
    #[serde(default, rename = "Type")]
    pub(crate) kind: String,
    /// The volume's name; empty for a mount of another kind.
    #[serde(default)]
    pub(crate) name: String,
    /// Where it is in the container.
    #[serde(default)]
    pub(crate) destination: String,
}

/// A port of a container that runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Port {
    #[serde(default, rename = "IP", deserialize_with = "null_is_empty")]
    pub(crate) ip: String,
    #[serde(default)]
    pub(crate) public_port: Option<u16>,
    #[serde(default, rename = "Type")]
    pub(crate) protocol: String,
}

impl Port {
    /// Returns the port on the host, for one that is published.
    pub(crate) fn published(&self) -> Option<HostSocket> {
        let protocol = match self.protocol.as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => return None,
        };
        let port = self.public_port.filter(|port| *port > 0)?;
        Some(HostSocket { protocol, port, address: HostAddress::of(Some(&self.ip)) })
    }
}

impl ContainerSummary {
    /// Returns the container's own name: the one that is not a legacy link, `/container/alias`.
    pub(crate) fn name(&self) -> Option<&str> {
        self.names.iter().filter_map(|name| name.strip_prefix('/')).find(|name| !name.contains('/'))
    }
}

/// Networks of a container, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Networks {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) networks: BTreeMap<String, NetworkEndpoint>,
}

/// A container's place in a network.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkEndpoint {
    #[serde(default, rename = "NetworkID", deserialize_with = "null_is_empty")]
    pub(crate) network_id: String,
    #[serde(default, rename = "IPAddress", deserialize_with = "null_is_empty")]
    pub(crate) ip_address: String,
    #[serde(default, rename = "GlobalIPv6Address", deserialize_with = "null_is_empty")]
    pub(crate) global_ipv6_address: String,
}

impl NetworkEndpoint {
    /// Returns the address there, IPv4 before IPv6; `None` while the container does not run.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let either = [&self.ip_address, &self.global_ipv6_address];
        either.into_iter().find_map(|address| address.parse().ok())
    }
}

/// `GET /containers/{id}/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) restart_count: u64,
    #[serde(default)]
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) config: Config,
    #[serde(default)]
    pub(crate) network_settings: Networks,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) mounts: Vec<MountPoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    #[serde(default)]
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) started_at: String,
    #[serde(default)]
    pub(crate) finished_at: String,
    #[serde(default)]
    pub(crate) health: Option<HealthLog>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthLog {
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) failing_streak: Option<u64>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) log: Vec<HealthResult>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthResult {
    #[serde(default)]
    pub(crate) exit_code: i64,
    #[serde(default)]
    pub(crate) output: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tty: bool,
    #[serde(default)]
    pub(crate) stop_timeout: Option<u64>,
}

/// One entry of `GET /networks`; in `GET /networks/{id}` with the containers that run in it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Network {
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) containers: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default, rename = "IPAM")]
    pub(crate) ipam: Ipam,
}

/// Where the addresses of a network come from.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Ipam {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) config: Vec<AddressPool>,
}

/// One range of addresses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AddressPool {
    /// `172.18.0.0/16`; empty where the engine does not know.
    #[serde(default)]
    pub(crate) subnet: String,
}

/// `GET /volumes`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volumes {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) volumes: Vec<Volume>,
}

/// One volume.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    /// The folder of the host that holds what is in it.
    #[serde(default)]
    pub(crate) mountpoint: String,
    #[serde(default)]
    pub(crate) driver: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) options: BTreeMap<String, String>,
}

impl Volume {
    /// Tells whether it is a folder of the host: removing it leaves the data.
    pub(crate) fn is_a_folder(&self) -> bool {
        let options = self.options.get("o").map(String::as_str).unwrap_or_default();
        options.split(',').any(|option| option == "bind" || option == "rbind")
    }
}

/// One entry of `GET /images/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImageSummary {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) repo_digests: Vec<String>,
}

/// `GET /images/{name}/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(default)]
    pub(crate) architecture: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) config: ImageConfig,
}

/// What an image says of its containers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ImageConfig {
    /// Where it keeps data, each with an empty object.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) volumes: BTreeMap<String, serde::de::IgnoredAny>,
}

/// `GET /version`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Version {
    #[serde(default)]
    pub(crate) arch: String,
}

/// `GET /info`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(default)]
    pub(crate) docker_root_dir: String,
}

/// One line of `GET /events`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Event {
    #[serde(default, rename = "Type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) actor: Actor,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Actor {
    #[serde(default, rename = "ID")]
    pub(crate) id: String,
    #[serde(default, rename = "Attributes", deserialize_with = "null_is_empty")]
    pub(crate) attributes: BTreeMap<String, String>,
}

/// Reads what Go writes as `null` when it is empty.
fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_future_engine_fails_nothing() {
        let list: Vec<ContainerSummary> = serde_json::from_str(
            r#"[{"Id":"1","Names":["/other/alias","/web"],"State":"hibernating","Status":"Hibernating","Labels":null,
                 "Health":{"Status":"new"},"Mounts":[{"Type":"crystal"}],"NetworkSettings":{"Networks":null}}]"#,
        )
        .expect("tolerated");
        assert_eq!(list[0].name(), Some("web"));
        assert_eq!(list[0].state, "hibernating");
    }

    #[test]
    fn parts_that_are_missing_fail_nothing() {
        let container: Container = serde_json::from_str(r#"{"Id":"1"}"#).expect("tolerated");
        assert_eq!(container.state.exit_code, 0);
    }
}
