//! Tests of the simulator: in process on a paused clock, one over a socket.
