//! How often a call is repeated, and when.
