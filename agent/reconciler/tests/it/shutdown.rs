use std::sync::Arc;
use std::time::Duration;

use hearth_planner::Timing;
use hearth_reconciler::{Reconciler, SpecCache};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::driver::Agent;
use crate::fixture::{blog, id};

/// Stops the loop of an agent in good order, and returns how long that took.
fn shut_down(agent: &mut Agent) -> Duration {
    agent.stop();
    let world = agent.world.clone();
    agent.block_on(async move {
        let shutdown = CancellationToken::new();
        let (current, wake) = (world.subscribe(), Arc::clone(world.wake()));
        let reconciler =
            Reconciler::new(world, current, wake, Arc::new(SpecCache::default()), Timing::default());
        let running = tokio::spawn(reconciler.run(shutdown.clone()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let asked = Instant::now();
        shutdown.cancel();
        running.await.expect("it ends");
        asked.elapsed()
    })
}

#[test]
fn an_engine_that_does_not_answer_holds_up_no_shutdown() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.state_of_box().is_engine_silent = true;
    assert!(shut_down(&mut agent) < Duration::from_millis(100));
}

#[test]
fn a_shutdown_cancels_steps_that_would_take_long() {
    let mut agent = Agent::new();
    agent.want(&blog());
    agent.state_of_box().hanging.insert(id("blog"));
    assert!(shut_down(&mut agent) < Duration::from_millis(100));
}
