//! Measurements over time as lines above a common axis of time, each panel with its own axis and unit.
//!
//! Must stay true: what was not measured has no line, and says so; a line is told from its neighbour without colour.

use ana_drill::quantity::Span;
use maud::{Markup, html};

use super::super::super::record::{Record, Series};
use super::super::super::rows::short;
use super::super::thousands;
use super::scale::{Frame, LEFT, RIGHT, rise, top_of};

/// All puts or gets were answered well, in thousandths of a percent.
const ALL: u64 = 100_000;
/// The least that the top of an axis stands for: below it, noise would fill the panel.
const LEAST_RECORDS: u64 = 10;
const LEAST_PERCENT: u64 = 1000;
const LEAST_MICROS: u64 = 20_000;
/// Gaps between acknowledged puts that are marked; the longest is marked whatever its length.
const GAP_MARKED_MIN_US: u64 = 500_000;
const GAPS_MARKED_MAX: usize = 20;
/// Height of a panel's axis, and of what lies above and below it.
const HEIGHT: i64 = 120;
const ABOVE: i64 = 34;
const BELOW: i64 = 20;

/// The whole height of a panel.
pub(super) const PANEL: i64 = ABOVE + HEIGHT + BELOW;

/// A line.
#[derive(Debug)]
struct Line {
    name: &'static str,
    points: Vec<(i64, u64)>,
}

/// A panel before it is drawn.
#[derive(Debug)]
pub(super) struct Panel {
    title: &'static str,
    unit: &'static str,
    least_top: u64,
    tick: fn(u64) -> String,
    lines: Vec<Line>,
    gaps: Vec<Gap>,
}

/// A time without an acknowledged put to a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) length_us: u64,
}

/// The panels of a record, from the top.
pub(super) fn panels(record: &Record) -> Vec<Panel> {
    let line = |name, metric, failed: bool| {
        let points = points(record, metric)?.iter();
        let value = |value: u64| {
            if failed {
                ALL.saturating_sub(value)
            } else {
                value
            }
        };
        let points = points.map(|(at, each)| (*at, value(*each)));
        let points = points.collect();
        Some(Line { name, points })
    };
    let lines = |all: [Option<Line>; 2]| all.into_iter().flatten().collect();
    let time = |us: u64| short(Span::from_micros(us));
    vec![
        Panel {
            title: "acknowledged",
            unit: "records per second",
            least_top: LEAST_RECORDS,
            tick: thousands,
            lines: lines([line("acknowledged", "acked_per_second", false), None]),
            gaps: gaps(record),
        },
        Panel {
            title: "errors",
            unit: "% of answers",
            least_top: LEAST_PERCENT,
            tick: percent,
            lines: lines([
                line("puts", "put_success_rate", true),
                line("gets", "get_success_rate", true),
            ]),
            gaps: Vec::new(),
        },
        Panel {
            title: "time of an answer",
            unit: "99th percentile",
            least_top: LEAST_MICROS,
            tick: time,
            lines: lines([
                line("puts", "put_p99", false),
                line("gets", "get_p99", false),
            ]),
            gaps: Vec::new(),
        },
        Panel {
            title: "consumers behind",
            unit: "the slowest, time",
            least_top: LEAST_MICROS,
            tick: time,
            lines: lines([line("behind", "consumer_lag", false), None]),
            gaps: Vec::new(),
        },
    ]
}

/// What was measured of a metric; `None` when nothing was.
fn points<'a>(record: &'a Record, metric: &str) -> Option<&'a [(i64, u64)]> {
    let is_it = |series: &&Series| series.metric == metric && !series.points.is_empty();
    let series = record.series.iter().find(is_it)?;
    Some(&series.points)
}

/// The gaps that are worth a mark, in order of time.
pub(super) fn gaps(record: &Record) -> Vec<Gap> {
    let points = points(record, "write_gap").unwrap_or_default();
    let mut gaps: Vec<Gap> = Vec::new();
    // A gap that is still open is told longer in each sample: where the next sample is shorter, it ended.
    for (place, (at, length_us)) in points.iter().enumerate() {
        let after = points.get(place + 1).map_or(0, |next| next.1);
        if *length_us == 0 || after >= *length_us {
            continue;
        }
        let length_ms = i64::try_from(length_us / 1000).unwrap_or(i64::MAX);
        gaps.push(Gap {
            from_ms: at.saturating_sub(length_ms),
            to_ms: *at,
            length_us: *length_us,
        });
    }
    gaps.sort_by_key(|gap| std::cmp::Reverse(gap.length_us));
    let long = gaps
        .iter()
        .take_while(|gap| gap.length_us >= GAP_MARKED_MIN_US);
    let marked = long.count().clamp(1, GAPS_MARKED_MAX);
    gaps.truncate(marked);
    gaps.sort_by_key(|gap| gap.from_ms);
    gaps
}

/// Thousandths of a percent as `2.5%`.
fn percent(thousandths: u64) -> String {
    let tenths = thousandths / 100;
    match tenths % 10 {
        0 => format!("{}%", tenths / 10),
        tenth => format!("{}.{tenth}%", tenths / 10),
    }
}

impl Panel {
    /// The panel with its upper edge at `top`.
    pub(super) fn draw(&self, frame: Frame, top: i64) -> Markup {
        let foot = top + ABOVE + HEIGHT;
        let values = self.lines.iter().flat_map(|line| &line.points);
        let greatest = values.map(|(_, value)| *value).max();
        html! {
            text.name x=(LEFT - 90) y=(top + ABOVE + 16) { (self.title) }
            text.unit x=(LEFT - 90) y=(top + ABOVE + 40) { (self.unit) }
            @if let Some(greatest) = greatest {
                @let axis = top_of(greatest, self.least_top);
                (self.grid(axis, foot))
                (self.marks(frame, top, foot))
                @for (number, line) in self.lines.iter().enumerate() {
                    (line.draw(frame, axis, foot, number))
                    @if self.lines.len() > 1 {
                        (line.legend(top, number))
                    }
                }
            } @else {
                line.grid x1=(LEFT) x2=(RIGHT) y1=(foot) y2=(foot) {}
                text.absent x=(LEFT + 10) y=(foot - 10) { "not measured" }
            }
        }
    }

    fn grid(&self, axis: u64, foot: i64) -> Markup {
        html! {
            @for value in [0, axis / 2, axis] {
                @let y = foot - rise(value, axis, HEIGHT);
                line.grid x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                text.tick x=(LEFT - 8) y=(y + 6) { ((self.tick)(value)) }
            }
        }
    }

    fn marks(&self, frame: Frame, top: i64, foot: i64) -> Markup {
        let longest = self.gaps.iter().max_by_key(|gap| gap.length_us);
        html! {
            @for gap in &self.gaps {
                @let (from, to) = (frame.x(gap.from_ms), frame.x(gap.to_ms));
                rect.gap x=(from) y=(foot - HEIGHT) width=((to - from).max(3)) height=(HEIGHT) {
                    title { "write gap " (short(Span::from_micros(gap.length_us))) }
                }
            }
            @if let Some(gap) = longest {
                @let middle = (frame.x(gap.from_ms) + frame.x(gap.to_ms)) / 2;
                (beside(middle, top + ABOVE - 10, "gaplabel", &format!(
                    "longest write gap {}", short(Span::from_micros(gap.length_us))
                )))
            }
        }
    }
}

/// A text at a moment, on the side of it where there is more room.
pub(super) fn beside(x: i64, y: i64, class: &str, text: &str) -> Markup {
    let left = x > (LEFT + RIGHT) / 2;
    html! {
        text class={ (class) @if left { " toleft" } } x=(x) y=(y) { (text) }
    }
}

impl Line {
    fn draw(&self, frame: Frame, axis: u64, foot: i64, number: usize) -> Markup {
        let place = |(at, value): &(i64, u64)| (frame.x(*at), foot - rise(*value, axis, HEIGHT));
        let class = class_of(number);
        html! {
            @if let [only] = self.points.as_slice() {
                @let (x, y) = place(only);
                circle class={ "dot " (class) } cx=(x) cy=(y) r="4" {}
            } @else {
                polyline class={ "line " (class) } points=(
                    self.points.iter().map(place).map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
                ) {}
            }
        }
    }

    /// Which line is which, above the axis.
    fn legend(&self, top: i64, number: usize) -> Markup {
        let column = i64::try_from(number).unwrap_or(0);
        let (x, y) = (LEFT + column * 130, top + ABOVE - 16);
        html! {
            line class={ "line " (class_of(number)) } x1=(x) x2=(x + 50) y1=(y) y2=(y) {}
            text.unit.start x=(x + 58) y=(y + 6) { (self.name) }
        }
    }
}

fn class_of(number: usize) -> &'static str {
    if number == 0 { "first" } else { "second" }
}

#[cfg(test)]
mod panel_test;
