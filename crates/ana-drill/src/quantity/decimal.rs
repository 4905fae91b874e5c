//! Decimal numbers as whole numbers of their last place.

use std::fmt;

/// Reads `12`, `12.5` as a whole number of units of 10^-`places`. `None` if it is no such number, has more
/// decimals than that (zeros at the end do not count), or does not fit.
pub(super) fn scaled(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = places.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let fraction = match fraction {
        "" => 0,
        some => some
            .parse::<u64>()
            .ok()?
            .checked_mul(10_u64.checked_pow(missing)?)?,
    };
    let whole = whole.parse::<u64>().ok()?;
    whole
        .checked_mul(10_u64.checked_pow(places)?)?
        .checked_add(fraction)
}

/// Prints a whole number of units of 10^-`places` without needless zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled {
    pub(super) value: u64,
    pub(super) places: u32,
}

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.saturating_pow(self.places);
        let (whole, rest) = (self.value / unit, self.value % unit);
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let width = usize::try_from(self.places).unwrap_or(0);
        let fraction = format!("{rest:0width$}");
        write!(f, ".{}", fraction.trim_end_matches('0'))
    }
}
