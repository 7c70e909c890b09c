//! Which operations of HubSpot's files are exercised, and which calls of the client ask for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tec_crm::hubspot::Operation;

use super::{checker::Contract, watch::Found};

/// What a call of the client asks for, as the files name it.
pub fn asks(operation: Operation) -> &'static str {
    match operation {
        Operation::AccountDetails => "GET /account-info/2026-03/details",
        Operation::DailyUsage => "GET /account-info/2026-03/api-usage/daily/private-apps",
        Operation::TokenInfo => "POST /oauth/v2/private-apps/get/access-token-info",
        Operation::RefreshToken | Operation::ExchangeCode => "POST /oauth/2026-03/token",
        Operation::IntrospectToken => "POST /oauth/2026-03/token/introspect",
        Operation::ListUsers => "GET /settings/users/2026-03",
        Operation::FindUser => "GET /settings/users/2026-03/{userId}",
        Operation::CreateUser => "POST /settings/users/2026-03",
        Operation::UpdateUser => "PUT /settings/users/2026-03/{userId}",
        Operation::DeleteUser => "DELETE /settings/users/2026-03/{userId}",
        Operation::ListRoles => "GET /settings/users/2026-03/roles",
        Operation::ListTeams => "GET /settings/users/2026-03/teams",
        Operation::ListOwners => "GET /crm/owners/2026-03",
        Operation::ListCrmUsers => "GET /crm/objects/2026-03/users",
        Operation::ListGroups => "GET /crm/properties/2026-03/{objectType}/groups",
        Operation::CreateGroup => "POST /crm/properties/2026-03/{objectType}/groups",
        Operation::UpdateGroup => "PATCH /crm/properties/2026-03/{objectType}/groups/{groupName}",
        Operation::DeleteGroup => "DELETE /crm/properties/2026-03/{objectType}/groups/{groupName}",
        Operation::ListProperties => "GET /crm/properties/2026-03/{objectType}",
        Operation::FindProperty => "GET /crm/properties/2026-03/{objectType}/{propertyName}",
        Operation::CreateProperty => "POST /crm/properties/2026-03/{objectType}",
        Operation::UpdateProperty => "PATCH /crm/properties/2026-03/{objectType}/{propertyName}",
        Operation::DeleteProperty => "DELETE /crm/properties/2026-03/{objectType}/{propertyName}",
        Operation::CountContacts | Operation::SearchContacts => "POST /crm/objects/2026-03/contacts/search",
        Operation::ReadContacts => "POST /crm/objects/2026-03/contacts/batch/read",
        Operation::UpdateContacts => "POST /crm/objects/2026-03/contacts/batch/update",
        Operation::CreateNotes => "POST /crm/objects/2026-03/notes/batch/create",
        Operation::CreateEmails => "POST /crm/objects/2026-03/emails/batch/create",
        Operation::CreateTasks => "POST /crm/objects/2026-03/tasks/batch/create",
        Operation::ReadAssociations => "POST /crm/associations/2026-03/{fromObjectType}/{toObjectType}/batch/read",
        Operation::ReadNotes => "POST /crm/objects/2026-03/notes/batch/read",
        Operation::ReadEmails => "POST /crm/objects/2026-03/emails/batch/read",
        Operation::ReadTasks => "POST /crm/objects/2026-03/tasks/batch/read",
    }
}

/// A few lines for a person: what was exercised, and which calls of the client were not.
pub fn report(contract: &Contract, found: &Found) -> String {
    let mut statuses: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for (operation, status) in found.exchanges.keys() {
        statuses.entry(operation).or_default().insert(*status);
    }
    let missed: Vec<&str> =
        Operation::ALL.iter().filter(|call| !statuses.contains_key(asks(**call))).map(|call| call.name()).collect();
    let exchanges: u64 = found.exchanges.values().sum();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "HubSpot's contract: {exchanges} exchanges, {} of {} operations of its files, {} of {} calls of the client",
        statuses.len(),
        contract.operations().count(),
        Operation::ALL.len() - missed.len(),
        Operation::ALL.len(),
    );
    for (operation, statuses) in statuses {
        let shown = |status: u16| if status == 0 { "fault".to_owned() } else { status.to_string() };
        let statuses: Vec<String> = statuses.into_iter().map(shown).collect();
        let _ = writeln!(text, "  {operation}: {}", statuses.join(" "));
    }
    if !missed.is_empty() {
        let _ = writeln!(text, "  not exercised: {}", missed.join(", "));
    }
    text
}

/// Adds what a world has seen to what all worlds of this process have, and writes that down where `make test` shows it.
pub fn tally(contract: &Contract, found: &Found) {
    static ALL: Mutex<Option<Found>> = Mutex::new(None);
    let mut all = ALL.lock().unwrap();
    let sum = all.get_or_insert_default();
    for (exchange, count) in &found.exchanges {
        *sum.exchanges.entry(exchange.clone()).or_default() += count;
    }
    std::fs::write(file(), report(contract, sum)).expect("a report of what was exercised");
}

/// Forgets what another process has written down.
pub fn forget() {
    let _ = std::fs::remove_file(file());
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("hubspot-contract.txt")
}
