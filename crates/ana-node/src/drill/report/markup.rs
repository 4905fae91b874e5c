//! From markup to the text of a file.
//!
//! Must stay true: no character leaves here that XML 1.0 does not allow, wherever it came from: names, notes and error
//! texts are other people's. (That `<`, `>`, `&` and `"` are escaped is the work of `maud`.)

use maud::Markup;

/// What stands for a character that a document cannot hold.
const REPLACEMENT: char = '\u{fffd}';

/// The text of a document.
pub(super) fn document(markup: Markup) -> String {
    let text = markup.into_string();
    if text.chars().all(is_allowed) {
        return text;
    }
    let allowed = |c: char| if is_allowed(c) { c } else { REPLACEMENT };
    text.chars().map(allowed).collect()
}

/// Whether XML 1.0 has the character (production 2, `Char`); surrogates are no `char` to begin with.
fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => c >= ' ',
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn what_xml_does_not_allow_is_replaced_and_markup_is_escaped() {
        let text = "a\u{0}b\u{1b}[31m\u{b}\u{fffe}\u{ffff}\t\n<script>&\"é\u{10ffff}";
        let made = document(html! { e a=(text) { (text) } });
        let clean = "a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\t\n&lt;script&gt;&amp;&quot;é\u{10ffff}";
        assert_eq!(made, format!("<e a=\"{clean}\">{clean}</e>"));
        let parsed = roxmltree::Document::parse(&made);
        assert!(parsed.is_ok(), "{parsed:?}");
    }
}
