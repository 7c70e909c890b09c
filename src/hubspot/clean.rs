//! Text from HubSpot made fit to be shown: short, on one line, without tokens and e-mail addresses.

use super::{region::Region, token::AccessToken};

/// Longest message kept, in characters.
pub(super) const MAX_MESSAGE: usize = 300;

/// Longest code, category or id kept, in characters.
const MAX_WORD: usize = 120;

/// A message from outside, fit to be shown.
pub(super) fn message(text: &str, token: &AccessToken) -> String {
    cut(&words(&token.redact(text)), MAX_MESSAGE)
}

/// A code or an id from outside; `None` if it is not one word.
pub(super) fn word(text: &str, token: &AccessToken) -> Option<String> {
    let text = token.redact(text.trim());
    let sound = |c: char| c.is_ascii_alphanumeric() || "._-:<>".contains(c);
    (!text.is_empty() && text.chars().all(sound) && !is_token(&text)).then(|| cut(&text, MAX_WORD))
}

fn words(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| c.is_whitespace() || c.is_control() || "\"'<>()[]{},;=?&/\\".contains(c))
    {
        let mut chars = part.chars();
        let end = chars.next_back().filter(|c| !c.is_alphanumeric());
        let body = if end.is_some() { chars.as_str() } else { part };
        cleaned.push_str(if is_address(body) {
            "<e-mail>"
        } else if is_token(body) {
            "<token>"
        } else {
            body
        });
        if let Some(end) = end {
            cleaned.push(if end.is_control() { ' ' } else { end });
        }
    }
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_address(word: &str) -> bool {
    word.contains('@') || word.to_ascii_lowercase().contains("%40")
}

/// Any static token, not only the one in use, and any refresh token: a region and a long number (API.md §1, §3).
fn is_token(word: &str) -> bool {
    let word = word.trim_start_matches([':', '.']);
    let number = |text: &str| text.len() >= 20 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let refresh = word.split_once('-').is_some_and(|(region, rest)| Region::new(region).is_some() && number(rest));
    word.starts_with("pat-") || refresh
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{AccessToken, MAX_MESSAGE, message, word};

    fn token() -> AccessToken {
        AccessToken::new("CJcanary+token/x").unwrap()
    }

    #[test]
    fn hides_tokens_and_addresses_and_keeps_the_rest() {
        let cleaned = |text: &str| message(text, &token());
        assert_eq!(cleaned("token CJcanary+token/x is bad"), "token <token> is bad");
        assert_eq!(cleaned("Bearer pat-eu1-11-22."), "Bearer <token>.");
        assert_eq!(cleaned("from na1-0a1b2c3d-0000-4000-8000-5e6f."), "from <token>.");
        assert_eq!(cleaned("not in na1-east"), "not in na1-east");
        assert_eq!(cleaned("no user 'ada+x@example.com', sorry"), "no user '<e-mail>', sorry");
        assert_eq!(cleaned("GET /users/ada%40example.com?x=1"), "GET /users/<e-mail>?x=1");
        assert_eq!(cleaned("two\n\tlines\u{7}end"), "two lines end");
        assert_eq!(cleaned("used in 1 places (acme_stage)"), "used in 1 places (acme_stage)");
    }

    #[test]
    fn bounded_by_characters_not_bytes() {
        let long = message(&"ü".repeat(1000), &token());
        assert_eq!(long.chars().count(), MAX_MESSAGE);
        assert_eq!(message(&"ü".repeat(MAX_MESSAGE), &token()).chars().count(), MAX_MESSAGE);
    }

    #[test]
    fn words_are_words() {
        assert_eq!(word("PropertyGroupError.X_Y", &token()).as_deref(), Some("PropertyGroupError.X_Y"));
        for none in ["", "two words", "ada@example.com", "pat-na1-abc", "a\nb"] {
            assert_eq!(word(none, &token()), None, "{none:?}");
        }
    }
}
