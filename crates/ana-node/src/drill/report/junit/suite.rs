//! A suite of JUnit's XML, whatever its cases are made of.
//!
//! Must stay true: the counts are those of the cases that are there; nothing but a case that passed passes.

use maud::{Markup, PreEscaped, html};

use super::super::markup::document;

/// `ana drill` tests are told from others by it.
const PACKAGE: &str = "drill";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A drill that was run, or was to be.
#[derive(Debug, Default)]
pub(in crate::drill) struct Suite {
    /// The drill.
    pub(in crate::drill) drill: String,
    /// How long it ran, milliseconds.
    pub(in crate::drill) time_ms: u64,
    /// When it began, without fraction and zone: readers take it so, and as UTC.
    pub(in crate::drill) timestamp: Option<String>,
    /// The cluster.
    pub(in crate::drill) hostname: Option<String>,
    /// What else is known of it.
    pub(in crate::drill) properties: Vec<(&'static str, String)>,
    /// What it comes to, in the order of the file.
    pub(in crate::drill) cases: Vec<Case>,
    /// The report as a person reads it.
    pub(in crate::drill) out: Option<String>,
}

/// One of them.
#[derive(Debug)]
pub(in crate::drill) struct Case {
    /// Told from the drill's own by it.
    pub(in crate::drill) class: Option<&'static str>,
    /// The check.
    pub(in crate::drill) name: String,
    /// How long it was watched, milliseconds.
    pub(in crate::drill) time_ms: u64,
    /// What became of it.
    pub(in crate::drill) fate: Fate,
}

impl Case {
    /// A check of the drill, or the drill itself.
    pub(in crate::drill) fn of(name: &str, time_ms: u64, fate: Fate) -> Case {
        Case {
            class: None,
            name: name.to_owned(),
            time_ms,
            fate,
        }
    }
}

/// What became of a case.
#[derive(Debug)]
pub(in crate::drill) enum Fate {
    /// It held.
    Passed,
    /// It was not judged: why.
    Skipped(String),
    /// It did not hold.
    Failed {
        /// In a line.
        message: String,
        /// All there is to say.
        more: String,
    },
    /// It could not be found out.
    Error {
        /// In a line.
        message: String,
        /// All there is to say.
        more: String,
    },
}

impl Fate {
    /// Of a check that had nothing to look at.
    pub(in crate::drill) fn not_exercised(why: &str) -> Fate {
        Fate::Skipped(format!("not exercised: {why}"))
    }
}

impl Suite {
    /// As the text of a file.
    pub(in crate::drill) fn xml(&self) -> String {
        let count = |is: fn(&Fate) -> bool| self.cases.iter().filter(|case| is(&case.fate)).count();
        let failures = count(|fate| matches!(fate, Fate::Failed { .. }));
        let errors = count(|fate| matches!(fate, Fate::Error { .. }));
        let skipped = count(|fate| matches!(fate, Fate::Skipped(_)));
        let (tests, time) = (self.cases.len(), time(self.time_ms));
        document(html! {
            (PreEscaped(DECLARATION))
            testsuites name="ana drill" tests=(tests) failures=(failures) errors=(errors) time=(time) {
                testsuite name=(self.drill) tests=(tests) failures=(failures) errors=(errors)
                    skipped=(skipped) time=(time) timestamp=[&self.timestamp] hostname=[&self.hostname] {
                    @if !self.properties.is_empty() {
                        properties {
                            @for (name, value) in &self.properties {
                                property name=(name) value=(value) {}
                            }
                        }
                    }
                    "\n"
                    @for case in &self.cases { (self.case(case)) "\n" }
                    @if let Some(out) = &self.out { system-out { (out) } }
                }
            }
        })
    }

    fn case(&self, case: &Case) -> Markup {
        let class = case
            .class
            .map_or(String::new(), |class| format!(".{class}"));
        html! {
            testcase name=(case.name) classname={ (PACKAGE) "." (self.drill) (class) } time=(time(case.time_ms)) {
                @match &case.fate {
                    Fate::Passed => {},
                    Fate::Skipped(why) => skipped message=(why) {},
                    Fate::Failed { message, more } => failure message=(message) type="broken" { (more) },
                    Fate::Error { message, more } => error message=(message) type="could_not_run" { (more) },
                }
            }
        }
    }
}

/// Seconds with thousandths.
fn time(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
