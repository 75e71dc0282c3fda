use std::collections::BTreeMap;

use hearth_model::AppId;

use crate::Input;
use crate::world::World;

/// Returns at which TCP ports of the host the agent should listen, and for which app.
///
/// A stopped app keeps its port, where the gateway says that it is stopped, until another app wants it.
pub fn wanted(input: &Input<'_>) -> BTreeMap<u16, AppId> {
    World::new(input).doors()
}
