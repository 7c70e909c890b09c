//! Tests of the simulator, in process and over a socket.
