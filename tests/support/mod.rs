//! What several tests need.

pub(crate) mod control_plane;
