//! HTML as a person reads it: tags gone, entities decoded, one line per block. Enough for notes, no parser. Pure.

/// Tags that end a line.
const LINE_ENDS: [&str; 9] = ["br", "/p", "/div", "/li", "/ul", "/ol", "/h1", "/h2", "/h3"];

/// The text of a piece of HTML; plain text with a stray `<` or `&` stays as it is.
pub(super) fn plain_text(html: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(html.len()), html);
    while let Some(start) = rest.find(['<', '&']) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        rest = if let Some((name, after)) = tag(rest) {
            if LINE_ENDS.contains(&name.as_str()) && !text.ends_with('\n') {
                text.push('\n');
            }
            after
        } else if let Some((decoded, after)) = entity(rest) {
            text.push(decoded);
            after
        } else {
            text.push_str(&rest[..1]);
            &rest[1..]
        };
    }
    text.push_str(rest);
    text.trim().to_owned()
}

/// The name of the tag a text begins with, in lower case, and what follows the tag.
fn tag(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('<')?;
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') {
        return None;
    }
    let (inside, after) = inner.split_once('>')?;
    let end = inside[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(inside.len(), |end| end + 1);
    Some((inside[..end].to_ascii_lowercase(), after))
}

/// The character an entity at the beginning of a text stands for, and what follows.
fn entity(text: &str) -> Option<(char, &str)> {
    let (name, after) = text.strip_prefix('&')?.split_once(';')?;
    let decoded = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((decoded, after))
}
