//! Commands, in-process: everything outside is simulated. As processes they are in `e2e`.

mod authorize;
mod person;
