//! The frame of every report: the file itself, and the verdict on top of it.
//!
//! Must stay true: the file refers to nothing outside itself and runs nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::markup::document;
use super::super::verdict::{Tally, Verdict};

/// Written by us, and the only text that is not escaped.
const STYLE: &str = include_str!("style.css");
/// What a browser may do with the file: show it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The answer, before anything else.
#[derive(Debug)]
pub(in crate::drill) struct Head<'a> {
    /// The drill.
    pub(in crate::drill) drill: &'a str,
    /// What it shows.
    pub(in crate::drill) about: &'a str,
    /// Why it ended as it did, where that is to be said.
    pub(in crate::drill) why: Option<&'a str>,
    /// In a word.
    pub(in crate::drill) verdict: Verdict,
    /// In numbers.
    pub(in crate::drill) tally: Tally,
    /// When, how long, of what seed and build.
    pub(in crate::drill) circumstances: String,
}

impl Head<'_> {
    /// The document, with what follows the verdict.
    pub(in crate::drill) fn page(&self, sections: &Markup, footer: &str) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.drill) ": " (self.verdict.words()) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        (self.verdict())
                        (sections)
                        footer { p { (footer) } }
                    }
                }
            }
        };
        document(page)
    }

    /// In words, with a sign, and in colour.
    fn verdict(&self) -> Markup {
        let (class, sign) = signs(self.verdict);
        html! {
            header class={ "verdict " (class) } {
                p.word { span aria-hidden="true" { (sign) " " } (sentence(self.verdict.words())) }
                h1 { (self.drill) }
                div.plain {
                    @if !self.about.is_empty() { p { (self.about) } }
                    @if let Some(why) = self.why { p.why { "Why: " (why) } }
                    p { (sentence(&self.tally.in_words())) "." }
                    p.soft { (self.circumstances) }
                }
            }
        }
    }
}

fn signs(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Held => ("held", "✓"),
        Verdict::NotExercised => ("not-exercised", "–"),
        Verdict::Broken => ("broken", "✗"),
        Verdict::StoppedByGuard => ("guard", "■"),
        Verdict::StoppedByPerson => ("stopped", "■"),
        Verdict::CouldNotRun => ("could-not-run", "✗"),
    }
}

/// `1 min 5 s`
pub(in crate::drill) fn minutes(ms: u64) -> String {
    let secs = ms / 1000;
    format!("{} min {} s", secs / 60, secs % 60)
}

/// With a capital letter.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + rest.as_str()
}
