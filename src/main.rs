//! Entry point: parse, dispatch, and the only place that ends the process.

use std::process::ExitCode;

use clap::Parser;
use tec_crm::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "the last word before the end")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
