//! The layout, the order, and AWS's rules for reading.

use proptest::prelude::*;

use super::wide::Wide;
use super::{AnySequence, CREATED_S_END, Position, SECONDS_MAX, SequenceError, SequenceNumber};
use crate::shard::ShardIndex;

/// The number in AWS's own example of a Lambda event (shard 6, arrival 1545084650.987).
const RECORDED: &str = "49590338271490256608559692538361571095921575989136588898";

fn recorded() -> SequenceNumber {
    SequenceNumber {
        created_s: 1_542_776_258,
        shard: ShardIndex(6),
        position: Position(1_734_642_199),
        time_s: 1_545_084_650,
    }
}

/// Decimal from hex, digit by digit, so that cases can be written as the layout is.
fn decimal(hex: &str) -> String {
    let mut digits = vec![0u32];
    for c in hex.chars() {
        let mut carry = c.to_digit(16).expect("hex");
        for digit in digits.iter_mut().rev() {
            let sum = *digit * 16 + carry;
            (*digit, carry) = (sum % 10, sum / 10);
        }
        while carry > 0 {
            digits.insert(0, carry % 10);
            carry /= 10;
        }
    }
    digits.iter().map(u32::to_string).collect()
}

#[test]
fn a_recorded_number_is_taken_apart_and_put_together() {
    assert_eq!(SequenceNumber::parse(RECORDED), Ok(recorded()));
    assert_eq!(recorded().to_string(), RECORDED);
    assert_eq!(
        decimal("205bf4e5c260000000067648a170005c181eea000000062"),
        RECORDED
    );
}

#[test]
fn starts_of_neighbours_differ_as_on_aws() {
    let start = |shard| SequenceNumber::start_of_shard(1_542_776_258, ShardIndex(shard));
    let wide = |number: SequenceNumber| Wide::from_decimal(&number.to_string()).expect("a number");
    // 2^144 + 16: the low shard digit and the shard field.
    let mut expected = wide(start(0));
    expected.put(144, 1);
    expected.put(4, 1);
    assert_eq!(wide(start(1)), expected);
    let mut step = Wide::power_of_two(144);
    step.put(4, 1);
    assert_eq!(
        step.to_decimal().as_str(),
        "22300745198530623141535718272648361505980432"
    );
}

#[test]
fn the_ends_of_a_shard_enclose_its_records() {
    let (created, closed, shard) = (1_000, 2_000, ShardIndex(3));
    let start = SequenceNumber::start_of_shard(created, shard);
    let end = SequenceNumber::end_of_shard(created, shard, closed);
    let record = SequenceNumber {
        position: Position::new(1, 0),
        time_s: created,
        ..start
    };
    assert!(start < record && record < end);
    assert_eq!(end.position.0, 0x7fff_ffff_ffff_ffff);
    let child = SequenceNumber::start_of_shard(created + 1, ShardIndex(0));
    assert!(end < child, "children come after their parents");
}

#[test]
fn positions_are_index_and_ordinal() {
    let position = Position::new(5, 7);
    assert_eq!(
        (position.0, position.log_index(), position.ordinal()),
        (5 << 16 | 7, 5, 7)
    );
    assert_eq!(position.next(), Position::new(5, 8));
    assert_eq!(Position::new(5, 65_535).next(), Position::new(6, 0));
    assert_eq!(Position::END.next(), Position::END);
    assert_eq!(Position::new((1 << 47) - 1, 65_535), Position::END);
    for bad in [(1 << 47, 0), (0, 65_536)] {
        std::panic::catch_unwind(|| Position::new(bad.0, bad.1)).expect_err("does not fit");
    }
}

#[test]
fn unreadable_numbers_are_told_apart() {
    let v2 = "205bf4e5c260000000067648a170005c181eea000000062";
    let with = |at: usize, digits: &str| {
        let mut hex = v2.to_owned();
        hex.replace_range(at..at + digits.len(), digits);
        decimal(&hex)
    };
    let cases = [
        (String::new(), Err(SequenceError::Unparsable)),
        ("12a".to_owned(), Err(SequenceError::Unparsable)),
        ("-1".to_owned(), Err(SequenceError::Unparsable)),
        ("+1".to_owned(), Err(SequenceError::Unparsable)),
        ("9".repeat(129), Err(SequenceError::Unparsable)),
        // Too large by one bit for 192 bits, and the greatest that fits.
        (
            decimal(&format!("1{}", "0".repeat(48))),
            Err(SequenceError::Unparsable),
        ),
        (decimal(&"f".repeat(48)), Err(SequenceError::Unparsable)),
        // The leading digit.
        (with(0, "1"), Err(SequenceError::Unparsable)),
        (with(0, "3"), Err(SequenceError::Unparsable)),
        (format!("1{}", decimal(v2)), Err(SequenceError::Unparsable)),
        (
            decimal(&format!("2{}", "0".repeat(46))),
            Err(SequenceError::Unparsable),
        ),
        (
            decimal(&format!("2{}", "0".repeat(32))),
            Err(SequenceError::Unparsable),
        ),
        // Fields out of range.
        (
            with(1, &format!("{CREATED_S_END:09x}")),
            Err(SequenceError::CreatedTooLate),
        ),
        (with(11, "8"), Err(SequenceError::IndexTooHigh)),
        (with(38, "80000000"), Err(SequenceError::NegativeShard)),
        // Versions.
        (
            with(46, "0"),
            Err(SequenceError::OtherVersion { version: 0 }),
        ),
        (
            with(46, "1"),
            Err(SequenceError::OtherVersion { version: 1 }),
        ),
        (
            with(46, "3"),
            Err(SequenceError::OtherVersion { version: 3 }),
        ),
        ("0".to_owned(), Err(SequenceError::OldVersion)),
        (
            decimal(&format!("1{}", "0".repeat(31))),
            Err(SequenceError::OldVersion),
        ),
        (
            decimal(&format!("1{}", "f".repeat(32))),
            Err(SequenceError::OldVersion),
        ),
        // Leading zeros are the schema's business.
        (format!("00{}", decimal(v2)), Ok(recorded())),
        // The bits that carry nothing.
        (with(10, "f"), Ok(recorded())),
        (with(27, "ff"), Ok(recorded())),
    ];
    for (text, expected) in cases {
        assert_eq!(SequenceNumber::parse(&text), expected, "{text}");
    }
}

#[test]
fn other_versions_are_taken_apart() {
    // 1, create, byte, rand, shard.
    let v0 = decimal("105bf4e5c2ab0123456789abcdef0007");
    let created_s = 1_542_776_258;
    assert_eq!(
        SequenceNumber::parse_any(&v0),
        Ok(AnySequence {
            version: 0,
            created_s,
            shard: 7,
            time_s: None,
            position: None
        })
    );
    // 2, create, nibble, byte, time, rand, index, shard, 1.
    let v1 = decimal(
        &[
            "2",
            "05bf4e5c2",
            "6",
            "ab",
            "05c181eea",
            "0123456789abcd",
            "ef",
            "00000006",
            "1",
        ]
        .concat(),
    );
    assert_eq!(
        SequenceNumber::parse_any(&v1),
        Ok(AnySequence {
            version: 1,
            created_s,
            shard: 6,
            time_s: Some(1_545_084_650),
            position: None
        })
    );
    let negative = decimal("205bf4e5c200000000067648a170005c181eea800000002");
    let any = SequenceNumber::parse_any(&negative).expect("readable");
    assert_eq!(
        ShardIndex::text_of_signed(any.shard),
        "shardId--02147483648"
    );
    assert_eq!(any.to_v2(), Err(SequenceError::NegativeShard));
}

#[test]
fn ordering_takes_what_aws_takes() {
    let zeros = |version: &str| decimal(&format!("2{}{version}", "0".repeat(45)));
    let negative_shard = decimal("205bf4e5c200000000067648a170005c181eea800000002");
    let now_ms = 1_545_084_650_000;
    for good in [RECORDED, &zeros("1"), &zeros("2"), &negative_shard] {
        AnySequence::parse_for_ordering(good, now_ms).expect(good);
    }
    let cases = [
        ("0".to_owned(), SequenceError::OldVersion),
        (zeros("0"), SequenceError::Unparsable),
        (zeros("3"), SequenceError::OtherVersion { version: 3 }),
        ("x".to_owned(), SequenceError::Unparsable),
    ];
    for (bad, error) in cases {
        assert_eq!(
            AnySequence::parse_for_ordering(&bad, now_ms),
            Err(error),
            "{bad}"
        );
    }
    let early = AnySequence::parse_for_ordering(RECORDED, now_ms - 1);
    assert_eq!(early, Err(SequenceError::InFuture));
}

fn any_sequence() -> impl Strategy<Value = SequenceNumber> {
    // Few distinct values in each field, so that comparisons get past the first one.
    let seconds = prop_oneof![0..3u64, 0..=SECONDS_MAX];
    let created = prop_oneof![0..3u64, 0..CREATED_S_END];
    let shard = prop_oneof![0..40u32, 0..=ShardIndex::MAX.0];
    let position = prop_oneof![0..3u64, 0..=Position::END.0];
    (created, shard, position, seconds).prop_map(|(created_s, shard, position, time_s)| {
        SequenceNumber {
            created_s,
            shard: ShardIndex(shard),
            position: Position(position),
            time_s,
        }
    })
}

proptest! {
    #[test]
    fn numbers_survive_a_round_trip(number in any_sequence()) {
        let text = number.to_string();
        prop_assert_eq!(text.len(), 56);
        // A shard created in 1970 with all other fields zero is below every number AWS takes.
        prop_assert_eq!(SequenceNumber::parse(&text), Ok(number));
    }

    #[test]
    fn order_is_numeric(a in any_sequence(), b in any_sequence()) {
        let (wide_a, wide_b) = (Wide::from_decimal(&a.to_string()), Wide::from_decimal(&b.to_string()));
        prop_assert_eq!(a.cmp(&b), wide_a.cmp(&wide_b));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn wide_numbers_print_as_parsed(digits in "[1-9][0-9]{0,56}") {
        let wide = Wide::from_decimal(&digits).expect("57 digits are less than 192 bits");
        prop_assert_eq!(wide.to_decimal().as_str().to_owned(), digits);
    }

    #[test]
    fn wide_numbers_agree_with_u128(value: u128, shift in 0u32..64, width in 1u32..=64) {
        let wide = Wide::from_decimal(&value.to_string()).expect("a number");
        prop_assert_eq!(wide.to_decimal().as_str().to_owned(), value.to_string());
        let expected = value >> shift & u128::from(u64::MAX >> (64 - width));
        prop_assert_eq!(u128::from(wide.get(shift, width)), expected);
    }
}
