/// Room for networks beside the engine's own pools.
mod subnet;

use std::collections::HashMap;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkDisconnectRequest};
use hearth_model::Subnet;
use hearth_model::id::AppId;
use hearth_model::spec::{IpamPool, NetworkSpec};

use crate::engine::Engine;
use crate::error::Error;
use crate::http::{Failure, encode};
use crate::labels;
use crate::wire;

impl Engine {
    /// Makes a network; one that was made from the same spec stays, one that is external must be there.
    pub(crate) async fn create_network(
        &self,
        app: Option<&AppId>,
        name: &str,
        spec: &NetworkSpec,
    ) -> Result<(), Error> {
        let doing = format!("make network {name}");
        // Engines before 25 make a second network of the same name, so two apps must not look at the same time.
        let _making = self.inner.making_network.lock().await;
        let found = self.find_networks(name).await.map_err(|failure| self.error(failure, &*doing))?;
        match found.as_slice() {
            [] if spec.external => {
                let answer = format!("there is no network {name}, and the package expects it to be there");
                return Err(Error::Refused { doing, answer });
            }
            [_, ..] if spec.external => return Ok(()),
            [network]
                if self.is_ours(network)
                    && network.labels.get(labels::SPEC).map(String::as_str) == Some(spec.hash().as_str()) =>
            {
                return Ok(());
            }
            found => self.remove_found_networks(found, name, &doing).await?,
        }
        let request = request(name, spec, self.network_labels(app, spec));
        match self.inner.docker.create_network(request.clone()).await.map_err(Failure::from) {
            Ok(_) => Ok(()),
            Err(failure) if failure.is_conflict() => Err(Error::NameTaken { doing, name: name.to_owned() }),
            Err(failure) if spec.ipam.is_empty() && is_out_of_addresses(&failure) => {
                self.create_network_elsewhere(request, failure, doing).await
            }
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    /// Makes a network that the engine has no addresses for: where nothing is set, its pools end at about 30 networks.
    async fn create_network_elsewhere(
        &self,
        mut request: NetworkCreateRequest,
        mut failure: Failure,
        doing: String,
    ) -> Result<(), Error> {
        let there = self.get("/networks").await.map_err(|failure| self.error(failure, &*doing))?;
        let there: Vec<wire::Network> = there;
        let routes: Vec<Subnet> =
            (self.inner.options.routes)().into_iter().map(|route| route.subnet).collect();
        for subnet in subnet::free(&there, &routes) {
            let pool = IpamConfig { subnet: Some(subnet.to_string()), ..IpamConfig::default() };
            request.ipam = Some(Ipam { config: Some(vec![pool]), ..request.ipam.unwrap_or_default() });
            match self.inner.docker.create_network(request.clone()).await.map_err(Failure::from) {
                Ok(_) => return Ok(()),
                // Something else of the host has it.
                Err(Failure::Answered { message, .. }) if message.contains("overlaps") => {
                    failure = Failure::Answered { status: 403, message };
                }
                Err(other) => return Err(self.error(other, doing)),
            }
        }
        Err(self.error(failure, doing))
    }

    /// Removes a network of ours; one that is not there is as it should be.
    pub(crate) async fn remove_network(&self, name: &str) -> Result<(), Error> {
        let doing = format!("remove network {name}");
        let found = self.find_networks(name).await.map_err(|failure| self.error(failure, &*doing))?;
        self.remove_found_networks(&found, name, &doing).await
    }

    /// Removes those of ours; fails when there are others, whose name it is.
    async fn remove_found_networks(
        &self,
        found: &[wire::Network],
        name: &str,
        doing: &str,
    ) -> Result<(), Error> {
        let (ours, others): (Vec<_>, Vec<_>) = found.iter().partition(|network| self.is_ours(network));
        for network in ours {
            self.remove_found_network(network, doing).await?;
        }
        if others.is_empty() {
            return Ok(());
        }
        Err(Error::NameTaken { doing: doing.to_owned(), name: name.to_owned() })
    }

    async fn remove_found_network(&self, network: &wire::Network, doing: &str) -> Result<(), Error> {
        self.disconnect_leftovers(&network.id, doing).await?;
        match self.inner.docker.remove_network(&network.id).await.map_err(Failure::from) {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    /// Disconnects containers of ours, and what is left of containers that are gone. Those of others stay, and then
    /// the engine refuses to remove the network, in words that name them.
    async fn disconnect_leftovers(&self, network: &str, doing: &str) -> Result<(), Error> {
        let details: wire::Network = match self.get(&format!("/networks/{}", encode(network))).await {
            Ok(details) => details,
            Err(failure) if failure.is_not_found() => return Ok(()),
            Err(failure) => return Err(self.error(failure, doing)),
        };
        for id in details.containers.into_keys() {
            match self.get::<wire::Container>(&format!("/containers/{}/json", encode(&id))).await {
                Ok(container) if !labels::is_ours(&container.config.labels, &self.inner.options.box_id) => {
                    continue;
                }
                Ok(_) => {}
                Err(failure) if failure.is_not_found() => {}
                Err(failure) => return Err(self.error(failure, doing)),
            }
            let request = NetworkDisconnectRequest { container: id, force: Some(true) };
            match self.inner.docker.disconnect_network(network, request).await.map_err(Failure::from) {
                Ok(()) => {}
                Err(failure) if failure.is_not_found() => {}
                Err(failure) => return Err(self.error(failure, doing)),
            }
        }
        Ok(())
    }

    fn is_ours(&self, network: &wire::Network) -> bool {
        labels::is_ours(&network.labels, &self.inner.options.box_id)
    }

    fn network_labels(&self, app: Option<&AppId>, spec: &NetworkSpec) -> HashMap<String, String> {
        let mut all = labels::packaged(&spec.labels);
        all.insert(labels::BOX.to_owned(), self.inner.options.box_id.clone());
        all.insert(labels::SPEC.to_owned(), spec.hash().to_string());
        if let Some(app) = app.filter(|_| !spec.shared) {
            all.insert(labels::APP.to_owned(), app.to_string());
        }
        all
    }
}

/// Tells whether the engine's pools are used up, in the words of engines 20.10 to 28 and of later ones.
fn is_out_of_addresses(failure: &Failure) -> bool {
    let Failure::Answered { message, .. } = failure else { return false };
    ["non-overlapping IPv4 address pool", "address pools have been fully subnetted"]
        .iter()
        .any(|words| message.contains(words))
}

fn request(name: &str, spec: &NetworkSpec, labels: HashMap<String, String>) -> NetworkCreateRequest {
    let NetworkSpec {
        driver,
        driver_opts,
        internal,
        attachable,
        enable_ipv6,
        ipam,
        ipam_driver,
        labels: _,
        external: _,
        shared: _,
    } = spec;
    let pools: Vec<IpamConfig> = ipam.iter().map(pool).collect();
    let ipam = Ipam {
        driver: ipam_driver.clone(),
        config: Some(pools).filter(|pools| !pools.is_empty()),
        options: None,
    };
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some(if driver.is_empty() { "bridge".to_owned() } else { driver.clone() }),
        options: Some(driver_opts.clone().into_iter().collect()),
        internal: Some(*internal),
        attachable: Some(*attachable),
        enable_ipv6: Some(*enable_ipv6),
        ipam: (ipam != Ipam::default()).then_some(ipam),
        labels: Some(labels),
        ..NetworkCreateRequest::default()
    }
}

fn pool(pool: &IpamPool) -> IpamConfig {
    let IpamPool { subnet, ip_range, gateway, aux_addresses } = pool;
    IpamConfig {
        subnet: subnet.clone(),
        ip_range: ip_range.clone(),
        gateway: gateway.clone(),
        auxiliary_addresses: Some(aux_addresses.clone().into_iter().collect::<HashMap<_, _>>())
            .filter(|addresses| !addresses.is_empty()),
    }
}
