//! Texts that people read on a contact, and how one text is recognised again. Pure.

use sha2::{Digest, Sha256};

/// HubSpot takes 65,536 characters (API.md §9); what is cut off says so.
const LONGEST: usize = 65_000;

/// Fills `{assistant}` and `{field}` and makes HTML of plain text.
pub fn note(template: &str, assistant: &str, field: &str) -> String {
    // In one pass: a name with braces in it is not a template.
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text.push_str(&escaped(&rest[..at]));
        let (value, length) = if rest[at..].starts_with("{assistant}") {
            (assistant, "{assistant}".len())
        } else if rest[at..].starts_with("{field}") {
            (field, "{field}".len())
        } else {
            ("{", 1)
        };
        text.push_str(&escaped(value));
        rest = &rest[at + length..];
    }
    text.push_str(&escaped(rest));
    text
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\n' => html.push_str("<br>"),
            '\r' => {}
            c => html.push(c),
        }
    }
    html
}

/// At most as long as HubSpot takes.
pub fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} […]", &text[..end]),
        None => text.to_owned(),
    }
}

/// Recognises a subject and a body again, whatever HubSpot did to markup and blanks.
pub fn fingerprint(subject: &str, body: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(plain(subject).as_bytes());
    hash.update([0]);
    hash.update(plain(body).as_bytes());
    hash.finalize().into()
}

/// Letters and signs only: no tags, no blanks, entities as what they mean.
fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        let tag = if c == '<' { tag_length(rest) } else { None };
        if let Some(length) = tag {
            rest = &rest[length..];
        } else if let Some((meaning, length)) = entity(rest) {
            text.push_str(meaning);
            rest = &rest[length..];
        } else {
            if !c.is_whitespace() {
                text.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    text
}

/// A tag begins with a letter, `/` or `!`: "1 < 2" has none.
fn tag_length(html: &str) -> Option<usize> {
    let second = html[1..].chars().next()?;
    if second.is_ascii_alphabetic() || second == '/' || second == '!' { Some(html.find('>')? + 1) } else { None }
}

fn entity(html: &str) -> Option<(&'static str, usize)> {
    const KNOWN: [(&str, &str); 7] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", ""),
        ("&#x27;", "'"),
    ];
    KNOWN.iter().find(|(written, _)| html.starts_with(written)).map(|(written, meaning)| (*meaning, written.len()))
}

#[cfg(test)]
mod tests;
