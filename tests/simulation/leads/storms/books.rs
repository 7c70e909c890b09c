//! What has to be true of every contact and every lead when all is quiet, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Contact, is_running};
use crate::simulation::leads::office::Office;

/// `hs_lead_status` of a state (DESIGN 6.3).
fn lead_status(state: &str) -> &'static str {
    match state {
        "Cold" | "Engaged" | "Warm" | "OutOfOffice" | "Pending" => "IN_PROGRESS",
        "Hot" | "Responded" | "LeadAtRisk" => "CONNECTED",
        "Processed" => "QUALIFIED",
        "New" => "NEW",
        _ => "UNQUALIFIED",
    }
}

pub fn assert_balanced(seed: u64, office: &Office, contacts: &[Contact]) {
    let leads = office.tec().leads();
    let mut wrong = Vec::new();
    for contact in contacts {
        let mut faults = of_leads(office, contact, &leads);
        if !contact.deleted {
            faults.extend(of_work(office, contact, &leads));
            faults.extend(of_timeline(office, contact, &leads));
        }
        let shown = || format!("{}:\n  {}", contact.id, office.timeline(&contact.id).join("\n  "));
        if !faults.is_empty() {
            let of_contact: Vec<String> = contact.leads(&leads).map(ToString::to_string).collect();
            wrong.push(format!("{}\n{}\n  {}", faults.join("\n"), shown(), of_contact.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}: {}\n{}", wrong.join("\n\n"), office.world.trace());
}

/// TEC works on nobody's contact, and for one assistant at a time.
fn of_leads(office: &Office, contact: &Contact, leads: &[Value]) -> Vec<String> {
    let running: Vec<&Value> = contact.leads(leads).filter(|lead| is_running(lead)).collect();
    let mut faults = Vec::new();
    if running.len() > 1 {
        faults.push(format!("{} leads run for {}", running.len(), contact.name));
    }
    for lead in running {
        let owner = format!("{}@example.com", office.owner_of(&contact.id));
        if contact.deleted || lead["crmId"] != contact.id.as_str() {
            faults.push(format!("a lead runs for {}, which is gone", contact.name));
        } else if lead["assistantEmail"] != owner {
            faults.push(format!("a lead of {} runs for {}, which {owner} owns", lead["assistantEmail"], contact.name));
        }
    }
    faults
}

/// An assistant owns what is in work, and nothing else; it shows the newest state.
fn of_work(office: &Office, contact: &Contact, leads: &[Value]) -> Vec<String> {
    let owner = office.owner_of(&contact.id);
    if !["ada", "bob"].contains(&owner.as_str()) {
        return Vec::new();
    }
    let Some(lead) = contact.running(leads) else {
        return vec![format!("{owner} owns {} and does not work on it", contact.name)];
    };
    let mut faults = Vec::new();
    let text = |name: &str| lead[name].as_str().unwrap_or_default();
    let mark: Value = serde_json::from_str(&office.value(&contact.id, "tec_assistant_state")).unwrap_or_default();
    if mark["lead"] != text("leadId") || mark["phase"] != "Working" {
        faults.push(format!("{} is in work, and its mark says {mark}", contact.name));
    }
    let (status, connection) = office.statuses(&contact.id);
    if (status.as_str(), connection.as_str()) != (lead_status(text("state")), text("state")) {
        faults.push(format!("{} is {}, and shows {status}/{connection}", contact.name, text("state")));
    }
    faults
}

/// Everything TEC said is there once, and a note for each thing that was done.
fn of_timeline(office: &Office, contact: &Contact, leads: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    for (kind, said) in [("email", &contact.mails), ("task", &contact.tasks)] {
        let mut shown: BTreeMap<String, usize> = BTreeMap::new();
        for line in office.lines(&contact.id, kind) {
            *shown.entry(line).or_default() += 1;
        }
        for line in said {
            match shown.remove(line) {
                Some(1) => {}
                // What is said of a contact that is gone by then has no place.
                None if !contact.former.is_empty() => {}
                count => faults.push(format!(
                    "{}: {kind} {line:?} is there {} times",
                    contact.name,
                    count.unwrap_or_default()
                )),
            }
        }
        if !shown.is_empty() {
            faults.push(format!("{}: nobody said {shown:?}", contact.name));
        }
    }
    let notes = office.world.hubspot.notes_of(&contact.id).expect("notes");
    let key = |note: &Value| format!("{} {}", note["properties"]["hs_timestamp"], note["properties"]["hs_note_body"]);
    let different: BTreeSet<String> = notes.iter().map(key).collect();
    if different.len() < notes.len() {
        faults.push(format!("{}: {} notes, {} different ones", contact.name, notes.len(), different.len()));
    }
    let accepted = different.iter().filter(|note| note.contains("has taken over")).count();
    if accepted > contact.leads(leads).count() {
        faults.push(format!("{}: {accepted} notes of acceptance, and fewer leads", contact.name));
    }
    let assigned =
        office.lines(&contact.id, "owner").iter().filter(|line| line.ends_with("ada") || line.ends_with("bob")).count();
    // Cleared after the note that refuses it and before it went back, the same assignment is accepted.
    let statuses = office.lines(&contact.id, "status");
    let cleared = statuses.iter().filter(|line| *line == "Lead Connection Status -").count();
    if different.len() > assigned + cleared {
        faults.push(format!("{}: {} notes, and {assigned} assignments", contact.name, different.len()));
    }
    faults
}
