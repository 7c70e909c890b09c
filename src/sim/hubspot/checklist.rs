//! The checklist of API.md §15: what a faithful simulator must reproduce, item by item, with where it is done and tested, or why
//! it is left out. Text only. Files are of this folder, tests of `tests/` below it; switches are of `switches.rs`, settings of
//! `config.rs`. A test reads this page: what it names is there.
//!
//! # Versions and routing
//!
//! - [x] Path prefix per version, unknown version or route 404: `route.rs`; non-JSON or empty by `unknown_route`. Tests:
//!   `access`, `switches`. `2026-03`, `2026-09` and `v3` are served, version 1 of the token endpoint whatever the date. Paths
//!   of `2026-09` are answered by its rule for batches in part, those of 2026-03 where switched (`answers_as`); its scopes for
//!   e-mails are left out, and so are seats.
//! - [ ] `/webhooks/2026-03` and `/app-webhooks/2026-09`, settings and subscriptions: left out. That API is for legacy public
//!   apps alone, whose creation is closed (API.md §10.1): no credential the operator may get can call it. Both are 404 here.
//! - [x] `contacts`/`contact`/`0-1`, ids as strings in objects and numbers in owners' `userId` and webhooks, "Unable to infer
//!   object type": `route.rs`, `objects.rs`. Tests: `access`, `people`, `webhooks`.
//! - [x] Regions: 401, 488 or served (`wrong_region`), token prefixes are free text: `auth.rs`. Tests: `access`, `switches`.
//!   488 now and then is a fault by turns.
//! - [x] `X-HubSpot-Correlation-Id` in every answer, in every error's body: `answer.rs`. Tests: `access`.
//!
//! # Auth
//!
//! - [x] Static tokens with scopes; 401; 403 naming scopes or not (`missing_scopes`): `auth.rs`, `route.rs`. Tests: `access`.
//! - [x] `access-token-info`; rotation with overlap (both tokens are valid until the old one is revoked, whenever that is);
//!   revocation: `auth.rs`, `/_sim/tokens`. Tests: `access`, `control`.
//! - [x] OAuth: single-use codes, redirect and PKCE, form body only, 1800 s, refresh (`refresh_rotation`), introspection,
//!   revocation that does not cascade, the flat `BAD_*` errors, uninstall (`uninstalled`), `EXPIRED_AUTHENTICATION`, the portal
//!   bound to the token: `oauth.rs`, `auth.rs`. Tests: `oauth`.
//! - [x] `client_credentials` tokens are handed out and good for the journal alone, which is left out: 401 everywhere here.
//!   Tests: `oauth`.
//!
//! # Users and owners
//!
//! - [x] 201 + `Location`, `sendWelcomeEmail`, list lag, get by `EMAIL`, 404 after delete, repeated DELETE 204, same id again,
//!   seat error (`seat_release`), PUT before activation 400, no roles and a cap on Free (`roles`, `user_cap`): `users.rs`,
//!   `people.rs`. Tests: `people`.
//! - [x] Duplicate create, owner delay, only after acceptance and some time after it, CRM record only after activation,
//!   acceptance by action (`duplicate_user`, `owner_delay`, `owner`, `owner_after_acceptance`, `crm_record`), and what else is
//!   open: `pending_owner`, `owner_archival`, `invitation_shown`, `user_put_omitted`. Tests: `people`, `switches`.
//! - [x] Bounced invitations, as CRM user records may tell of them (`invite_email`). Tests: `switches`.
//! - [ ] Search, batches and writes of CRM user records: left out, the operator reads them one by one and as a list.
//! - [x] Three id spaces; owners by `email`, `archived`, `idProperty=userId`; archived ones without `userId` and assignable;
//!   unknown ones 400 `INVALID_OWNER_ID`: `owners.rs`, `people.rs`, `contact_check.rs`. Tests: `people`, `contacts`.
//!
//! # Properties
//!
//! - [x] Full body, built-ins, read-only flags: `schema.rs`, `seed.rs`. Tests: `fields`.
//! - [x] 409, 404, PATCH keeps or replaces options, ignored fields, type change, group must exist, reserved names:
//!   `properties.rs`. Tests: `fields`, `groups`. An enumeration without options is accepted, with none, unless switched
//!   (`enumeration_without_options`): API.md §15 has it refused, by no evidence that is cited, and the operator makes its
//!   schedule field without options while there are no schedules. Refused, the connection says so, and the field comes with the
//!   first schedule. Open forms by `duplicate_options`, `option_errors`, `option_limit`, `removed_option`, `type_change`,
//!   `name_limit`, `duplicate_group`. Tests: `switches`.
//! - [x] Archive, restore or fresh or refused (`archived_name`), in use, group with active properties, 90 days, limit reached:
//!   `properties.rs`, `groups.rs`. Tests: `fields`, `groups`.
//! - [x] Reads lag (`read_lag`): lists, and single and batch reads of properties and groups; a user read by itself does not
//!   (API.md §5). None by default, so that tests which ask for nothing get none; 250 to 700 ms in `tec-crm simulate`. Last
//!   write wins, people edit by actions. Tests: `fields`, `control`.
//! - [ ] Uniqueness of `hasUniqueValue` properties, and that there are at most 10: left out, the operator makes none.
//!
//! # Contacts
//!
//! - [x] 100, and 50 with history; 207 with ids, or silence (`missing_in_batch`); shuffled; merged ids vanish or answer as the
//!   survivor (`merged_read`); duplicate ids 400: `contact_batch.rs`. Tests: `contact_batch`, `contact_merge`.
//! - [x] All or nothing without trace ids (`partial_writes`), values validated, strings, lower-case e-mail, 409, `""`:
//!   `contact_check.rs`. Tests: `contacts`, `contact_api`, `contact_batch`.
//! - [x] Histories (`history_order`, `history_depth`, `resave_adds_history`), date of assignment (`assigned_date_on_create`,
//!   `assigned_date_on_unassign`, `merge_stamps`), `lastmodifieddate`: `contacts.rs`. Tests: `contacts`, `contact_merge`,
//!   `switches`.
//! - [x] 2026-09: `required_property` (400 `MISSING_REQUIRED_PROPERTY`), errors in 200 (`answers_as`), nulls (`noise`). Tests:
//!   `switches`. Conditional requirements are left out: to a client they are the same refusal under another code.
//! - [x] A contact's associations with engagements, in its own create and read: `associations.rs`. Tests: `associations`.
//! - [ ] `gdpr-delete`, the forward-only `lifecyclestage`, the 250 identities of a merge: left out, the operator has nothing to
//!   do with them.
//!
//! # Search
//!
//! - [x] An index that lags (`search_lag`: by chance up to it; none by default, up to 3 s in `tec-crm simulate`), deleted ones
//!   found until it catches up, offsets that shift, `total`, 10,000 (`search_past_end`), limits, five a second
//!   (`search_refusal`, `refused_search_counts`), no headers, `IN` in lower case, ties (`search_ties`): `search.rs`,
//!   `search_filter.rs`, `engagement_search.rs`. Tests: `search`, `engagement_search`, `trouble`, `switches`.
//!
//! # Engagements
//!
//! - [x] 201/207, `hs_timestamp`, types and directions, bad ids and types, `associations_always_fail`, headers of e-mails,
//!   duplicates, deletion for good, contact touched: `engagement_*.rs`, `association_api.rs`. Tests: `engagements`,
//!   `associations`.
//! - [ ] Ids named twice in a batch read of engagements: answered once, where contacts are refused; HubSpot's answer is unknown.
//! - [ ] Histories and batch update of engagements, labels of associations, limits of their own for association endpoints: left
//!   out, the operator uses none (they count to the ordinary limits).
//!
//! # Webhooks and journal
//!
//! - [x] v3 and v1, fresh timestamps, batches of 100, 5 s, ten retries in a day with `attemptNumber` (`retried_events`),
//!   duplicates, reordering, ten at a time; forged, stale, replayed ones as actions; the five minutes for which HubSpot goes by
//!   older settings (`webhook_settings`): `webhooks.rs` and below. Tests: `webhooks`.
//! - [ ] Journal: left out. It takes an OAuth app's `client_credentials` token and scopes many cannot select (API.md §10.3).
//!
//! # Limits and faults
//!
//! - [x] Ten seconds per app, portal's day, headers, all tiers: 100, 190 and 250 are `limit_per_10s`, with `daily_limit`; OAuth
//!   apps have `oauth_per_10s`, 110 whatever the tier: `limits.rs`. Tests: `trouble`. No daily headers for OAuth apps:
//!   `oauth.rs`.
//! - [x] By route and turn (`shared/faults.rs`, `faults.rs`): 423 with `lastsMs` 2000, 429 of each policy by `body`, 477 with
//!   `Retry-After`, 5xx before and after the effect, 524 with `delayMs`, pages and any other body, `cut` answers, `drop`ped
//!   connections. Strange but well-formed answers: of one call by `body`, of all by `noise`. Tests: `trouble`, `switches`,
//!   `socket`.
//! - [x] Request log without tokens: `shared/log.rs`. Tests: `trouble`.
