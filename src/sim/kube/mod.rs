//! A small Kubernetes API server for simulation tests.
