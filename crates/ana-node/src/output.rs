//! The two voices of a command: data on standard output, words on standard error.
//!
//! Must stay true:
//! - nothing but the answer ever goes to standard output, so that it can be piped;
//! - a table has no borders and no tabs; absent values are `-`; JSON members keep AWS's names;
//! - a reader that goes away (`| head`) ends the command quietly.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::error::{CliError, Exit};

/// How a command prints its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One JSON document for programs.
    Json,
}

/// Prints to standard output; the error is silent when the reader has gone away.
pub fn data(text: &str) -> Result<(), CliError> {
    data_bytes(text.as_bytes())
}

/// Prints one line to standard output.
pub fn line(text: &str) -> Result<(), CliError> {
    let mut with_end = String::with_capacity(text.len() + 1);
    with_end.push_str(text);
    with_end.push('\n');
    data(&with_end)
}

/// Prints raw bytes to standard output.
pub fn data_bytes(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                return CliError::silent(Exit::Ok);
            }
            CliError::new(
                Exit::Failed,
                format!("cannot write to standard output: {error}"),
            )
        })
}

/// Prints a JSON document, indented.
pub fn json(value: &Value) -> Result<(), CliError> {
    line(&format!("{value:#}"))
}

/// Says something to the person: one line on standard error. A closed standard error is nobody's
/// problem, so a failure to write there is dropped.
pub fn say(text: &str) {
    let mut err = io::stderr().lock();
    if writeln!(err, "{text}").is_err() {
        // Nobody is listening; the command goes on.
    }
}

/// Writes over the line of a terminal that a person watches, and leaves the cursor in it; an empty text clears it.
pub fn sketch(text: &str) {
    let mut err = io::stderr().lock();
    if write!(err, "\r\u{1b}[2K{text}")
        .and_then(|()| err.flush())
        .is_err()
    {
        // Nobody is listening; the command goes on.
    }
}

/// Whether standard error is a terminal a person looks at.
pub fn person_is_watching() -> bool {
    io::stderr().is_terminal()
}

/// Colours, off when `NO_COLOR` is set, when asked, or when the output is no terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours for standard output, unless the environment says no.
    pub fn for_stdout(no_color: bool) -> Paint {
        Paint {
            on: !no_color && io::stdout().is_terminal(),
        }
    }

    /// Green for well, red for ill.
    pub fn verdict(self, good: bool, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let colour = if good { 32 } else { 31 };
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    }
}

/// Rows under headings, aligned by the widest cell of each column.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings; a heading that starts with `>` aligns its column to the right.
    pub fn new(headings: &[&'static str]) -> Table {
        Table {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; an empty cell prints as `-`.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(
            cells.len(),
            self.headings.len(),
            "a row has one cell per heading"
        );
        self.rows.push(cells);
    }

    /// The whole table with a final newline.
    pub fn render(&self) -> String {
        let titles: Vec<&str> = self
            .headings
            .iter()
            .map(|h| h.strip_prefix('>').unwrap_or(h))
            .collect();
        let widths: Vec<usize> = (0..titles.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| width(shown(row.get(column))));
                cells
                    .chain([titles.get(column).map_or(0, |t| width(t))])
                    .max()
            })
            .map(|width| width.unwrap_or(0))
            .collect();
        let mut text = String::new();
        push_row(
            &mut text,
            &self.headings,
            &widths,
            titles.iter().map(|t| (*t).to_owned()),
        );
        for row in &self.rows {
            let cells = row.iter().map(|cell| shown(Some(cell)).to_owned());
            push_row(&mut text, &self.headings, &widths, cells);
        }
        text
    }
}

fn shown(cell: Option<&String>) -> &str {
    match cell {
        Some(text) if !text.is_empty() => text,
        _ => "-",
    }
}

/// Columns a text takes on a terminal: colours take none.
fn width(text: &str) -> usize {
    let mut in_colour = false;
    let visible = text.chars().filter(|character| {
        let hidden = in_colour || *character == '\u{1b}';
        in_colour = hidden && *character != 'm';
        !hidden
    });
    visible.count()
}

fn push_row(
    text: &mut String,
    headings: &[&'static str],
    widths: &[usize],
    cells: impl Iterator<Item = String>,
) {
    let mut row = String::new();
    for ((cell, widest), heading) in cells.zip(widths).zip(headings) {
        let fill = " ".repeat(widest.saturating_sub(width(&cell)));
        if !row.is_empty() {
            row.push_str("  ");
        }
        if heading.starts_with('>') {
            row.push_str(&fill);
            row.push_str(&cell);
        } else {
            row.push_str(&cell);
            row.push_str(&fill);
        }
    }
    text.push_str(row.trim_end());
    text.push('\n');
}

/// Bytes as a person reads them: `512 B`, `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut tenths = u128::from(count) * 10 / 1024;
    for unit in UNITS {
        if tenths < 10_240 || unit == "TiB" {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1024;
    }
    format!("{count} B")
}

/// Milliseconds since 1970 as an ISO time in UTC with milliseconds.
pub fn iso_time(ms: u64) -> String {
    let days = ms / 86_400_000;
    let in_day = ms % 86_400_000;
    let (year, month, day) = civil_from_days(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1000 % 60,
        in_day % 1000
    )
}

/// Days since 1970-01-01 as year, month, day of the Gregorian calendar.
pub(crate) fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // Count from 0000-03-01, so that the leap day is the last day of a year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// An ISO time (`2026-11-22T10:00:00Z`, seconds and fraction optional) as milliseconds since 1970.
pub fn parse_iso_time(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let second = parts.next().unwrap_or(Ok(0)).ok()?;
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let millis = fraction.parse::<u64>().ok()? * [100, 10, 1].get(fraction.len() - 1)?;
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) {
        return None;
    }
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + millis)
}

/// A duration (`200ms`, `90s`, `5m`, `2h`, `1d`) in milliseconds.
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(unit_at)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(unit_ms)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_and_marks_the_absent() {
        let mut table = Table::new(&["ID", ">BYTES", "ZONE"]);
        table.row(vec!["1".to_owned(), "9".to_owned(), "a".to_owned()]);
        table.row(vec!["12".to_owned(), "10000".to_owned(), String::new()]);
        assert_eq!(
            table.render(),
            "ID  BYTES  ZONE\n1       9  a\n12  10000  -\n"
        );
    }

    #[test]
    fn colours_take_no_room() {
        let paint = Paint { on: true };
        assert_eq!(width(&paint.verdict(true, "up")), 2);
        assert_eq!(width("plain"), 5);
    }

    #[test]
    fn durations_have_a_unit() {
        let cases = [
            ("200ms", Some(200)),
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("99999999999999999999d", None),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_duration_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn bytes_are_rounded_down_to_tenths() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
        ];
        for (count, shown) in cases {
            assert_eq!(bytes(count), shown);
        }
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
    }

    #[test]
    fn times_go_there_and_back() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_309_323_456, "2026-11-22T01:02:03.456Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ];
        for (ms, text) in cases {
            assert_eq!(iso_time(ms), text);
            assert_eq!(parse_iso_time(text), Some(ms));
        }
        assert_eq!(parse_iso_time("2026-11-22T10:00Z"), Some(1_795_341_600_000));
        for bad in [
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "now",
        ] {
            assert_eq!(parse_iso_time(bad), None, "{bad}");
        }
    }
}
