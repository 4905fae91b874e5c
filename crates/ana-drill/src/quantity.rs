//! Quantities as people write them: durations, percentages, sizes, rates, offsets of a clock.
//!
//! Must stay true: a quantity is a whole number of its smallest unit (no float anywhere), what cannot be held
//! exactly is refused, and the printed form is read back as the same value.

pub mod span;
pub mod size;
pub mod clock;
mod decimal;

pub use clock::{Drift, Offset};
pub use size::{Rate, Size};
pub use span::Span;

use decimal::{Scaled, scaled};
use std::fmt;
use std::str::FromStr;

/// Why a text is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not of the form.
    #[error("{text:?} is not a {what}: write it like {like}")]
    Form {
        /// The kind of quantity.
        what: &'static str,
        /// What stands there.
        text: String,
        /// Examples.
        like: &'static str,
    },
    /// Of the form, but out of bounds.
    #[error("{text:?} is out of bounds: a {what} lies between {least} and {most}")]
    Bounds {
        /// The kind of quantity.
        what: &'static str,
        /// What stands there.
        text: String,
        /// The least that is taken, printed.
        least: String,
        /// The most that is taken, printed.
        most: String,
    },
}

/// Decimal places of a percentage: 99.999% is as fine as a drill asks.
const PERCENT_PLACES: u32 = 3;

/// A percentage in thousandths of a percent, between 0% and 100%.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    /// All of it.
    pub const ALL: Percent = Percent(100_000);

    /// A percentage from thousandths of a percent, `None` above 100%.
    pub fn from_thousandths(thousandths: u32) -> Option<Percent> {
        (thousandths <= Percent::ALL.0).then_some(Percent(thousandths))
    }

    /// Thousandths of a percent.
    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// This share of `count`, rounded down, but at least one where there is one and the share is not nothing.
    pub fn of(self, count: usize) -> usize {
        if self.0 == 0 {
            return 0;
        }
        let share = u128::try_from(count)
            .unwrap_or(u128::MAX)
            .saturating_mul(self.0.into());
        let share = usize::try_from(share / u128::from(Percent::ALL.0)).unwrap_or(count);
        share.max(1).min(count)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Scaled {
            value: self.0.into(),
            places: PERCENT_PLACES,
        };
        f.pad(&format!("{text}%"))
    }
}

impl FromStr for Percent {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Percent, QuantityError> {
        const WHAT: &str = "percentage";
        let digits = text.strip_suffix('%').unwrap_or(text);
        let value = scaled(digits, PERCENT_PLACES).ok_or_else(|| QuantityError::Form {
            what: WHAT,
            text: text.to_owned(),
            like: "25, 99.9 or 25%",
        })?;
        u32::try_from(value)
            .ok()
            .and_then(Percent::from_thousandths)
            .ok_or_else(|| QuantityError::Bounds {
                what: WHAT,
                text: text.to_owned(),
                least: Percent(0).to_string(),
                most: Percent::ALL.to_string(),
            })
    }
}

#[cfg(test)]
#[path = "quantity/quantity_test.rs"]
mod quantity_test;
