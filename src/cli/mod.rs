//! The command line: one thin file per command. Builds inputs, calls the core, renders.
//!
//! Standard output is data, standard error is talk.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that talks")]

pub mod authorize;

mod crds;
mod run;
mod simulate;

use clap::{Parser, Subcommand};

/// Keeps HubSpot portals ready for TEC's AI sales assistants.
#[derive(Debug, Parser)]
#[command(name = "tec-crm", version, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator.
    Run(run::RunArgs),
    /// Serve a simulated HubSpot portal, and a simulated TEC beside it.
    Simulate(simulate::SimulateArgs),
    /// Get a portal's consent in the browser, and keep its token in the connection's Secret.
    Authorize(authorize::AuthorizeArgs),
    /// Print the CRDs, or write them to a folder.
    Crds(crds::CrdsArgs),
    /// Print the version.
    Version,
}

impl Cli {
    /// Does what was asked for.
    pub fn dispatch(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(args) => run::run(args),
            Command::Simulate(args) => simulate::run(args),
            Command::Authorize(args) => authorize::run(args),
            Command::Crds(args) => crds::run(&args),
            Command::Version => {
                println!("tec-crm {}", env!("CARGO_PKG_VERSION"));
                Ok(())
            }
        }
    }
}

/// An error with what to do about it on a line of its own.
fn hinted(message: impl std::fmt::Display, hint: &str) -> anyhow::Error {
    anyhow::anyhow!("{message}\nhint: {hint}")
}
