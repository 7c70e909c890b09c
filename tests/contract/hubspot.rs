//! HubSpot's contract: its own `OpenAPI` files, which lie beside this repository, not in it. Without them there is nothing to
//! check against; that is said once, on the terminal.

use std::{
    borrow::Cow,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use tec_crm::sim::hubspot::HubSpotSim;

use super::{
    allowed,
    checker::Contract,
    coverage,
    openapi::Document,
    watch::{Found, Watch},
};

/// Which folder holds the files.
const VARIABLE: &str = "HUBSPOT_SPECS";
/// The version the client speaks.
const VERSION: &str = "2026-03";

/// Sees to it that a test's simulated portals and whoever talks to them keep HubSpot's contract: fails the test at its end if
/// they have not. Without HubSpot's files it sees nothing.
pub struct Kept {
    watch: Option<Watch>,
    of_world: bool,
}

impl Kept {
    pub fn new() -> Self {
        Self::with(false)
    }

    /// The same in a world with the whole operator. What all worlds exercise together is written down for `make test` to show.
    pub fn in_world() -> Self {
        Self::with(true)
    }

    fn with(of_world: bool) -> Self {
        Self { watch: contract().map(|contract| Watch::new(contract, allowed::HUBSPOT)), of_world }
    }

    /// Looks at every exchange with this portal, too.
    pub fn watch(&self, sim: &HubSpotSim) {
        if let Some(watch) = self.watch.clone() {
            sim.witness(Arc::new(move |exchange| {
                watch.spelling(exchange.request);
                watch.exchange(exchange.request, exchange.answer);
            }));
        }
    }

    /// What was seen so far.
    pub fn found(&self) -> Found {
        self.watch.as_ref().map(Watch::found).unwrap_or_default()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Some(watch), Some(contract), false) = (&self.watch, contract(), std::thread::panicking()) {
            if self.of_world {
                coverage::tally(contract, &watch.found());
            }
            watch.assert_none();
        }
    }
}

/// What the files say; `None` without them.
pub fn contract() -> Option<&'static Contract> {
    static CONTRACT: OnceLock<Option<Contract>> = OnceLock::new();
    let read = || {
        let folder = std::env::var_os(VARIABLE).map_or_else(default_folder, PathBuf::from);
        coverage::forget();
        load(&folder).map_err(|absent| tell(&format!("\nWARNING: {absent}\n\n"))).ok()
    };
    CONTRACT.get_or_init(read).as_ref()
}

fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/hubspot/openapi")
}

/// To the terminal, past the capture of test output: a warning nobody sees is none.
pub fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The contract in a folder, or why there is none. A file that cannot be read as what it is fails the test.
fn load(folder: &Path) -> Result<Contract, String> {
    let absent = || {
        format!(
            "HubSpot's OpenAPI files are not in {}: NOTHING IS CHECKED AGAINST HUBSPOT'S CONTRACT. Set {VARIABLE} to where \
             they are.",
            folder.display()
        )
    };
    let entries = std::fs::read_dir(folder).map_err(|_| absent())?;
    let files = entries.map(|entry| entry.expect("a readable folder").path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    if files.is_empty() {
        return Err(absent());
    }
    let read = |file: &PathBuf| {
        let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    let ours = serde_json::from_str(allowed::UNDOCUMENTED).expect("JSON");
    let documents = files.iter().map(read).chain([ours]).map(Document::new).collect();
    Ok(Contract::new(documents, true, dated))
}

/// The dated path that a path of `v3` or with an alias of an object type means (API.md §1, §7). A slash at its end means
/// nothing.
fn dated(path: &str) -> Cow<'_, str> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').collect();
    let mut segments = match segments[..] {
        ["", area @ ("crm" | "settings"), "v3", rest, ref more @ ..] => [&["", area, rest, VERSION], more].concat(),
        ["", area @ ("account-info" | "oauth"), "v3", ref more @ ..] => [&["", area, VERSION], more].concat(),
        _ => segments,
    };
    if let ["", "crm", "objects" | "properties", VERSION, object_type, ..] = &mut segments[..] {
        *object_type = plural(object_type);
    }
    Cow::Owned(segments.join("/"))
}

fn plural(object_type: &str) -> &str {
    let known = [
        ("contacts", ["contact", "0-1"]),
        ("users", ["user", "0-115"]),
        ("notes", ["note", "0-46"]),
        ("emails", ["email", "0-49"]),
        ("tasks", ["task", "0-27"]),
    ];
    known.iter().find(|(_, aliases)| aliases.contains(&object_type)).map_or(object_type, |(plural, _)| plural)
}

#[test]
fn a_folder_without_the_files_is_told_of_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for absent in [folder.path().join("nowhere"), folder.path().to_owned()] {
        let said = load(&absent).err().expect("nothing to check against");
        assert!(said.contains(absent.to_str().unwrap()) && said.contains("NOTHING IS CHECKED"), "{said}");
        assert!(said.contains(VARIABLE), "{said}");
    }
    std::fs::write(folder.path().join("README.md"), "no contract").unwrap();
    assert!(load(folder.path()).is_err());
    std::fs::write(folder.path().join("x.json"), r#"{"openapi": "3.0.1", "paths": {}}"#).unwrap();
    assert_eq!(load(folder.path()).map(|contract| contract.operations().count()), Ok(1), "the undocumented one");
}

#[test]
#[should_panic(expected = "broken.json")]
fn a_file_that_is_cut_off_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    drop(load(folder.path()));
}

#[test]
fn spellings_mean_the_dated_path() {
    let table = [
        ("/crm/v3/objects/contacts/batch/read", "/crm/objects/2026-03/contacts/batch/read"),
        ("/crm/objects/2026-03/0-1/", "/crm/objects/2026-03/contacts"),
        ("/crm/v3/owners/", "/crm/owners/2026-03"),
        ("/crm/v3/associations/0-1/notes/batch/read", "/crm/associations/2026-03/0-1/notes/batch/read"),
        ("/settings/v3/users/7", "/settings/users/2026-03/7"),
        ("/account-info/v3/details", "/account-info/2026-03/details"),
        ("/oauth/v3/token/introspect", "/oauth/2026-03/token/introspect"),
        ("/oauth/v2/private-apps/get/access-token-info", "/oauth/v2/private-apps/get/access-token-info"),
        ("/crm/v2/owners", "/crm/v2/owners"),
        ("/", ""),
    ];
    for (sent, meant) in table {
        assert_eq!(dated(sent), meant, "{sent}");
    }
}
