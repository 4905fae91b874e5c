//! A plan on one screen.

use super::{Plan, Planned, steps};
use crate::check::Check;
use crate::quantity::Span;
use std::fmt::{self, Display, Formatter};

/// Characters of a line, of the bar of a fault, and of the words at the left edge.
const LINE: usize = 100;
const BAR: usize = 24;
const EDGE: usize = 9;
/// Where the details of a fault begin: below its times.
const DETAIL: usize = 19;

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seed = self
            .seed
            .map_or_else(|| "drawn at the start".to_owned(), |seed| seed.to_string());
        writeln!(f, "{}   seed {seed}", self.name)?;
        wrapped(f, 0, "", self.about.split_whitespace(), " ")?;
        writeln!(f)?;
        checks(f, "before", &self.steady)?;
        if let Some(load) = &self.load {
            writeln!(f, "{:EDGE$}{load}", "load")?;
        }
        if let Some(watch) = &self.watch {
            writeln!(f, "{:EDGE$}{watch}", "watch")?;
        }
        for fault in &self.faults {
            write_fault(f, self, fault)?;
        }
        writeln!(f)?;
        let widest = &self.widest;
        if widest.zones > 0 {
            let (zones, of, at) = (widest.zones, widest.of, widest.at);
            let who = steps(&widest.faults);
            writeln!(
                f,
                "{:EDGE$}{zones} of {of} zones at most, first at {at} ({who})",
                "hurt"
            )?;
        } else {
            writeln!(f, "{:EDGE$}no replica", "hurt")?;
        }
        let before = match self.before {
            Span::ZERO => String::new(),
            before => format!("{before} before, "),
        };
        writeln!(
            f,
            "{:EDGE$}{before}healed at {}, over at {}",
            "time", self.heal_at, self.ends_at
        )?;
        checks(f, "stop", &self.stop)?;
        checks(f, "expect", &self.expect)?;
        for note in &self.notes {
            writeln!(f, "{:EDGE$}{note}", "note")?;
        }
        Ok(())
    }
}

/// When and what; then at whom, what it hurts, how it ends, what else is on.
fn write_fault(f: &mut Formatter<'_>, plan: &Plan, fault: &Planned) -> fmt::Result {
    let until = fault
        .until
        .map_or_else(|| "once".to_owned(), |until| until.to_string());
    let bar = bar(fault, plan.heal_at);
    writeln!(
        f,
        "{:>2} {:>7} {until:<7} {bar}  {}",
        fault.number, fault.at, fault.action
    )?;
    let mut parts = vec![
        format!("on {}", fault.on),
        format!("hurts {}", fault.blast),
        fault.action.spec().revert.to_string(),
    ];
    if !fault.overlaps.is_empty() {
        parts.push(format!("beside {}", steps(&fault.overlaps)));
    }
    if let Some(name) = &fault.name {
        parts.push(format!("called {name}"));
    }
    wrapped(f, DETAIL, "", parts.iter().map(String::as_str), "; ")
}

/// The fault on a line from the start of the drill to its healing.
fn bar(fault: &Planned, whole: Span) -> String {
    let column = |at: Span| {
        let last = u128::try_from(BAR).unwrap_or(0).saturating_sub(1);
        let column = u128::from(at.micros()).saturating_mul(last);
        let column = column.checked_div(u128::from(whole.micros())).unwrap_or(0);
        usize::try_from(column).unwrap_or(0)
    };
    let (from, to) = (column(fault.at), column(fault.gone_at()));
    let mark = if fault.until.is_some() { '=' } else { '*' };
    let cell = |at: usize| if (from..=to).contains(&at) { mark } else { '.' };
    (0..BAR).map(cell).collect()
}

fn checks(f: &mut Formatter<'_>, word: &str, checks: &[Check]) -> fmt::Result {
    if checks.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = checks.iter().map(ToString::to_string).collect();
    wrapped(f, EDGE, word, texts.iter().map(String::as_str), "; ")
}

/// Parts one after another, broken where the line is full, the first line with a word at its
/// edge.
fn wrapped<'a>(
    f: &mut Formatter<'_>,
    edge: usize,
    word: &str,
    parts: impl Iterator<Item = &'a str>,
    between: &str,
) -> fmt::Result {
    let mut line = format!("{word:edge$}");
    let mut begun = false;
    for part in parts {
        let width = line.chars().count() + between.len() + part.chars().count();
        if begun && width > LINE {
            writeln!(f, "{}{}", line, between.trim_end())?;
            line = " ".repeat(edge);
            begun = false;
        }
        if begun {
            line += between;
        }
        line += part;
        begun = true;
    }
    writeln!(f, "{line}")
}
