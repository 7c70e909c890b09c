//! A day in the life of an office, for those who disturb it: what everybody does, and what has to be true in the evening.

use std::{fmt::Write as _, time::Duration};

use serde_json::json;

use super::office::{Office, Start};

/// The office and its contacts.
pub struct Day {
    pub office: Office,
    /// Accepted, written to, answers, has a task, is done.
    lena: String,
    /// Assigned together with Lena; goes on.
    kim: String,
    /// Was a lead once: refused.
    rex: String,
    /// Accepted and taken back.
    tom: String,
    /// Has no e-mail address: refused.
    nell: String,
}

impl Day {
    /// Everybody is there, and nothing has happened.
    pub async fn begin(start: Start) -> Self {
        let office = Office::open_with(start).await;
        let (lena, kim, tom) = (office.contact("lena"), office.contact("kim"), office.contact("tom"));
        let known = [("tec_lead_connection_status", "Processed"), ("hubspot_owner_id", office.sue.as_str())];
        let rex = office.contact_with("rex", &known);
        let nell = office.contact_with("nell", &[("email", "")]);
        Self { office, lena, kim, rex, tom, nell }
    }

    /// Lives through it; so much time passes after each thing.
    pub async fn live(&mut self, pause: Duration) {
        let (ada, bob, sue) = (self.office.ada.clone(), self.office.bob.clone(), self.office.sue.clone());
        let Self { office, lena, kim, rex, tom, nell } = self;
        let (lena, kim, tom) = (lena.as_str(), kim.as_str(), tom.as_str());
        office.world.endure(pause).await;
        office.edit(&[lena, kim, rex, nell].map(str::to_owned), "hubspot_owner_id", &ada);
        office.assign(tom, &bob);
        office.world.endure(pause).await;
        office.state(lena, "Cold");
        office.state(kim, "Engaged");
        mail(office, lena, true, "Hello");
        office.world.endure(pause).await;
        mail(office, lena, false, "Re: Hello");
        mail(office, kim, true, "Hello");
        let task = json!({"subject": "Call Lena", "body": "She asked for it.", "dueAt": "2026-12-01T09:00:00Z"});
        office.say(lena, json!({"type": "TaskCreated", "task": task}));
        office.state(lena, "Hot");
        office.assign(tom, &sue);
        office.world.endure(pause).await;
        mail(office, lena, true, "Goodbye");
        office.say(lena, json!({"type": "StateChanged", "state": "Processed", "done": true}));
        office.world.endure(pause).await;
    }

    /// Everything is as it should be in the evening: nothing lost, nothing twice.
    pub fn assert_well(&self, what: &str) {
        let evening = self.evening();
        assert!(
            evening == WELL,
            "{what}: the day ends with\n{evening}\ninstead of\n{WELL}\n{}",
            self.office.world.trace()
        );
    }

    /// What the stores hold.
    fn evening(&self) -> String {
        let Self { office, lena, kim, rex, tom, nell } = self;
        let mut text = String::new();
        for (name, contact) in [("lena", lena), ("kim", kim), ("rex", rex), ("tom", tom), ("nell", nell)] {
            let (status, connection) = office.statuses(contact);
            let _ = writeln!(text, "{name}: {} {status}/{connection}", office.owner_of(contact));
            let leads = office.leads(contact).join("; ");
            let _ = writeln!(text, "  leads: {}", if leads.is_empty() { "-" } else { &leads });
            for kind in ["owner", "note", "email", "task"] {
                let mut lines = office.lines(contact, kind);
                if kind == "email" {
                    // Which of two of the same moment is shown first means nothing.
                    lines.sort();
                }
                for line in lines {
                    let words: String = line.chars().take(45).collect();
                    let _ = writeln!(text, "  {kind}: {words}");
                }
            }
        }
        text
    }
}

fn mail(office: &Office, contact: &str, sent: bool, subject: &str) {
    let kind = if sent { "EmailSent" } else { "EmailReceived" };
    office.say(contact, json!({"type": kind, "email": {"subject": subject, "text": format!("{subject}, {contact}")}}));
}

const WELL: &str = "\
lena: sam QUALIFIED/Processed
  leads: Processed ada done
  owner: - to sam
  owner: sam to ada
  owner: ada to sam
  note: ada: Ada Assistant has taken over this contac
  email: EMAIL Goodbye: Goodbye, 201
  email: EMAIL Hello: Hello, 201
  email: INCOMING_EMAIL Re: Hello: Re: Hello, 201
  task: Call Lena: She asked for it.
kim: ada IN_PROGRESS/Engaged
  leads: Engaged ada
  owner: - to sam
  owner: sam to ada
  note: ada: Ada Assistant has taken over this contac
  email: EMAIL Hello: Hello, 202
rex: sue /Processed
  leads: -
  owner: - to sue
  owner: sue to ada
  owner: ada to sue
  note: ada: Ada Assistant has already worked on this
tom: sue NEW/New
  leads: New bob stopped TakenBack
  owner: - to sam
  owner: sam to bob
  owner: bob to sue
  note: bob: Bob Assistant has taken over this contac
nell: sam /
  leads: -
  owner: - to sam
  owner: sam to ada
  owner: ada to sam
  note: ada: Ada Assistant cannot work on this contac
";
