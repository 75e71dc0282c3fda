use std::collections::{BTreeMap, BTreeSet};

use hearth_model::EngineStep;
use hearth_model::spec::NetworkSpec;

use crate::Input;

/// Makes networks that several apps share before the first app needs them, and removes them when none names them.
pub(crate) fn steps(input: &Input<'_>) -> Vec<EngineStep> {
    let mut wanted: BTreeMap<&str, &NetworkSpec> = BTreeMap::new();
    let mut all_known = true;
    for app in input.desired.apps.keys() {
        let Some(spec) = input.spec(app) else {
            all_known = false;
            continue;
        };
        for (name, network) in spec.networks.iter().filter(|(_, network)| network.shared && !network.external)
        {
            wanted.entry(name).or_insert(network);
        }
    }
    let observed = &input.observed.networks;
    // One that was made for other addresses is made anew once nothing is connected to it.
    let outdated = wanted.iter().filter(|(name, network)| {
        observed.get(**name).is_some_and(|seen| {
            seen.ours
                && seen.app.is_none()
                && seen.connected.is_empty()
                && seen.spec_hash != Some(network.hash())
        })
    });
    let outdated: BTreeSet<&str> = outdated.map(|(name, _)| *name).collect();
    let mut steps: Vec<EngineStep> =
        outdated.iter().map(|name| EngineStep::RemoveNetwork { name: (*name).to_owned() }).collect();
    let missing =
        wanted.iter().filter(|(name, _)| !observed.contains_key(**name) || outdated.contains(**name));
    steps.extend(missing.map(|(name, network)| EngineStep::CreateNetwork {
        app: None,
        name: (*name).to_owned(),
        network: (*network).clone(),
    }));
    // An app whose spec cannot be told may need any of them.
    if all_known {
        let unused = observed.iter().filter(|(name, network)| {
            network.ours
                && network.app.is_none()
                && network.connected.is_empty()
                && !wanted.contains_key(name.as_str())
        });
        steps.extend(unused.map(|(name, _)| EngineStep::RemoveNetwork { name: name.clone() }));
    }
    steps
}
