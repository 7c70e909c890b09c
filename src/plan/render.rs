//! Plans as text, for status, events and terminals. Says names and labels of settings, never contact data.

use super::{Action, Difference, Hold, Plan, Step};

/// Most differences named in one message; the rest is counted.
const NAMED: usize = 6;

/// One line per step: what would be called and why.
pub fn lines(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().chain(plan.withheld.iter().map(|withheld| &withheld.step));
    steps.map(line).collect()
}

fn line(step: &Step) -> String {
    let why: Vec<String> = step.because.iter().map(difference).collect();
    format!("{}: {}", action(&step.action), why.join("; "))
}

/// The call an action makes.
pub fn action(action: &Action) -> String {
    match action {
        Action::CreateGroup { name, label: _ } => format!("create property group {name}"),
        Action::RelabelGroup { name, label: _ } => format!("update property group {name}"),
        Action::CreateProperty { definition, restores: false } => format!("create property {}", definition.name),
        Action::CreateProperty { definition, restores: true } => format!("restore property {}", definition.name),
        Action::UpdateProperty { name, change: _ } => format!("update property {name}"),
        Action::ArchiveProperty { name } => format!("archive property {name}"),
        Action::DeleteGroup { name } => format!("delete property group {name}"),
        Action::CreateUser { email, first_name: _, last_name: _, role: _, team: _, send_invitation } => {
            let how = if *send_invitation { "invite" } else { "create, without invitation," };
            format!("{how} user {email}")
        }
        Action::UpdateUser { email, user: _, to: _ } => format!("update user {email}"),
        Action::DeleteUser { email, user: _ } => format!("remove user {email}"),
    }
}

/// `property tec_context label: expected "Context", found "Kontext"`.
pub fn difference(difference: &Difference) -> String {
    let Difference { subject, field, found, expected } = difference;
    let what = if field.is_empty() { subject.clone() } else { format!("{subject} {field}") };
    format!("{what}: expected {expected:?}, found {found:?}")
}

/// A message naming the first few differences.
pub fn differences<'a>(all: impl IntoIterator<Item = &'a Difference>) -> String {
    let all: Vec<&Difference> = all.into_iter().collect();
    let named = all.iter().take(NAMED).map(|one| difference(one)).collect::<Vec<_>>().join("; ");
    if all.len() > NAMED { format!("{named}; and {} more", all.len() - NAMED) } else { named }
}

/// Why something is not repaired.
pub fn hold(hold: Hold) -> &'static str {
    match hold {
        Hold::UntilDeadline | Hold::ScheduleSync => "on hold until holdUntil",
        Hold::Observe => "reported only (Observe)",
        Hold::PlanOnly => "planned only (plan annotation)",
    }
}
