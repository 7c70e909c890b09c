//! Which host answers for a portal (API.md §1).
//!
//! HubSpot documents one host for all regions; portals outside North America have been seen to answer only on their own.
//! So the documented host is asked first, and the region's at most once.

use std::fmt;

use url::Url;

use super::{
    HubSpot,
    error::{Error, ErrorKind, Result},
    wire::account::AccountDetails,
};

/// The documented API host.
pub const DEFAULT_BASE: &str = "https://api.hubapi.com";

/// The documented host of the consent page.
pub const DEFAULT_CONSENT_BASE: &str = "https://app.hubspot.com";

/// A HubSpot data region ("hublet"): two letters and a digit, such as `eu1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// `None` if the text is not of that form: nothing else may become part of a host name.
    pub fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b, digit] if a.is_ascii_lowercase() && b.is_ascii_lowercase() && digit.is_ascii_digit() => {
                Some(Self(text.to_owned()))
            }
            _ => None,
        }
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Served by the documented host.
    pub fn is_north_america(&self) -> bool {
        self.0.starts_with("na")
    }

    /// The region's own API host: a practice seen on live portals, not documented.
    pub fn base(&self) -> Option<Url> {
        Url::parse(&format!("https://api-{}.hubapi.com", self.0)).ok()
    }

    /// The region whose API host this is.
    pub fn of_base(base: &Url) -> Option<Self> {
        base.host_str()?.strip_prefix("api-")?.strip_suffix(".hubapi.com").and_then(Self::new)
    }

    /// The host of the region's consent page (API.md §3).
    pub fn consent_base(&self) -> Option<Url> {
        Url::parse(&format!("https://app-{}.hubspot.com", self.0)).ok()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A portal and the host that answers for it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The client, pointed at that host.
    pub hubspot: HubSpot,
    /// The host.
    pub base: Url,
    /// The portal.
    pub account: AccountDetails,
}

/// Asks for the account details where the portal answers. With a configured endpoint only there. Without one on the
/// documented host and, if that refuses the token (401) or names another region (488), once on the region's host.
///
/// Both hosts get the token, so both are HubSpot's. The error is the last host's.
pub async fn resolve(hubspot: &HubSpot, configured: Option<&Url>) -> Result<Resolved> {
    let Some(base) = configured.cloned().or_else(|| Url::parse(DEFAULT_BASE).ok()) else {
        return look(hubspot.clone()).await;
    };
    match look(hubspot.at(base)).await {
        Err(error) if configured.is_none() => match elsewhere(&error, hubspot).as_ref().and_then(Region::base) {
            Some(regional) => look(hubspot.at(regional)).await,
            None => Err(error),
        },
        answer => answer,
    }
}

async fn look(hubspot: HubSpot) -> Result<Resolved> {
    let account = hubspot.account_details().await?;
    Ok(Resolved { base: hubspot.base().clone(), hubspot, account })
}

/// The region to try after that error.
fn elsewhere(error: &Error, hubspot: &HubSpot) -> Option<Region> {
    let hint = || hubspot.region_hint().filter(|region| !region.is_north_america());
    match &error.kind {
        ErrorKind::WrongRegion { correct } => correct.as_deref().and_then(Region::new).or_else(hint),
        ErrorKind::Unauthorized { .. } => hint(),
        _ => None,
    }
}
