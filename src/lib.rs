//! The TEC CRM operator: the page to read first.
//!
//! TEC's AI sales assistants work inside a customer's HubSpot portal. Custom resources in Kubernetes say how that portal
//! should be set up for them; this crate compares that with HubSpot, again and again, repairs what differs and says in
//! `status` how far it is.
//!
//! # Bird's eye
//!
//! Four verbs, four rooms: observe, plan, apply, report. Data comes in on the left, and a value passes each room once.
//!
//! ```text
//!                                                         questions (is there a user? who holds this option?)
//!                                                        ┌──────────────────────────────┐
//!                                                        ▼                              │
//!  HubSpot ──► hubspot ──► portal ──► PortalSnapshot, Answers ─┐                        │
//!              (client)    (reads)                             ├─► plan ──► Plan{steps, withheld, questions} + report
//!  Kubernetes ─► controllers ─► desired ──► Validated* ────────┘  (pure)      │                                │
//!      ▲         (queue,        (pure)                                        ▼                                │
//!      │          store)                                                    apply ──► hubspot ──► HubSpot      │
//!      │                                                               (the only writer)                       │
//!      └────────────── status, events ◄── controllers/*/report.rs ◄── Applied ◄─┘ ◄────────────────────────────┘
//! ```
//!
//! A controller plans, asks what the plan wants to know, applies the steps and plans again, a bounded number of times,
//! until nothing is left. A plan is a value: what is written to HubSpot, what is shown instead (`Observe`, `holdUntil`,
//! the `plan` annotation) and what becomes the `Drifted` message is the same [`plan::Plan`].
//!
//! Leads take another way, because they are many and quick, and people wait for them. One engine per connection:
//!
//! ```text
//!  HubSpot ── webhook ──► server ──┐ (contact ids, only to be quicker)
//!  HubSpot ── search ────► look ───┼─► pending ──► batch: read with history ─► decide (pure) ─► TEC ─► timeline ─► contact
//!  TEC ────── events ────► feed ───┘   (memory)           ▲                    R1 to R11       stop,   notes,     statuses,
//!                                                         └── again, until nothing is left     lead    mails,     owner, mark
//!                                                                                                      tasks      = commit
//! ```
//!
//! The controllers tell it by value who works there ([`leads::Setup`]) and read from its board how it is ([`leads::Report`]).
//!
//! # Code map
//!
//! | room | what it is | look here for |
//! |---|---|---|
//! | [`domain`] | values everybody speaks: ids, e-mail, names, lead states | what a valid e-mail, property or option name is |
//! | [`api`] | the three kinds, their schema, conditions and reasons | *what can I write in YAML?* |
//! | [`desired`] | pure: spec → `Validated*`; the only reader of specs | *what does it mean?* defaults, refusals as `InvalidSpec` |
//! | [`plan`] | pure: what has to change, in which order, and why | *what will it do?* ownership marks, adoption, pruning, removal |
//! | [`portal`] | what HubSpot looks like now; one snapshot per portal, reads joined | what is read when, what a failed read means |
//! | [`apply`] | carries out plans; looks before repeating a write whose answer was lost | *what exactly is sent?* |
//! | [`hubspot`] | the client: calls, errors by meaning, limits, regions | *how does it talk to HubSpot?* |
//! | [`tec`] | the client of TEC's API; `openapi.yaml` is the contract | *how does it talk to TEC?* |
//! | [`leads`] | pure rules for one contact, and the engine that carries the leads of one connection | *what happens to a lead?* `decide.rs`; in which order it is written: `batch/` |
//! | [`controllers`] | when does what run: watch, store, queue; a folder per kind | *when does it run?* `queue.rs`; *what does TEC know?* `tec.rs`; *what does status say?* `*/report.rs`; deletion: `*/cleanup.rs` |
//! | [`server`] | health, webhooks, the callback of `tec-crm authorize` | probes; *is this delivery HubSpot's?* `signature.rs`; *is this the browser that was sent?* `callback.rs` |
//! | [`runtime`] | clock, chance, back-off, shutdown, logs | what is injected |
//! | [`cli`] | one thin file per command | flags |
//! | [`sim`] | a HubSpot portal, a TEC and a Kubernetes API server, in memory | what HubSpot does, as far as we know it |
//!
//! Outside `src/`: `crds/` (generated from [`api`]), `manifests/`, `tests/` (`tidy.rs` checks this page's rules,
//! `control-plane/` starts a real kube-apiserver, `demo.sh` tells the story).
//!
//! # Invariants
//!
//! What holds everywhere, and what is *not* there on purpose:
//!
//! - **No database, no files.** HubSpot, TEC and the objects' status hold all state; the process can be killed anywhere. What it can
//!   lose then is a refresh token with which HubSpot has replaced ours, if it let ours end at once; that is told.
//! - **[`domain`], [`desired`], [`plan`] and the rules of [`leads`] do nothing.** No call, no clock, no chance, no async, no kube
//!   client. `now` and answers are arguments. Same input, same plan, same decision.
//! - **Nobody but [`apply`] changes a portal's configuration**, and it decides nothing: an action is complete, with its
//!   precondition. If the portal is not as planned on, it says `Stale` and somebody plans again.
//! - **A contact's mark is written last** of all that concerns it, in one update with what people see ([`leads::mark`]). Whatever was cut off before is
//!   found done when it is done again: TEC by its key, the timeline by natural keys ([`leads::timeline`]).
//! - **A person's choice wins.** Owner and history are read before every write to a contact, and looked at once more after a
//!   hand-back; what a person chose is not written over, or given back.
//! - **Webhooks, searches and timers only say where to look.** What is done is decided on the contact itself, as just read.
//! - **Unread is not empty.** A list that could not be read is [`portal::Section::Unread`] or `Stale`, TEC's lists are
//!   [`controllers::tec::Listing`]s in the same way; nothing is created or removed on it, and no status code flips because of it.
//! - **Nobody is invited whom TEC does not have**, if there is a TEC to ask: the mailbox would not be there.
//! - **Nobody but [`desired`] reads a spec**, once, exhaustively: a new field cannot be forgotten. An invalid object costs
//!   no HubSpot call.
//! - **What we did not make we do not remove.** Ownership is a mark in HubSpot (`plan/ownership.rs`) or, where HubSpot has no place
//!   for one (groups, users), a memory in status. A mark of another cluster is a `Conflict`.
//! - **No write is repeated blindly.** A lost answer is an ambiguous error, and ambiguity is read back by natural key.
//!   (TEC's writes have keys: there a repeat is the same write.)
//! - **A new refresh token is stored before anything that came with it is used**, where the old one was, and one request
//!   for tokens is under way however many want one ([`hubspot::oauth::Authorization`]).
//! - **A consent is asked for by a person** and kept with that person's rights, beside the operator ([`cli::authorize`]); `state` and
//!   PKCE tie the answer to the question.
//! - **A token cannot be printed.** [`hubspot::AccessToken`] and [`tec::TecToken`] have no `Display` and a `Debug` without
//!   content; errors, logs and status hold no token, no body and no contact data.
//! - **Messages are stable.** A retry of the same failure writes nothing to Kubernetes, nor does a pass without changes; a
//!   status patch does not wake its own object.
//! - **No `kube::runtime::Controller`.** The queue is ours: one order for all kinds, lanes, back-off per object, deterministic.
//! - **No panic on purpose, no `unsafe`, no `process::exit`** but the exit code of `main`.
//!
//! Which room may import which is a table in `tests/tidy.rs`; an arrow that is not in it fails the tests.
//!
//! # Time, chance and the outside world
//!
//! Everything that is not a function of values comes in through [`controllers::context::Outside`]:
//!
//! - the **date** as a [`runtime::clock::Clock`]; waiting always goes through `tokio::time`, which a paused runtime moves;
//! - **chance** (jitter) as a seeded [`runtime::chance::Chance`];
//! - **HubSpot** as a [`runtime::transport::Transport`]: reqwest in the process, [`sim::hubspot::HubSpotSim`] in tests
//!   (and **TEC** likewise: [`sim::tec::TecSim`]); what is said to and by either is held against its contract, TEC's and
//!   HubSpot's own `OpenAPI` files, by `tests/contract/`;
//! - **Kubernetes** as a `kube::Client` over any tower service: a cluster, or [`sim::kube`].
//!
//! So the whole operator runs in one thread on virtual time against three simulators, where a seed chooses refusals, delays,
//! lost answers and restarts, and one seed is one trace. The same simulators of HubSpot and TEC listen on sockets as `tec-crm simulate`, for the
//! demo and the tests on a real API server.
//!
//! # What comes later, and where
//!
//! The CRDs already have the fields; validation refuses what this version cannot do.
//!
//! - **Metrics**: `server/metrics.rs`, from the tallies that engines and limiters keep.
//! - **More than one replica**: leader election, then shards by connection. Until then the Deployment has one.
//! - **`tec-crm plan`, `apply`, `status`**: thin files in [`cli`] over [`desired`], [`portal`], [`plan`] and [`apply`].

pub mod domain;

pub mod api;

pub mod desired;

pub mod portal;

pub mod plan;

pub mod apply;

pub mod hubspot;

pub mod tec;

pub mod leads;

pub mod controllers;

pub mod runtime;

pub mod server;

pub mod cli;

pub mod sim;
