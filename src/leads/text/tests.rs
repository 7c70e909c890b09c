//! Texts are filled, escaped, cut and recognised.

use proptest::prelude::*;

use super::*;

#[test]
fn templates_are_filled_and_escaped() {
    let table = [
        ("{assistant} <b> {x} & {field}", "A&amp;B {field} &lt;b&gt; {x} &amp; &quot;F&quot;"),
        ("{assistant}{assistant}", "A&amp;B {field}A&amp;B {field}"),
        ("{{assistant}}", "{A&amp;B {field}}"),
        ("{Assistant} {assistant", "{Assistant} {assistant"),
        ("a\r\nb\nc", "a<br>b<br>c"),
        ("{", "{"),
        ("ä{field}ö", "ä&quot;F&quot;ö"),
        ("", ""),
    ];
    for (template, expected) in table {
        assert_eq!(note(template, "A&B {field}", "\"F\""), expected, "{template}");
    }
}

#[test]
fn texts_are_recognised_after_hubspot_touched_them() {
    let same = |a: &str, b: &str| fingerprint("s", a) == fingerprint("s", b);
    assert!(same("a <b>bold</b>\n&amp; more", "a bold & more"));
    assert!(same("1 < 2", "1 &lt; 2"));
    assert!(same("it's", "it&#39;s"));
    assert!(same("a b", "a\u{a0}b"));
    assert!(same("a<br>b", "<p>a</p><!-- made by HubSpot --><p>b</p>"));
    assert!(same("<unclosed", "<unclosed"));
    assert!(same("", "<p></p>"));
    assert!(same("&amp;lt;", "&amp;lt;") && !same("&amp;lt;", "&lt;"), "what is shown as &lt; is no sign");
    assert!(!same("a", "b"));
    assert!(!same("a", "A"));
    assert!(!same("1 < 2", "1 > 2"));
}

#[test]
fn subject_and_body_are_kept_apart() {
    assert_ne!(fingerprint("ab", "c"), fingerprint("a", "bc"));
    assert_ne!(fingerprint("", "a"), fingerprint("a", ""));
    assert_eq!(fingerprint("a &amp; b", ""), fingerprint("a & b", ""));
}

#[test]
fn long_bodies_are_cut_between_characters() {
    let long = "ä".repeat(70_000);
    let cut = bounded(&long);
    assert!(cut.chars().count() < 65_536 && cut.ends_with("[…]"));
    for length in [0, 1, LONGEST - 1, LONGEST] {
        let text = "€".repeat(length);
        assert_eq!(bounded(&text), text, "{length}");
    }
    assert_eq!(bounded(&"€".repeat(LONGEST + 1)), format!("{} […]", "€".repeat(LONGEST)));
}

proptest! {
    /// People read what was written, and nothing in it is markup.
    #[test]
    fn notes_say_the_same_as_html(text in any::<String>(), name in any::<String>()) {
        let html = note(&text, &name, "");
        prop_assert!(!html.replace("<br>", "").contains(['<', '>', '"', '\r']));
        let read = |html: &str| plain(html);
        let written = text.replace("{assistant}", "\u{1}").replace("{field}", "").replace('\u{1}', &name);
        // A name may hold a template, and a replaced one make another: then only the note itself knows.
        prop_assume!(!text.contains('{') && !name.contains('{'));
        let letters: String = written.chars().filter(|c| !c.is_whitespace()).collect();
        prop_assert_eq!(read(&html), letters);
    }

    #[test]
    fn wrapping_and_blanks_change_nothing(text in any::<String>(), blanks in "[ \n\t\u{a0}]{0,5}") {
        let html = note(&text, "", "");
        let touched = format!("<div dir=\"auto\">{blanks}<p>{}</p>{blanks}</div>", html.replace("<br>", "<br />\n"));
        prop_assert_eq!(fingerprint("", &touched), fingerprint("", &html));
    }

    #[test]
    fn no_text_is_too_odd(subject in any::<String>(), body in any::<String>()) {
        let key = fingerprint(&subject, &body);
        prop_assert_eq!(key, fingerprint(&subject, &body));
        prop_assert!(bounded(&body).chars().count() <= 65_536);
    }

    #[test]
    fn no_markup_is_too_odd(body in "[<>&;/!a-z #0-9\"']{0,60}") {
        let _ = fingerprint(&body, &body);
    }
}
