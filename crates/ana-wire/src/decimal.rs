//! JSON numbers as AWS reads them: exact decimal text, floored and clamped, never through a float.
//!
//! Must stay true: time is linear in the length of the text and nothing is allocated, so that a
//! number of a million digits or with an exponent of 10^18 costs no more than its bytes.

/// The integer that `number` (a legal JSON number) is, rounded down, clamped to `min..=max`.
pub(crate) fn floor_clamped(number: &str, min: i64, max: i64) -> i64 {
    let scaled = Scaled::of(number, 0);
    let magnitude = i128::from(scaled.whole);
    let value = match (scaled.negative, scaled.rest) {
        (false, _) => magnitude,
        (true, Rest::Zero) => -magnitude,
        (true, _) => -magnitude - 1,
    };
    i64::try_from(value.clamp(min.into(), max.into())).expect("clamped between two of them")
}

/// The milliseconds of `number` seconds, rounded to the nearest, clamped to what a 64-bit integer
/// holds.
pub(crate) fn milliseconds(number: &str) -> i64 {
    let scaled = Scaled::of(number, 3);
    let magnitude = i128::from(scaled.whole) + i128::from(scaled.rest == Rest::HalfOrMore);
    let value = if scaled.negative {
        -magnitude
    } else {
        magnitude
    };
    i64::try_from(value.clamp(i64::MIN.into(), i64::MAX.into()))
        .expect("clamped between two of them")
}

/// |number| x 10^places, cut to an integer; too large a one is `u64::MAX`.
struct Scaled {
    negative: bool,
    whole: u64,
    rest: Rest,
}

/// What was cut off behind the last digit of `whole`.
#[derive(PartialEq, Eq)]
enum Rest {
    Zero,
    LessThanHalf,
    HalfOrMore,
}

impl Scaled {
    fn of(number: &str, places: i64) -> Self {
        let negative = number.starts_with('-');
        let (digits, exponent) = match number.find(['e', 'E']) {
            Some(at) => (
                number.get(..at),
                number.get(at + 1..).map_or(0, exponent_of),
            ),
            None => (Some(number), 0),
        };
        let digits = digits.unwrap_or_default().as_bytes();
        let point = digits
            .iter()
            .position(|b| *b == b'.')
            .unwrap_or(digits.len());
        let fraction_len =
            i64::try_from(digits.len().saturating_sub(point + 1)).unwrap_or(i64::MAX);
        // The value is (all digits as one integer) x 10^shift.
        let shift = places.saturating_add(exponent).saturating_sub(fraction_len);
        let significant = digits.iter().filter(|b| b.is_ascii_digit());
        let count = i64::try_from(significant.clone().count()).unwrap_or(i64::MAX);
        let kept = count.saturating_add(shift.min(0)).max(0);
        let mut scaled = Self {
            negative,
            whole: 0,
            rest: Rest::Zero,
        };
        for (place, digit) in (0_i64..).zip(significant) {
            let digit = u64::from(digit - b'0');
            if place < kept {
                scaled.push(digit);
            } else {
                // A first cut digit stands right behind `whole` only if no zeros lie between.
                let adjacent = place == kept && count.saturating_add(shift) >= 0;
                scaled.cut(digit, adjacent);
            }
        }
        scaled.shift_up(shift);
        scaled
    }

    fn push(&mut self, digit: u64) {
        self.whole = self
            .whole
            .checked_mul(10)
            .and_then(|w| w.checked_add(digit))
            .unwrap_or(u64::MAX);
    }

    fn cut(&mut self, digit: u64, adjacent: bool) {
        if adjacent && digit >= 5 {
            self.rest = Rest::HalfOrMore;
        } else if digit > 0 && self.rest == Rest::Zero {
            self.rest = Rest::LessThanHalf;
        }
    }

    fn shift_up(&mut self, shift: i64) {
        // 20 zeros behind any digit but 0 are more than a u64 holds.
        for _ in 0..shift.clamp(0, 20) {
            self.push(0);
        }
    }
}

/// The exponent's value; one beyond what an i64 holds is as good as a very large one.
fn exponent_of(text: &str) -> i64 {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let magnitude = digits
        .iter()
        .fold(0_i64, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'))
        })
        .min(i64::MAX / 4);
    if negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{floor_clamped, milliseconds};

    #[test]
    fn floors_and_clamps() {
        let table = [
            ("0", 0),
            ("-0", 0),
            ("1", 1),
            ("1.9", 1),
            ("-1.1", -2),
            ("-1.0", -1),
            ("-0.0001", -1),
            ("0.0001e4", 1),
            ("12e1", 120),
            ("12E+1", 120),
            ("125e-1", 12),
            ("-125e-1", -13),
            ("2147483648", 2_147_483_647),
            ("-2147483649", -2_147_483_648),
            ("1e400", 2_147_483_647),
            ("-1e400", -2_147_483_648),
            ("1e-400", 0),
            ("-1e-400", -1),
            ("0e99999999999999999999", 0),
            ("1e99999999999999999999", 2_147_483_647),
            ("1e-99999999999999999999", 0),
            ("18446744073709551616", 2_147_483_647),
            ("0.00000000000000000000000000000001", 0),
        ];
        for (text, value) in table {
            assert_eq!(
                floor_clamped(text, i32::MIN.into(), i32::MAX.into()),
                value,
                "{text}"
            );
        }
        let long = "9".repeat(1_000_000);
        assert_eq!(floor_clamped(&long, 0, 7), 7);
        let long = format!("0.{}1", "0".repeat(1_000_000));
        assert_eq!(floor_clamped(&long, 0, 7), 0);
    }

    #[test]
    fn seconds_become_milliseconds() {
        let table = [
            ("0", 0),
            ("1459799926.48", 1_459_799_926_480),
            ("1795309323.456", 1_795_309_323_456),
            ("1795309323", 1_795_309_323_000),
            ("1.4598e9", 1_459_800_000_000),
            ("0.0004", 0),
            ("0.0005", 1),
            ("0.00049999", 0),
            ("0.00005", 0),
            ("-1.5", -1500),
            ("1e300", i64::MAX),
            ("-1e300", i64::MIN),
            ("1459799926.4799999", 1_459_799_926_480),
        ];
        for (text, value) in table {
            assert_eq!(milliseconds(text), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_floats_where_they_are_exact(whole in -1_000_000_i32..1_000_000, part in 0_u32..1000) {
            let text = format!("{whole}.{part:03}");
            let sign = if text.starts_with('-') { -1 } else { 1 };
            let exact = i64::from(whole.abs()) * 1000 + i64::from(part);
            prop_assert_eq!(milliseconds(&text), sign * exact);
            prop_assert_eq!(floor_clamped(&text, i64::MIN, i64::MAX), (sign * exact).div_euclid(1000));
        }

        #[test]
        fn any_number_is_read(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?") {
            let float: f64 = text.parse().expect("a JSON number");
            let value = floor_clamped(&text, i32::MIN.into(), i32::MAX.into());
            let near = float.clamp(-2_147_483_648.0, 2_147_483_647.0).floor();
            let off = (f64::from(i32::try_from(value).expect("clamped")) - near).abs();
            prop_assert!(off <= 1.0, "{} gave {}", text, value);
        }
    }
}
