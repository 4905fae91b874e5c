//! Durations and moments of a drill, in whole microseconds.

use super::QuantityError;
use super::decimal::{Scaled, scaled};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const WHAT: &str = "duration";

/// A unit of time: how it is written, how many microseconds it has, how many decimals are exact.
struct Unit {
    name: &'static str,
    micros: u64,
    places: u32,
}

/// From large to small, the order in which they stand in a text. Minutes and hours take no decimals: a third
/// of an hour is not a number of microseconds that a reader would guess.
const UNITS: [Unit; 5] = [
    Unit {
        name: "h",
        micros: 3_600_000_000,
        places: 0,
    },
    Unit {
        name: "m",
        micros: 60_000_000,
        places: 0,
    },
    Unit {
        name: "s",
        micros: 1_000_000,
        places: 6,
    },
    Unit {
        name: "ms",
        micros: 1_000,
        places: 3,
    },
    Unit {
        name: "us",
        micros: 1,
        places: 0,
    },
];

/// A length of time, or a moment counted from the start of the drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Span {
    /// No time, and the start of a drill.
    pub const ZERO: Span = Span(0);
    /// The longest that a text may say.
    pub const LONGEST: Span = Span::from_secs(7 * 24 * 3600);

    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Span {
        Span(micros)
    }

    /// From milliseconds; the longest there is where they do not fit.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis.saturating_mul(1_000))
    }

    /// From seconds; the longest there is where they do not fit.
    pub const fn from_secs(secs: u64) -> Span {
        Span(secs.saturating_mul(1_000_000))
    }

    /// Microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// The sum, held at the greatest value there is.
    pub const fn plus(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }

    /// The difference, zero where `other` is longer.
    pub const fn less(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        Duration::from_micros(span.0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&text_of(self.0))
    }
}

fn text_of(micros: u64) -> String {
    match micros {
        0 => return "0s".to_owned(),
        1..1_000 => return format!("{micros}us"),
        1_000..1_000_000 => {
            return format!(
                "{}ms",
                Scaled {
                    value: micros,
                    places: 3
                }
            );
        }
        _ => {}
    }
    let mut left = micros;
    let mut text = String::new();
    for unit in &UNITS {
        if left == 0 {
            break;
        }
        if unit.places > 0 {
            // Seconds take the rest, as decimals.
            text += &format!(
                "{}{}",
                Scaled {
                    value: left,
                    places: unit.places
                },
                unit.name
            );
            break;
        }
        if left >= unit.micros {
            text += &format!("{}{}", left / unit.micros, unit.name);
            left %= unit.micros;
        }
    }
    text
}

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Span, QuantityError> {
        let micros = read(text).ok_or_else(|| QuantityError::Form {
            what: WHAT,
            text: text.to_owned(),
            like: "200ms, 30s, 1m30s or 2h",
        })?;
        let span = Span(micros);
        if span > Span::LONGEST {
            return Err(QuantityError::Bounds {
                what: WHAT,
                text: text.to_owned(),
                least: Span::ZERO.to_string(),
                most: Span::LONGEST.to_string(),
            });
        }
        Ok(span)
    }
}

/// Reads number and unit in turn, each unit smaller than the one before it.
fn read(text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut micros = 0_u64;
    while !rest.is_empty() || rest.len() == text.len() {
        let number_ends = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(number_ends)?;
        let unit_ends = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (name, after) = after.split_at_checked(unit_ends)?;
        let unit = units.find(|unit| unit.name == name)?;
        let value = scaled(number, unit.places)?;
        let per_place = unit.micros / 10_u64.checked_pow(unit.places)?;
        micros = micros.checked_add(value.checked_mul(per_place)?)?;
        rest = after;
    }
    Some(micros)
}
