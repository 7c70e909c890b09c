//! The checklist names only what is there: files, tests, switches and settings.

use std::path::Path;

const CHECKLIST: &str = include_str!("../checklist.rs");
/// Where the public fields are that the checklist may name.
const NAMED: [&str; 2] = [include_str!("../switches.rs"), include_str!("../config.rs")];
/// Words of HubSpot's that look like ours.
const HUBSPOTS: [&str; 2] = ["client_credentials", "hs_timestamp"];

/// What stands between backticks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether there is such a file in the folder; `*` stands for anything.
fn is_file(name: &str) -> bool {
    let hubspot = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim/hubspot");
    let shared = name.starts_with("shared/").then(|| hubspot.with_file_name(name));
    let Some((before, after)) = name.split_once('*') else {
        return shared.unwrap_or_else(|| hubspot.join(name)).is_file();
    };
    let names = hubspot.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().any(|found| found.starts_with(before) && found.ends_with(after))
}

fn is_field(name: &str) -> bool {
    NAMED.iter().any(|text| text.contains(&format!("    pub {name}: ")))
}

/// The page without its line breaks.
fn page() -> String {
    let lines = CHECKLIST.lines().map(|line| line.strip_prefix("//!").unwrap_or(line).trim());
    lines.collect::<Vec<_>>().join(" ")
}

/// Whatever the page names and is not there.
fn missing(page: &str) -> Vec<String> {
    let snake = |word: &&str| word.contains('_') && word.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
    let is_rust = |word: &&str| Path::new(word).extension().is_some_and(|extension| extension == "rs");
    let files = words(page).filter(is_rust).filter(|name| !is_file(name));
    let fields = words(page).filter(snake).filter(|name| !is_field(name) && !HUBSPOTS.contains(name));
    let fields = fields.filter(|name| !is_file(&format!("tests/{name}.rs")));
    // `Tests: `a`, `b`.` ends where the sentence does.
    let tests = page.split("Tests: ").skip(1).flat_map(|rest| words(rest.split('.').next().unwrap_or(rest)));
    let tests = tests.filter(|name| !is_file(&format!("tests/{name}.rs")));
    files.chain(fields).chain(tests).map(str::to_owned).collect()
}

#[test]
fn what_the_checklist_names_is_there() {
    let page = page();
    assert_eq!(missing(&page), Vec::<String>::new());
    for (what, least) in [("`", 200), (".rs`", 30), ("Tests: ", 25)] {
        assert!(page.matches(what).count() >= least, "the page is not read: {what}");
    }
}

#[test]
fn what_is_not_there_is_found() {
    let page = "By `no_switch`, `read_lag` and `hs_timestamp`: `limits.rs`, `nothing_*.rs`, `gone.rs`. Tests: `nowhere`, `people`. `x`";
    assert_eq!(missing(page), ["nothing_*.rs", "gone.rs", "no_switch", "nowhere"]);
}
