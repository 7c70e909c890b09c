//! Leads, carried by the operator as users run it: a process against a real API server, HubSpot and TEC on sockets, and
//! HubSpot's webhooks delivered to the port it opens. What happened is read from the simulators' stores and from kubectl.

mod bookmark;
mod canaries;
mod killed;
mod office;
mod story;
