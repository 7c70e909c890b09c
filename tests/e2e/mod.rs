//! On a real API server.

mod control_plane;
mod definitions;
mod kstatus;
mod repairs;
mod samples;
mod world;
