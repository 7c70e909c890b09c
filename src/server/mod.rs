//! What the process serves: health, for the kubelet.

pub mod health;
