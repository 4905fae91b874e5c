//! Hash keys and ranges, against values recorded from AWS and worked out by hand.

use ana_types::{HashKey, HashRange};
use expect_test::expect;
use proptest::prelude::*;

fn range(start: u128, end: u128) -> HashRange {
    HashRange {
        start: HashKey(start),
        end: HashKey(end),
    }
}

#[test]
fn partition_keys_hash_by_md5() {
    // RFC 1321 gives the MD5 of "" and "a".
    assert_eq!(
        HashKey::of_partition_key("").0,
        0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e
    );
    assert_eq!(
        HashKey::of_partition_key("a").0,
        0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661
    );
    let umlaut = HashKey::of_partition_key("\u{fc}");
    assert_ne!(umlaut, HashKey::of_partition_key("u"));
}

#[test]
fn decimal_keys_are_canonical_and_below_2_to_the_128() {
    let cases = [
        ("0", Some(0)),
        ("1", Some(1)),
        ("340282366920938463463374607431768211455", Some(u128::MAX)),
        ("340282366920938463463374607431768211456", None),
        ("999999999999999999999999999999999999999", None),
        ("", None),
        ("00", None),
        ("01", None),
        ("+1", None),
        ("-1", None),
        ("1a", None),
        (" 1", None),
    ];
    for (text, expected) in cases {
        assert_eq!(
            HashKey::parse_decimal(text),
            expected.map(HashKey),
            "{text:?}"
        );
    }
    assert_eq!(
        HashKey::MAX.to_string(),
        "340282366920938463463374607431768211455"
    );
}

#[test]
fn three_shards_split_as_on_aws() {
    let text: Vec<String> = HashRange::split_even(3)
        .iter()
        .map(|r| format!("{} {}", r.start, r.end))
        .collect();
    expect![[r"
        0 113427455640312821154458202477256070484
        113427455640312821154458202477256070485 226854911280625642308916404954512140969
        226854911280625642308916404954512140970 340282366920938463463374607431768211455"]]
    .assert_eq(&text.join("\n"));
}

#[test]
fn whole_powers_of_two_split_evenly() {
    assert_eq!(HashRange::split_even(1), [HashRange::FULL]);
    let half = 1 << 127;
    assert_eq!(
        HashRange::split_even(2),
        [range(0, half - 1), range(half, u128::MAX)]
    );
    let quarters = HashRange::split_even(4);
    assert!(
        quarters
            .iter()
            .all(|r| r.end.0 - r.start.0 == (1 << 126) - 1)
    );
}

#[test]
fn a_split_needs_room_on_both_sides() {
    // Allowed: greater than start + 1 and less than end.
    let shard = range(10, 20);
    let allowed: Vec<u128> = (0..30)
        .filter(|key| shard.may_split_at(HashKey(*key)))
        .collect();
    assert_eq!(allowed, (12..=19).collect::<Vec<_>>());
    assert_eq!(
        shard.split_at(HashKey(12)),
        Some((range(10, 11), range(12, 20)))
    );
    assert_eq!(shard.split_at(HashKey(20)), None);
    assert_eq!(range(0, 2).split_at(HashKey(0)), None);
    assert!(!HashRange::FULL.may_split_at(HashKey::MAX));
    assert!(HashRange::FULL.may_split_at(HashKey(u128::MAX - 1)));
}

#[test]
fn only_neighbours_in_order_merge() {
    let (low, high) = (range(0, 9), range(10, u128::MAX));
    assert_eq!(low.merge(&high), Some(HashRange::FULL));
    assert_eq!(
        high.merge(&low),
        None,
        "the order matters, and the space does not wrap"
    );
    assert_eq!(low.merge(&range(11, 12)), None);
}

proptest! {
    #[test]
    fn any_split_tiles_the_space(count in 1u32..3000) {
        let ranges = HashRange::split_even(count);
        prop_assert_eq!(ranges.len(), usize::try_from(count).expect("small"));
        prop_assert_eq!(ranges.first().map(|r| r.start), Some(HashKey::MIN));
        prop_assert_eq!(ranges.last().map(|r| r.end), Some(HashKey::MAX));
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].is_followed_by(&pair[1]));
            prop_assert_eq!(pair[0].end.0 - pair[0].start.0, ranges[0].end.0);
        }
    }

    #[test]
    fn halves_rejoin_and_each_key_is_in_one(at: u128, key: u128) {
        let Some((low, high)) = HashRange::FULL.split_at(HashKey(at)) else {
            return Err(TestCaseError::reject("not a place to split"));
        };
        prop_assert!(low.contains(HashKey(key)) != high.contains(HashKey(key)));
        prop_assert_eq!(low.merge(&high), Some(HashRange::FULL));
    }
}
