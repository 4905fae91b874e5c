//! Seconds since 1970 and the two ways in which signed requests write them.

const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;
const DAYS_PER_ERA: i64 = 146_097;
const YEARS_PER_ERA: i64 = 400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A second of the calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    seconds: i64,
}

impl Moment {
    /// The second in which a millisecond since 1970 lies.
    pub(super) fn of_ms(ms: u64) -> Self {
        Self {
            seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX / 2),
        }
    }

    /// Reads `20150830T123600Z`.
    pub(super) fn of_basic(text: &str) -> Option<Self> {
        let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, upto: usize| digits(bytes.get(from..upto)?);
        Self::of_civil(
            (number(0, 4)?, number(4, 6)?, number(6, 8)?),
            (number(9, 11)?, number(11, 13)?, number(13, 15)?),
        )
    }

    /// Reads the form of the `Date` header, `Sun, 30 Aug 2015 12:36:00 GMT`. The day of the week is not looked at.
    pub(super) fn of_http_date(text: &str) -> Option<Self> {
        let (_weekday, rest) = text.split_once(", ")?;
        let mut words = rest.split(' ');
        let day = digits(words.next()?.as_bytes())?;
        let month = words.next()?;
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let year = digits(words.next()?.as_bytes())?;
        let mut clock = words.next()?.split(':');
        let mut part = || digits(clock.next()?.as_bytes());
        let time = (part()?, part()?, part()?);
        let ends = clock.next().is_none() && words.next() == Some("GMT") && words.next().is_none();
        let date = (year, i64::try_from(month).ok()?, day);
        ends.then(|| Self::of_civil(date, time)).flatten()
    }

    fn of_civil((year, month, day): (i64, i64, i64), time: (i64, i64, i64)) -> Option<Self> {
        let (hour, minute, second) = time;
        // A leap second is written as :60; no clock of ours ever shows one.
        if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        Some(Self {
            seconds: days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second,
        })
    }

    /// `20150830T123600Z`.
    pub(super) fn basic(self) -> String {
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{}T{hour:02}{minute:02}{second:02}Z", self.day())
    }

    /// `20150830`.
    pub(super) fn day(self) -> String {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_PER_DAY));
        format!("{year:04}{month:02}{day:02}")
    }

    /// That many seconds later, or earlier when negative.
    pub(super) fn plus(self, seconds: i64) -> Self {
        Self {
            seconds: self.seconds.saturating_add(seconds),
        }
    }
}

/// One to four decimal digits.
fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 4 {
        return None;
    }
    bytes.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, whose years are counted from March here.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(YEARS_PER_ERA);
    let year_of_era = year.rem_euclid(YEARS_PER_ERA);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - EPOCH_DAYS
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + EPOCH_DAYS;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * YEARS_PER_ERA + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Moment;

    #[test]
    fn known_moments() {
        let table = [
            (0, "19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (
                1_440_938_160_999,
                "20150830T123600Z",
                "Sun, 30 Aug 2015 12:36:00 GMT",
            ),
            (
                951_827_696_000,
                "20000229T123456Z",
                "Tue, 29 Feb 2000 12:34:56 GMT",
            ),
            (
                4_107_542_400_000,
                "21000301T000000Z",
                "Mon, 01 Mar 2100 00:00:00 GMT",
            ),
        ];
        for (ms, basic, http) in table {
            let moment = Moment::of_ms(ms);
            assert_eq!(moment.basic(), basic);
            assert_eq!(Moment::of_basic(basic), Some(moment));
            assert_eq!(Moment::of_http_date(http), Some(moment), "{http}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        let basic = [
            "",
            "20150830",
            "20150830T123600",
            "20150830t123600Z",
            "20150830T123600z",
            "20150230T123600Z",
            "21000229T000000Z",
            "20151330T123600Z",
            "20150830T243600Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "2015083 T123600Z",
            "+0150830T123600Z",
            "20150830T123600Z ",
            "2015-08-30T12:36",
            "\u{663}0150830T12360Z",
        ];
        for text in basic {
            assert_eq!(Moment::of_basic(text), None, "{text:?}");
        }
        let http = [
            "",
            "Sun, 30 Aug 2015 12:36:00",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sun, 30 Aug 2015 12:36 GMT",
            "Sun, 30 Aug 2015 12:36:00:00 GMT",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "Sun, 31 Feb 2015 12:36:00 GMT",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 GMT x",
        ];
        for text in http {
            assert_eq!(Moment::of_http_date(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back(seconds in 0_u64..250_000_000_000) {
            let moment = Moment::of_ms(seconds * 1000);
            let text = moment.basic();
            prop_assert_eq!(Moment::of_basic(&text), Some(moment));
            prop_assert!(text.starts_with(&moment.day()));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            let _basic = Moment::of_basic(&text);
            let _http = Moment::of_http_date(&text);
        }
    }
}
