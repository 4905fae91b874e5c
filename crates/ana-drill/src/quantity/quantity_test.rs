//! What is read as which quantity, and that what is printed is read back.

use super::{Drift, Offset, Percent, Rate, Size, Span};
use proptest::prelude::{any, prop_assert_eq, proptest};
use std::fmt::Display;
use std::str::FromStr;

fn reads<T: FromStr + Display + PartialEq>(text: &str, prints: Option<&str>) {
    let read = text.parse::<T>().ok().map(|value| value.to_string());
    assert_eq!(read.as_deref(), prints, "{text:?}");
}

#[test]
fn durations() {
    for (text, prints) in [
        ("200ms", Some("200ms")),
        ("30s", Some("30s")),
        ("2m", Some("2m")),
        ("90s", Some("1m30s")),
        ("1m30s", Some("1m30s")),
        ("1h0m5s", Some("1h5s")),
        ("1500ms", Some("1.5s")),
        ("0.84s", Some("840ms")),
        ("1.5ms", Some("1.5ms")),
        ("250us", Some("250us")),
        ("1m500ms", Some("1m0.5s")),
        ("0s", Some("0s")),
        ("168h", Some("168h")),
        ("169h", None),
        ("", None),
        ("s", None),
        ("30", None),
        ("30 s", None),
        ("-1s", None),
        ("1s1m", None),
        ("1s1s", None),
        ("1.5m", None),
        ("0.5us", None),
        ("1.0000005s", None),
        ("1.s", None),
        (".5s", None),
        ("1\u{b5}s", None),
        ("99999999999999999999h", None),
        ("18446744073709551615us", None),
    ] {
        reads::<Span>(text, prints);
    }
}

#[test]
fn percentages() {
    for (text, prints) in [
        ("25", Some("25%")),
        ("25%", Some("25%")),
        ("99.9%", Some("99.9%")),
        ("0.001", Some("0.001%")),
        ("100.000%", Some("100%")),
        ("0", Some("0%")),
        ("100.001", None),
        ("0.0001", None),
        ("-1", None),
        ("%", None),
        ("25%%", None),
        ("1e1", None),
    ] {
        reads::<Percent>(text, prints);
    }
}

#[test]
fn a_share_is_rounded_down_but_never_to_nothing() {
    let percent = |text: &str| text.parse::<Percent>().expect(text);
    for (share, count, of) in [
        ("30%", 6, 1),
        ("34%", 6, 2),
        ("1%", 6, 1),
        ("100%", 6, 6),
        ("50%", 0, 0),
        ("0%", 6, 0),
    ] {
        assert_eq!(percent(share).of(count), of, "{share} of {count}");
    }
}

#[test]
fn sizes_and_rates() {
    for (text, prints) in [
        ("200", Some("200B")),
        ("64KiB", Some("64KiB")),
        ("1024", Some("1KiB")),
        ("10MB", Some("10000000B")),
        ("0", Some("0B")),
        ("1.5KiB", None),
        ("64kb", None),
        ("99999999999TiB", None),
        ("", None),
    ] {
        reads::<Size>(text, prints);
    }
    for (text, prints) in [
        ("64KiB/s", Some("64KiB/s")),
        ("0B/s", None),
        ("64KiB", None),
        ("/s", None),
    ] {
        reads::<Rate>(text, prints);
    }
}

#[test]
fn clocks() {
    for (text, prints) in [
        ("30s", Some("+30s")),
        ("-500ms", Some("-500ms")),
        ("0s", None),
        ("--1s", None),
        ("+", None),
    ] {
        reads::<Offset>(text, prints);
    }
    for (text, prints) in [
        ("500ppm", Some("+500ppm")),
        ("-200ppm", Some("-200ppm")),
        ("0ppm", None),
        ("500001ppm", None),
        ("+-5ppm", None),
        ("5", None),
    ] {
        reads::<Drift>(text, prints);
    }
}

proptest! {
    #[test]
    fn no_text_upsets_a_parser(text in "\\PC*") {
        reads_back::<Span>(&text);
        reads_back::<Percent>(&text);
        reads_back::<Size>(&text);
        reads_back::<Rate>(&text);
        reads_back::<Offset>(&text);
        reads_back::<Drift>(&text);
    }

    #[test]
    fn likely_texts_read_back(text in "[+-]?[0-9]{1,4}(\\.[0-9]{1,4})?(h|m|s|ms|us|%|B|KiB|MB|ppm|/s){0,2}") {
        reads_back::<Span>(&text);
        reads_back::<Percent>(&text);
        reads_back::<Size>(&text);
        reads_back::<Rate>(&text);
        reads_back::<Offset>(&text);
        reads_back::<Drift>(&text);
    }

    #[test]
    fn every_value_prints_as_itself(micros in 0..=Span::LONGEST.micros(), bytes in any::<u64>(), share in 0..=100_000_u32) {
        let span = Span::from_micros(micros);
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        let percent = Percent::from_thousandths(share).expect("at most all");
        prop_assert_eq!(percent.to_string().parse(), Ok(percent));
    }
}

fn reads_back<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert!(
            printed.parse::<T>().is_ok_and(|again| again == value),
            "{text:?} as {printed:?}"
        );
    }
}
