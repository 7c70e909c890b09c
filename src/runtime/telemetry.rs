//! Where log lines go: standard error, as text or JSON, filtered by `RUST_LOG`.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

/// Installs the subscriber; does nothing if there is one already. `RUST_LOG` wins over `default`.
pub fn install(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    let result = match format {
        LogFormat::Text => {
            let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            registry.with(fmt::layer().with_writer(stderr).with_ansi(colours).with_target(false)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(stderr)).try_init(),
    };
    if result.is_err() {
        tracing::debug!("a log subscriber is installed already");
    }
}
