//! The HubSpot client: typed calls, errors by meaning, limits obeyed, tokens never shown.

pub mod transport;
