//! On a real API server.

mod authorize;
mod control_plane;
mod credentials;
mod definitions;
mod deletion;
mod kstatus;
mod leads;
mod process;
mod repairs;
mod samples;
mod tec;
mod world;
