//! ISO 8601 durations as FIS takes them: hours, minutes and seconds in whole numbers, from one minute to
//! twelve hours.

use crate::error::FisFault;
use crate::quantity::Span;

const LEAST: Span = Span::from_secs(60);
const MOST: Span = Span::from_secs(12 * 3600);
/// Parts of a duration in the order in which they stand, with their seconds.
const PARTS: [(char, u64); 3] = [('H', 3600), ('M', 60), ('S', 1)];

pub(super) fn read(text: &str) -> Result<Span, FisFault> {
    let found = seconds(text).ok_or_else(|| FisFault::Duration(text.to_owned()))?;
    let found = Span::from_secs(found);
    if (LEAST..=MOST).contains(&found) {
        return Ok(found);
    }
    Err(FisFault::DurationBounds {
        found,
        least: LEAST,
        most: MOST,
    })
}

fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.strip_prefix("PT")?;
    let mut parts = PARTS.iter();
    let mut seconds = 0_u64;
    // At least one part, each smaller than the one before it.
    loop {
        let ends = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(ends)?;
        let mut chars = after.chars();
        let name = chars.next()?;
        let (_, each) = parts.find(|(part, _)| *part == name)?;
        let number: u64 = number.parse().ok()?;
        seconds = seconds.checked_add(number.checked_mul(*each)?)?;
        rest = chars.as_str();
        if rest.is_empty() {
            return Some(seconds);
        }
    }
}
