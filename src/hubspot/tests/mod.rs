//! The client as its callers see it, on a scripted transport.

mod contacts;
mod endpoints;
mod engagements;
mod errors;
mod region;
mod secrecy;
