//! Dates as AWS's error texts print them: `Thu Jan 22 01:22:02 UTC 2015`.

use std::fmt;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const MS_PER_DAY: u64 = 86_400_000;
const DAYS_PER_ERA: u64 = 146_097;
const YEARS_PER_ERA: u64 = 400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAY: u64 = 719_468;

/// A Unix time in milliseconds that prints as a date in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UtcDate(pub(crate) u64);

impl fmt::Display for UtcDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.0 / MS_PER_DAY;
        let second = self.0 % MS_PER_DAY / 1000;
        let (year, month, date) = civil(day);
        let weekday = DAYS[usize::try_from(day % 7).expect("below 7")];
        let month = MONTHS[usize::try_from(month).expect("below 12")];
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{weekday} {month} {date:02} {hour:02}:{minute:02}:{second:02} UTC {year}"
        )
    }
}

/// Year, month (0 to 11) and date of a day since 1970. The year is reckoned from March, so that the
/// leap day comes last and the months' lengths follow one rule.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + EPOCH_DAY;
    let era = day / DAYS_PER_ERA;
    let of_era = day % DAYS_PER_ERA;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * YEARS_PER_ERA + year_of_era + u64::from(month < 2);
    (year, month, date)
}

#[cfg(test)]
mod tests {
    use super::UtcDate;

    #[test]
    fn prints_as_java_does() {
        let table = [
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (1_421_889_722_000, "Thu Jan 22 01:22:02 UTC 2015"),
            (951_782_399_999, "Mon Feb 28 23:59:59 UTC 2000"),
            (951_782_400_000, "Tue Feb 29 00:00:00 UTC 2000"),
            (951_868_800_000, "Wed Mar 01 00:00:00 UTC 2000"),
            (1_798_761_599_000, "Thu Dec 31 23:59:59 UTC 2026"),
            (4_107_542_400_000, "Mon Mar 01 00:00:00 UTC 2100"),
        ];
        for (ms, text) in table {
            assert_eq!(UtcDate(ms).to_string(), text);
        }
        assert!(!UtcDate(u64::MAX).to_string().is_empty());
    }
}
