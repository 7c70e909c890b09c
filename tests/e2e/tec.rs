//! A TEC on a socket, for worlds that have one.

use std::sync::Arc;

use tec_crm::{
    runtime::clock::SystemClock,
    sim::tec::{TecConfig, TecSim, serve},
};
use tokio::net::TcpListener;

use super::world::World;

/// A simulated TEC beside a world's portal, and its base URL; the operator may talk to it from its next start.
pub(crate) fn simulate(world: &mut World, config: TecConfig) -> (TecSim, String) {
    world.secrets.push(config.token.clone());
    let sim = TecSim::new(config, Arc::new(SystemClock));
    let serving = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(serve(sim.clone(), listener, std::future::pending()));
        endpoint
    };
    let endpoint = world.runtime().block_on(serving);
    world.sim.attach_tec(sim.clone());
    world.args.extend(["--allow-endpoint".to_owned(), endpoint.clone()]);
    (sim, endpoint)
}
