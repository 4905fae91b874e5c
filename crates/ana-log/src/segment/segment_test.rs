//! Headers come back whole or not at all; names are told apart.

use proptest::prelude::*;

use super::*;
use crate::index::KeySummary;

fn headers() -> impl Strategy<Value = Header> {
    let id = || {
        let id = (any::<u64>(), any::<u64>(), any::<u64>());
        prop::option::of(id.prop_map(|(term, node, index)| EntryId { term, node, index }))
    };
    let vote = prop::option::of(prop::collection::vec(any::<u8>(), 0..100));
    let keys = prop::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..200);
    let previous = prop::option::of((any::<u64>(), any::<[u64; 4]>(), any::<[u32; 2]>(), keys));
    (any::<[u64; 2]>(), id(), id(), id(), vote, previous).prop_map(
        |([segment, generation], purged, last, committed, vote, previous)| Header {
            id: segment,
            generation,
            base: Base {
                purged,
                last,
                committed,
                vote: vote.map(Bytes::from),
            },
            previous: previous.map(|(generation, numbers, places, keys)| Previous {
                generation,
                summary: Summary {
                    first: numbers[0],
                    end: numbers[1],
                    cut_before: numbers[2],
                    footer_at: places[0],
                    footer_len: places[1],
                    max_time_ms: numbers[3],
                    keys: keys
                        .into_iter()
                        .map(|(key, first, last)| KeySummary {
                            key,
                            first,
                            last,
                            max_time_ms: first,
                        })
                        .collect(),
                },
            }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_header_comes_back(header in headers()) {
        prop_assert_eq!(Header::decode(&header.encode()), Some(header));
    }

    #[test]
    fn a_changed_header_does_not(header in headers(), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = header.encode();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Header::decode(&bytes), None);
    }
}

#[test]
fn names_are_told_apart() {
    for (name, expected) in [
        (segment_name(0x1f), FileName::Segment(0x1f)),
        (spare_name(3), FileName::Spare(3)),
        (snapshot_name(77), FileName::Snapshot(77)),
        (
            format!("{}.unfinished", snapshot_name(77)),
            FileName::Unfinished,
        ),
        ("reserve".to_owned(), FileName::Reserve),
        (format!("corrupt-{}", segment_name(1)), FileName::SetAside),
        ("segment-1".to_owned(), FileName::Unknown),
        ("notes.txt".to_owned(), FileName::Unknown),
    ] {
        assert_eq!(classify(&name), expected, "{name}");
    }
}
