//! On a real API server.

mod control_plane;
