//! OAuth: how a connection comes by access tokens (API.md §3).
//!
//! `secrets` has what is known and never shown, `endpoint` the calls of the token endpoint with their errors by meaning,
//! `state` (pure) what to do about a token now, and [`Authorization`] the one source of access tokens of a connection: it
//! renews them before they end, once however many ask, and lets nobody use an access token before the refresh token that
//! came with it has been stored by its [`Keeper`]. It all begins with a [`Consent`], which only a person can give.

mod authorization;
mod consent;
mod endpoint;
mod secrets;
mod state;

#[cfg(test)]
mod tests;

pub use self::{
    authorization::{Authorization, Keeper, NotKept},
    consent::Consent,
    endpoint::{Granted, Places, TokenEndpoint},
    secrets::{App, AuthorizationCode, ClientId, ClientSecret, CodeVerifier, RefreshToken},
    state::{Lineage, Verdict},
};
