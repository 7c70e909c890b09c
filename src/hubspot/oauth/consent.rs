//! A question to a person: may the app act for the portal? Where it is asked, and how its answer is known (API.md §3).

use url::Url;

use super::secrets::{App, CodeVerifier};
use crate::{
    domain::Fingerprint,
    hubspot::scopes::{self, Need, OAUTH},
    runtime::secret::{NoRandomness, Secret},
};

/// A consent that is asked for: good for one answer.
#[derive(Debug)]
pub struct Consent {
    redirect_uri: String,
    state: Secret,
    verifier: CodeVerifier,
}

impl Consent {
    /// One whose answer is to come to `redirect_uri`, which the app must list.
    pub fn new(redirect_uri: impl Into<String>) -> Result<Self, NoRandomness> {
        let (state, verifier) = (Secret::random()?, CodeVerifier::random()?);
        Ok(Self { redirect_uri: redirect_uri.into(), state, verifier })
    }

    /// The page on which HubSpot asks, at this host.
    pub fn page(&self, host: &Url, app: &App) -> Url {
        let names = |need| scopes::needed(need).map(|scope| scope.name);
        let required: Vec<&str> = std::iter::once(OAUTH).chain(names(Need::Always)).collect();
        let optional: Vec<&str> = names(Need::Sometimes).collect();
        let mut page = host.clone();
        page.set_path("/oauth/authorize");
        let (required, optional, challenge) = (required.join(" "), optional.join(" "), self.verifier.challenge());
        page.query_pairs_mut().clear().extend_pairs([
            ("client_id", app.id.expose()),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &required),
            ("optional_scope", &optional),
            ("state", self.state.expose()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        // HubSpot's own links have %20 between scopes, and forms +.
        let query = page.query().map(|query| query.replace('+', "%20"));
        page.set_query(query.as_deref());
        page
    }

    /// Whether an answer with this state is the one to this question. What is compared are hashes, so that the time it takes
    /// tells nothing of the state.
    pub fn has_state(&self, state: &str) -> bool {
        Fingerprint::of(&[self.state.expose().as_bytes()]) == Fingerprint::of(&[state.as_bytes()])
    }

    /// Where the answer comes to; the exchange of its code must repeat it.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// What the exchange of its code must show.
    pub fn verifier(&self) -> &CodeVerifier {
        &self.verifier
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::hubspot::oauth::{ClientId, ClientSecret};

    #[test]
    fn the_page_has_everything_but_secrets() {
        let app = App { id: ClientId::new("app-id").unwrap(), secret: ClientSecret::new("canary").unwrap() };
        let consent = Consent::new("http://localhost:8687/callback").unwrap();
        let page = consent.page(&Url::parse("https://app-eu1.hubspot.com/?x=1").unwrap(), &app);
        assert!(page.as_str().starts_with("https://app-eu1.hubspot.com/oauth/authorize?client_id=app-id&"), "{page}");
        assert!(page.as_str().contains("scope=oauth%20crm.schemas.contacts.read%20"), "{page}");
        let query: BTreeMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!(query["redirect_uri"], "http://localhost:8687/callback");
        assert_eq!(query["optional_scope"], "settings.users.teams.read billing-write");
        assert_eq!(query["code_challenge"], URL_SAFE_NO_PAD.encode(Sha256::digest(consent.verifier().expose())));
        assert_eq!(query["code_challenge_method"], "S256");
        let shown = format!("{page} {consent:?}");
        assert!(!shown.contains("canary") && !shown.contains(consent.verifier().expose()), "{shown}");
        assert!(consent.has_state(&query["state"]));
        for other in ["", &query["state"][1..], &query["code_challenge"]] {
            assert!(!consent.has_state(other), "{other:?}");
        }
        assert!(!Consent::new("http://localhost:8687/callback").unwrap().has_state(&query["state"]));
    }
}
