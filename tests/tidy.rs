//! The house keeps its own rules: which room may import which, what is generated, what must not be in the sources.
//!
//! Reads files as text. It understands `use crate::…` trees and `crate::…` paths, which is how this code base names
//! other rooms; comments and doc comments are not arrows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// What each room may import. A bare room is all of it; `room::item` is that item and what is below it.
/// A new arrow needs a line here and a reason in the commit; the direction of things is drawn in `src/lib.rs`.
const ARROWS: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("runtime", &[]),
    ("api", &["domain"]),
    ("desired", &["api", "domain"]),
    ("hubspot", &["domain", "runtime"]),
    ("leads", &["domain", "hubspot", "runtime", "tec"]),
    ("tec", &["domain", "runtime"]),
    ("portal", &["hubspot", "domain", "api::condition", "runtime::backoff", "runtime::lock"]),
    // Values only: what a portal looks like, never how it is read.
    (
        "plan",
        &[
            "desired",
            "domain",
            "api::condition",
            "api::assistant",
            "api::crm_connection",
            "api::schedule_sync",
            "api::shared",
            "portal::snapshot",
            "portal::trouble",
            "portal::Trouble",
            "portal::PortalSnapshot",
            "portal::Section",
        ],
    ),
    ("apply", &["plan", "portal", "hubspot", "domain"]),
    (
        "controllers",
        // The server is told by them whom to ring for; it knows nobody.
        &[
            "api",
            "apply",
            "desired",
            "domain",
            "hubspot",
            "leads",
            "plan",
            "portal",
            "runtime",
            "server::signature",
            "server::webhook",
            "tec",
        ],
    ),
    ("server", &["domain", "runtime"]),
    ("sim", &["domain", "runtime"]),
    ("cli", &["api", "controllers", "desired", "domain", "hubspot", "runtime", "server", "sim"]),
    ("main", &[]),
];

/// Rooms that are functions of values: no I/O, no clock, no chance, no async.
const PURE: [&str; 3] = ["domain", "desired", "plan"];

/// Files of other rooms that are so, too: the rules of leads, between an engine that reads and one that writes.
const PURE_FILES: [&str; 8] = [
    "src/leads/decide.rs",
    "src/leads/contact.rs",
    "src/leads/mark.rs",
    "src/leads/mapping.rs",
    "src/leads/events.rs",
    "src/leads/text.rs",
    "src/leads/timeline.rs",
    "src/leads/cases.rs",
];

/// What a pure file sees of the clients is their values; pure rooms have their arrows.
const CLIENTS: [&str; 4] = ["hubspot::HubSpot", "hubspot::*", "tec::Tec", "tec::*"];

/// What gives I/O, time, chance or concurrency away.
const IMPURE: [&str; 19] = [
    "kube::",
    "tokio::",
    "tokio_util::",
    "reqwest::",
    "http::",
    "axum::",
    "tower::",
    "futures::",
    "tracing::",
    "fastrand::",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "async fn",
];

/// Calls that change a portal's configuration.
const WRITES: [&str; 9] = [
    ".create_group(",
    ".update_group(",
    ".delete_group(",
    ".create_property(",
    ".update_property(",
    ".delete_property(",
    ".create_user(",
    ".update_user(",
    ".delete_user(",
];

const LONG: usize = 400;
const TOO_LONG: usize = 600;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// `src/plan/fields.rs` → `plan`, `src/main.rs` → `main`. `lib.rs` names every room and is none.
    fn room(&self) -> Option<String> {
        let first = self.path.strip_prefix("src").ok()?.iter().next()?.to_str()?;
        let room = first.strip_suffix(".rs").unwrap_or(first);
        (room != "lib").then(|| room.to_owned())
    }

    /// How deep `super` can climb before it is the crate's root: `src/plan/fields.rs` → 2.
    fn depth(&self) -> usize {
        let file = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.path.iter().count() - 1 - usize::from(["mod.rs", "lib.rs", "main.rs"].contains(&file))
    }

    fn is_test(&self) -> bool {
        self.path.iter().any(|part| ["tests.rs", "testing.rs", "tests"].iter().any(|name| part == *name))
    }

    /// Without comments.
    fn code(&self) -> String {
        let code = |line: &str| {
            if line.trim_start().starts_with("//") {
                String::new()
            } else {
                line.split(" // ").next().unwrap_or_default().to_owned()
            }
        };
        self.text.lines().map(code).collect::<Vec<_>>().join("\n")
    }

    /// Without comments and without what is compiled for tests only.
    fn product_code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let code = self.code();
        code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root()).unwrap().to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Everything the code names behind `crate::`, two segments deep: `portal::snapshot`, `domain::Email`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|before| !is_word(before) && before != ':') {
            tree(&mut code[at + "crate::".len()..].chars().peekable(), "", &mut found);
        }
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// One `use` tree, or a plain path, which is a tree with one branch.
fn tree(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, prefix: &str, found: &mut BTreeSet<String>) {
    let mut segment = String::new();
    while let Some(c) = rest.next_if(|c| is_word(*c) || *c == '*') {
        segment.push(c);
    }
    let path = if prefix.is_empty() || segment.is_empty() {
        format!("{prefix}{segment}")
    } else {
        format!("{prefix}::{segment}")
    };
    if rest.next_if_eq(&':').is_some() {
        rest.next_if_eq(&':');
        return tree(rest, &path, found);
    }
    if !segment.is_empty() || rest.next_if_eq(&'{').is_none() {
        found.insert(path.split("::").take(2).collect::<Vec<_>>().join("::"));
        return;
    }
    loop {
        while rest.next_if(|c| c.is_whitespace() || *c == ',').is_some() {}
        if rest.next_if_eq(&'}').is_some() || rest.peek().is_none() {
            return;
        }
        tree(rest, &path, found);
        // `name as other`
        while rest.next_if(|c| !matches!(c, ',' | '}')).is_some() {}
    }
}

fn allowed(table: &[(&str, &[&str])], room: &str, path: &str) -> bool {
    let target = path.split("::").next().unwrap_or_default();
    let Some((_, allowed)) = table.iter().find(|(name, _)| *name == room) else { return false };
    target == room || allowed.iter().any(|allowed| *allowed == target || *allowed == path)
}

/// Arrows that the table does not have.
fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let code = source.code();
    let mut wrong: Vec<String> = named(&code)
        .into_iter()
        .filter(|path| !allowed(&ARROWS, &room, path))
        .map(|path| format!("{}: {room} must not import {path}", source.shown()))
        .collect();
    // A module within the file is one level deeper.
    let escapes = |code: &str, depth: usize| depth > 0 && code.contains(&"super::".repeat(depth));
    if escapes(&source.product_code(), source.depth()) || escapes(&code, source.depth() + 1) {
        wrong.push(format!("{}: leaves its room by super::, where nobody looks; say crate::", source.shown()));
    }
    wrong
}

fn impurities(source: &Source) -> Vec<String> {
    let in_pure_room = source.room().is_some_and(|room| PURE.contains(&room.as_str()));
    let is_pure_file = PURE_FILES.contains(&source.shown().as_str());
    if !in_pure_room && !is_pure_file {
        return Vec::new();
    }
    let code = source.product_code();
    let named = |word: &&&str| {
        code.match_indices(**word).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            before.is_none_or(|before| !is_word(before) && before != ':')
        })
    };
    let words = IMPURE.iter().filter(named).map(|word| (*word).to_owned());
    let clients = self::named(&code).into_iter().filter(|path| is_pure_file && CLIENTS.contains(&path.as_str()));
    words.chain(clients).map(|word| format!("{} is pure and has `{word}`", source.shown())).collect()
}

fn none(wrong: &[String], advice: &str) {
    assert!(wrong.is_empty(), "\n{}\n\n{advice}\n", wrong.join("\n"));
}

#[test]
fn rooms_import_only_what_they_may() {
    let wrong: Vec<String> = sources("src").iter().flat_map(wrong_arrows).collect();
    none(
        &wrong,
        "Move the thing to the room that may know it, or pass it in as a value. If the arrow is right, add it to ARROWS in \
         tests/tidy.rs and to the picture in src/lib.rs, and say why in the commit.",
    );
}

#[test]
fn pure_rooms_are_functions_of_values() {
    let wrong: Vec<String> = sources("src").iter().flat_map(impurities).collect();
    none(&wrong, "Take what you need as an argument (`now`, an answer, a snapshot) and let the caller get it.");
}

#[test]
fn pure_files_are_where_the_list_says() {
    let gone: Vec<String> =
        PURE_FILES.iter().filter(|path| !root().join(path).exists()).map(|path| (*path).to_owned()).collect();
    none(&gone, "Files that moved stay pure: bring PURE_FILES in tests/tidy.rs along.");
}

#[test]
fn every_room_has_its_arrows_and_every_arrow_its_room() {
    let rooms: BTreeSet<String> = sources("src").iter().filter_map(Source::room).collect();
    let table: BTreeSet<String> = ARROWS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, table, "left: rooms in src/, right: rooms in ARROWS (tests/tidy.rs); bring them together");
    let lib = read("src/lib.rs");
    let unexplained: Vec<String> =
        rooms.into_iter().filter(|room| room != "main" && !lib.contains(&format!("[`{room}`]"))).collect();
    none(&unexplained, "Give each of these rooms its line in the code map of src/lib.rs.");
}

#[test]
fn only_apply_changes_a_portal() {
    let outside =
        |source: &&Source| !source.room().is_some_and(|room| ["apply", "hubspot", "sim"].contains(&room.as_str()));
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(outside) {
        let code = source.product_code();
        wrong.extend(
            WRITES.iter().filter(|call| code.contains(**call)).map(|call| format!("{}: {call}", source.shown())),
        );
    }
    none(
        &wrong,
        "Plan an Action for it and let src/apply carry it out: nobody else writes to a portal's configuration.",
    );
}

#[test]
fn the_checker_sees_wrong_arrows() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let wrong =
        |path: &str, text: &str| wrong_arrows(&source(path, text)).len() + impurities(&source(path, text)).len();
    let table = [
        ("src/plan/a.rs", "use crate::hubspot::HubSpot;", 1),
        (
            "src/plan/a.rs",
            "use crate::{\n    domain::Email,\n    portal::{Portal, snapshot::{User, Team}, cache},\n};",
            2,
        ),
        ("src/plan/a.rs", "use crate::{portal::{Trouble, snapshot::{User as U, Team}}, api::condition::Reason};", 0),
        ("src/plan/a.rs", "fn f(x: &crate::portal::cache::Portal) {}", 1),
        ("src/plan/a.rs", "//! See [`crate::apply`].\n/// and crate::hubspot\nfn f() {} // crate::sim", 0),
        ("src/plan/a.rs", "use super::super::apply;", 1),
        ("src/plan/a.rs", "use super::Action;", 0),
        ("src/plan/a/b.rs", "use super::super::Action;", 0),
        ("src/plan/mod.rs", "use super::apply;", 1),
        ("src/plan/a.rs", "use crate::*;", 1),
        ("src/desired/a.rs", "pub(crate) fn f(x: crate::plan::Plan) {}", 1),
        ("src/plan/a.rs", "use tokio::time::Instant;", 1),
        ("src/plan/a.rs", "let t = jiff::Timestamp::now();", 0),
        ("src/plan/a.rs", "let t = Timestamp::now();", 1),
        ("src/plan/tests.rs", "use fastrand::Rng;", 0),
        ("src/plan/a.rs", "#[cfg(test)]\nmod tests {\n    use fastrand::Rng;\n}", 0),
        ("src/leads/decide.rs", "use tokio::time::Instant;", 1),
        ("src/leads/engine/mod.rs", "use tokio::time::Instant;", 0),
        ("src/leads/cases.rs", "use crate::{hubspot::{ContactRecord, HubSpot}, tec::Event};", 1),
        ("src/leads/timeline.rs", "fn f(tec: &crate::tec::Tec) {}", 1),
        ("src/leads/batch/mod.rs", "fn f(tec: &crate::tec::Tec) {}", 0),
        ("src/leads/decide/tests.rs", "use tokio::time::Instant;", 0),
        ("src/hubspot/a.rs", "use crate::{runtime::clock::Clock, portal};", 1),
        ("src/lib.rs", "pub use crate::anything;", 0),
        ("src/newroom/mod.rs", "use crate::domain::Email;", 1),
    ];
    for (path, text, expected) in table {
        assert_eq!(wrong(path, text), expected, "{path}: {text}");
    }
    let paths =
        named("use crate::{a::{self, B as C}, d::{e::{F, G}, H}, i};\nx::crate::no; $crate::no; crate::j::k::L::new()");
    assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["a::B", "a::self", "d::H", "d::e", "i", "j::k", "no"]);
}

#[test]
fn crds_are_what_the_types_say() {
    let generated: BTreeMap<String, String> = tec_crm::api::schema::crd_files().unwrap().into_iter().collect();
    // The list that makes the folder a kustomize base is the one file written by hand.
    let mut kustomization = generated.keys().cloned().collect::<BTreeSet<_>>();
    for entry in fs::read_dir(root().join("crds")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let found = read(&format!("crds/{name}"));
        if name == "kustomization.yaml" {
            kustomization.retain(|crd| !found.contains(&format!("- {crd}\n")));
            continue;
        }
        let expected = generated.get(&name).unwrap_or_else(|| panic!("crds/{name} is not generated: remove it"));
        assert!(found == *expected, "crds/{name} is not what src/api says: run `make crds` and commit what it changes");
    }
    assert_eq!(kustomization, BTreeSet::new(), "missing in crds/kustomization.yaml");
    let missing: Vec<&String> = generated.keys().filter(|name| !root().join("crds").join(name).exists()).collect();
    assert!(missing.is_empty(), "{missing:?} are missing in crds/: run `make crds`");
}

#[test]
fn nothing_is_half_done_or_switched_off() {
    let forbidden =
        [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore"), concat!("db", "g!(")];
    let mut wrong = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        let code = source.code();
        let found = forbidden.iter().filter(|word| code.contains(**word));
        wrong.extend(found.map(|word| format!("{}: {word}", source.shown())));
    }
    none(&wrong, "Finish it, or take it out and write an issue.");
}

#[test]
fn nothing_panics_on_purpose_outside_tests() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (number, line) in (1..).zip(source.product_code().lines()) {
            if [".unwrap()", ".expect(", "unreachable!(", "panic!("].iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: {}", source.shown(), line.trim()));
            }
        }
    }
    none(&wrong, "Return an error, or choose a type in which the case cannot be spelt.");
}

#[test]
fn every_file_says_what_it_is() {
    let files = sources("src").into_iter().chain(sources("tests"));
    let silent: Vec<String> =
        files.filter(|source| !source.text.starts_with("//! ")).map(|source| source.shown()).collect();
    none(&silent, "Begin these files with `//! ` and what they are, what they may touch and what they must not.");
}

#[test]
fn commands_of_the_readme_exist() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '#', '.', ' ']))
        .filter_map(|line| line.split_once(':').map(|(target, _)| target))
        .collect();
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
    let mut named: BTreeSet<String> = BTreeSet::new();
    // Only what is set as code: "to make sure" is prose.
    for before in ["`make ", "=1 make ", "\nmake "] {
        named.extend(readme.match_indices(before).map(|(at, _)| word(&readme[at + before.len()..])));
    }
    assert!(named.contains("demo") && named.contains("test"), "README.md names `make demo` and `make test`");
    let missing: Vec<String> = named.into_iter().filter(|target| !targets.contains(target.as_str())).collect();
    none(&missing, "README.md tells people to make these, and the Makefile cannot.");

    let gone: Vec<String> = links(&readme).into_iter().filter(|link| !root().join(link).exists()).collect();
    none(&gone, "README.md links to these, and they are not there.");
}

/// Targets of `[text](target)` that are files here.
fn links(markdown: &str) -> Vec<String> {
    let targets = markdown.match_indices("](").filter_map(|(at, _)| markdown[at + 2..].split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://")).map(ToOwned::to_owned).collect()
}

/// A list to look at, not a failure.
#[test]
fn long_files_are_listed() {
    let mut list = String::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        let lines = source.text.lines().count();
        if lines > LONG {
            let how = if lines > TOO_LONG { "too long" } else { "long" };
            let _ = writeln!(list, "tidy: {} is {how}: {lines} lines", source.shown());
        }
    }
    // Past the capture of test output: a warning nobody sees is none.
    let _ = std::io::stderr().write_all(list.as_bytes());
}
