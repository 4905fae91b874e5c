//! How far and how fast a clock is wrong.

use super::{QuantityError, Span};
use std::fmt;
use std::str::FromStr;

/// A step of a clock, forwards or backwards, never nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Offset {
    /// Whether the clock steps back.
    pub back: bool,
    /// How far it steps.
    pub by: Span,
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.back { '-' } else { '+' };
        f.pad(&format!("{sign}{}", self.by))
    }
}

impl FromStr for Offset {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Offset, QuantityError> {
        let (back, digits) = signed(text);
        let by: Span = digits.parse()?;
        if by == Span::ZERO {
            return Err(QuantityError::Form {
                what: "step of a clock",
                text: text.to_owned(),
                like: "+30s or -500ms",
            });
        }
        Ok(Offset { back, by })
    }
}

/// How fast a clock runs wrong, in parts per million: `+500ppm` gains half a millisecond each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Drift {
    /// Whether the clock is slow.
    pub slow: bool,
    /// Microseconds lost or gained each second.
    pub ppm: u32,
}

impl Drift {
    /// A clock that runs at half or one and a half times its speed.
    pub const GREATEST: u32 = 500_000;
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.slow { '-' } else { '+' };
        f.pad(&format!("{sign}{}ppm", self.ppm))
    }
}

impl FromStr for Drift {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Drift, QuantityError> {
        const WHAT: &str = "drift of a clock";
        let (slow, digits) = signed(text);
        let ppm = digits
            .strip_suffix("ppm")
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| QuantityError::Form {
                what: WHAT,
                text: text.to_owned(),
                like: "+500ppm or -200ppm",
            })?;
        if !(1..=Drift::GREATEST).contains(&ppm) {
            return Err(QuantityError::Bounds {
                what: WHAT,
                text: text.to_owned(),
                least: "1ppm".to_owned(),
                most: format!("{}ppm", Drift::GREATEST),
            });
        }
        Ok(Drift { slow, ppm })
    }
}

/// Whether the text is negative, and the text without its sign.
fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}
