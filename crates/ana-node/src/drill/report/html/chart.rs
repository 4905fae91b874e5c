//! The time line as one picture: parts of the run, faults, measurements, what happened, and the axis of time.
//!
//! Must stay true: everything in the picture is said in a table of the page as well; nothing is told by colour alone.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::super::record::{FaultRow, Phase, Record, What};
use super::super::{hit, seconds, what};
use super::panel::{PANEL, beside, panels};
use super::scale::{Frame, LEFT, RIGHT, WIDTH};

/// Heights of rows.
const MARK: i64 = 28;
const PHASES: i64 = 44;
const FAULT: i64 = 52;
const TICKS: i64 = 44;
const AXIS: i64 = 70;
/// Room for a name beside the picture, in characters.
const NAME_MAX: usize = 27;
/// Room that a character takes.
const CHARACTER: i64 = 11;
/// Things at one place that a tick tells of.
const AT_ONE_PLACE_MAX: usize = 5;

/// The picture.
pub(super) fn time_line(record: &Record) -> Markup {
    let frame = Frame::of(record);
    let mut rows = Rows::default();
    let marks = marks(record);
    let top_of_marks = rows.place(MARK * i64::try_from(marks.len()).unwrap_or(0));
    let below_marks = rows.next;
    rows.add(PHASES, |top| phases(record, frame, top));
    for row in &record.faults {
        rows.add(FAULT, |top| fault(row, frame, top));
    }
    for panel in panels(record) {
        rows.add(PANEL, |top| panel.draw(frame, top));
    }
    let leaders = |what: &What| matches!(what, What::LeaderChanged { .. });
    rows.add(TICKS, |top| {
        ticks(record, frame, top, "leader changes", leaders)
    });
    rows.add(TICKS, |top| {
        ticks(record, frame, top, "notes and nodes", is_told_by_tick)
    });
    let foot = rows.next;
    rows.add(AXIS, |top| axis(frame, top));
    let height = rows.next;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby="chart-title chart-about"
            xmlns="http://www.w3.org/2000/svg" {
            title id="chart-title" { "Time line of " (record.drill) }
            desc id="chart-about" {
                "Faults as bars, measurements as lines, leader changes and notes as ticks, over seconds of the \
                 drill's clock. The tables of faults and events say the same."
            }
            defs {
                pattern id="hatch" width="10" height="10" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)" {
                    rect.hatchground width="10" height="10" {}
                    rect.hatchline width="4" height="10" {}
                }
            }
            (shades(record, frame, (below_marks + PHASES, foot)))
            @for part in rows.parts { (part) }
            @for (number, mark) in marks.iter().enumerate() {
                @let y = top_of_marks + MARK * i64::try_from(number).unwrap_or(0);
                @let x = frame.x(mark.at_ms);
                line class={ "mark " (mark.class) } x1=(x) x2=(x) y1=(y + MARK) y2=(foot) {}
                (beside(x, y + 20, &format!("marklabel {}", mark.class), &mark.words))
            }
        }
    }
}

/// Rows below one another.
#[derive(Debug, Default)]
struct Rows {
    parts: Vec<Markup>,
    next: i64,
}

impl Rows {
    /// Takes room; gives back where it begins.
    fn place(&mut self, height: i64) -> i64 {
        let top = self.next;
        self.next += height;
        top
    }

    fn add(&mut self, height: i64, part: impl FnOnce(i64) -> Markup) {
        let top = self.place(height);
        self.parts.push(part(top));
    }
}

/// A moment that matters for everything below it.
#[derive(Debug)]
struct Mark {
    at_ms: i64,
    class: &'static str,
    words: String,
}

fn marks(record: &Record) -> Vec<Mark> {
    let broken = record.first_broken.as_ref();
    let broken = broken.and_then(|broken| broken.at_ms).map(|at_ms| Mark {
        at_ms,
        class: "bad",
        words: format!("first broken, {}", seconds(at_ms)),
    });
    let healed = record.healed_at_ms.map(|at_ms| Mark {
        at_ms,
        class: "good",
        words: format!("healed, {}", seconds(at_ms)),
    });
    let guard = record.events.iter().find_map(|event| match event.what {
        What::GuardTripped { .. } => Some(Mark {
            at_ms: event.at_ms,
            class: "bad",
            words: format!("guard, {}", seconds(event.at_ms)),
        }),
        _ => None,
    });
    [guard, broken, healed].into_iter().flatten().collect()
}

/// The time of each fault behind everything that is measured.
fn shades(record: &Record, frame: Frame, (top, foot): (i64, i64)) -> Markup {
    html! {
        @for row in &record.faults {
            @if let Some((from, to)) = extent(row, frame) {
                rect.shade x=(from) y=(top) width=(to - from) height=(foot - top) {}
            }
        }
    }
}

/// From where to where a fault was there; `None` when it did not fire.
fn extent(row: &FaultRow, frame: Frame) -> Option<(i64, i64)> {
    let from = frame.x(row.fired_at_ms?);
    let to = frame.x(row.reverted_at_ms.unwrap_or(frame.end_ms()));
    Some((from, to.max(from + 4)))
}

fn phases(record: &Record, frame: Frame, top: i64) -> Markup {
    let phases: Vec<(i64, Phase)> = record
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Phase { phase } => Some((event.at_ms, phase)),
            _ => None,
        })
        .collect();
    let ends = phases.iter().skip(1).map(|(at, _)| *at);
    let ends = ends.chain([frame.end_ms()]);
    html! {
        text.name x=(LEFT - 10) y=(top + 26) { "part of the run" }
        @if phases.is_empty() {
            text.absent x=(LEFT + 10) y=(top + 26) { "not recorded" }
        }
        @for (number, ((from_ms, phase), to_ms)) in phases.iter().zip(ends).enumerate() {
            @let (from, to) = (frame.x(*from_ms), frame.x(to_ms));
            rect class={ "phase" @if number % 2 == 1 { " odd" } }
                x=(from) y=(top + 4) width=((to - from).max(1)) height="32" {
                title { (phase.words()) ", from " (seconds(*from_ms)) " to " (seconds(to_ms)) }
            }
            @let words = phase_word(*phase);
            @if to - from > CHARACTER * i64::try_from(words.len()).unwrap_or(0) {
                text.inphase x=((from + to) / 2) y=(top + 26) { (words) }
            }
        }
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Steady => "steady state",
        Phase::Faults => "faults",
        Phase::Healing => "healing",
        Phase::Audit => "audit",
        Phase::Over => "over",
    }
}

fn fault(row: &FaultRow, frame: Frame, top: i64) -> Markup {
    let name = format!("{} {}", row.number, row.action);
    let on = hit(row);
    let on = on.strip_prefix(&row.action).unwrap_or(&on).trim_start();
    let moment = |ms: Option<i64>| ms.map_or("never".to_owned(), seconds);
    html! {
        g {
            title {
                (name) " on " (on) ": fired " (moment(row.fired_at_ms)) ", over " (moment(row.reverted_at_ms))
            }
            text.name x=(LEFT - 10) y=(top + 22) { (cut(&name)) }
            text.unit x=(LEFT - 10) y=(top + 43) { (cut(on)) }
            line.grid x1=(LEFT) x2=(RIGHT) y1=(top + 26) y2=(top + 26) {}
            @if let Some((from, to)) = extent(row, frame) {
                rect class={ "bar" @if row.reverted_at_ms.is_none() { " open" } }
                    x=(from) y=(top + 10) width=(to - from) height="32" {}
            } @else {
                @let x = frame.x(row.planned_at_ms);
                rect.notfired x=(x) y=(top + 10) width="10" height="32" {}
                (beside(x + 5, top + 32, "absent aside", "did not fire"))
            }
        }
    }
}

/// Whether an event is told by a tick of the last row: what has no place of its own in the picture.
fn is_told_by_tick(what: &What) -> bool {
    match what {
        What::Note { .. }
        | What::NodeState { .. }
        | What::FaultFailed { .. }
        | What::GuardTripped { .. }
        | What::StopAsked { .. } => true,
        What::Phase { .. }
        | What::FaultFired { .. }
        | What::FaultReverted { .. }
        | What::LeaderChanged { .. }
        | What::Figures { .. } => false,
    }
}

fn ticks(
    record: &Record,
    frame: Frame,
    top: i64,
    name: &str,
    told: impl Fn(&What) -> bool,
) -> Markup {
    let mut places: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let mut count = 0_u64;
    for event in record.events.iter().filter(|event| told(&event.what)) {
        count += 1;
        let words = format!("{} {}", seconds(event.at_ms), what(&event.what));
        places.entry(frame.x(event.at_ms)).or_default().push(words);
    }
    html! {
        text.name x=(LEFT - 10) y=(top + 26) { (name) " (" (count) ")" }
        line.grid x1=(LEFT) x2=(RIGHT) y1=(top + 36) y2=(top + 36) {}
        @for (x, words) in &places {
            rect.event x=(x - 2) y=(top + 10) width="4" height="26" {
                title {
                    (words.iter().take(AT_ONE_PLACE_MAX).cloned().collect::<Vec<_>>().join("\n"))
                    @if words.len() > AT_ONE_PLACE_MAX {
                        "\nand " (words.len() - AT_ONE_PLACE_MAX) " more"
                    }
                }
            }
        }
    }
}

fn axis(frame: Frame, top: i64) -> Markup {
    html! {
        line.axis x1=(LEFT) x2=(RIGHT) y1=(top + 6) y2=(top + 6) {}
        @for at_ms in frame.ticks() {
            @let x = frame.x(at_ms);
            line.axis x1=(x) x2=(x) y1=(top + 6) y2=(top + 14) {}
            text.attime x=(x) y=(top + 34) { (at_ms / 1000) }
        }
        text.attime x=((LEFT + RIGHT) / 2) y=(top + 60) {
            "seconds of the drill's clock: 0 is when the first fault could fire"
        }
    }
}

/// A name that fits beside the picture.
fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_MAX {
        return name.to_owned();
    }
    let begin: String = name.chars().take(NAME_MAX - 1).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod chart_test;
