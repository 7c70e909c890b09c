//! The client against a script.
