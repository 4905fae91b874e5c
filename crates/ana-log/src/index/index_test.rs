//! The index against the plain list of what was put into it.

use proptest::prelude::*;

use super::*;

fn id(index: u64) -> EntryId {
    EntryId {
        term: 3,
        node: 1,
        index,
    }
}

fn mark(key: u32, time_ms: u64) -> (Mark, u32) {
    let mark = Mark {
        key,
        count: 1,
        offset: 0,
        len: 10,
        time_ms,
    };
    (mark, key + 7)
}

fn filled(first: u64, count: u64) -> SegmentIndex {
    let mut index = SegmentIndex::new(0);
    for place in first..first + count {
        let at = narrow(usize::try_from(place - first).expect("small") * 100);
        let marks = [
            mark(0, place),
            mark(u32::try_from(place % 3).expect("small"), place),
        ];
        index.push(id(place), (at, 100), at + 60, marks);
    }
    index
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_footer_comes_back(first in 0_u64..1000, count in 0_u64..50, cut in 0_u64..1100) {
        let mut index = filled(first, count);
        index.truncate(cut);
        let bytes = index.encode();
        prop_assert_eq!(bytes.len() as u64, index.footer_bytes(0, 0));
        let mut back = SegmentIndex::decode(&bytes).expect("decodes");
        // The largest time may be one of an entry that was truncated.
        prop_assert!(back.max_time_ms <= index.max_time_ms);
        back.max_time_ms = index.max_time_ms;
        prop_assert_eq!(&back, &index);
        for len in (0..bytes.len()).step_by(13) {
            prop_assert!(SegmentIndex::decode(&bytes[..len]).is_none());
        }
        let summary = Summary::of(&index, 400, 88);
        let mut out = Vec::new();
        summary.encode(&mut out);
        let mut fields = Take(&out);
        prop_assert_eq!(Summary::decode(&mut fields), Some(summary));
        prop_assert!(fields.is_empty());
    }
}

#[test]
fn truncation_forgets_entries_and_their_ranges() {
    let mut index = filled(10, 20);
    index.truncate(15);
    assert_eq!((index.first, index.end()), (10, 15));
    assert_eq!(
        index.cut_before,
        u64::MAX,
        "earlier segments are not concerned"
    );
    assert!(index.keys.values().flatten().all(|slot| slot.index < 15));
    index.truncate(4);
    assert_eq!((index.first, index.end(), index.cut_before), (4, 4, 4));
    assert!(index.keys.is_empty());
    index.push(id(4), (0, 100), 60, [mark(1, 1)]);
    index.truncate(50);
    assert_eq!((index.first, index.end(), index.cut_before), (4, 5, 4));
}

#[test]
fn a_purge_beyond_the_last_lets_the_next_entry_stand_at_a_distance() {
    let mut index = filled(10, 20);
    index.purge(20);
    assert_eq!(index.end(), 30, "a part is only hidden");
    index.purge(99);
    assert_eq!((index.first, index.end()), (100, 100));
    index.push(id(100), (0, 100), 60, []);
    assert_eq!(index.id(100), Some(id(100)));
    assert_eq!(index.id(99), None);
}

#[test]
fn ranges_are_found_by_key_and_index() {
    let index = filled(10, 9);
    let found = |key, from, end| -> Vec<u64> {
        index
            .key_slots(key, from, end)
            .iter()
            .map(|slot| slot.index)
            .collect()
    };
    assert_eq!(found(1, 0, 100), [10, 13, 16]);
    assert_eq!(found(1, 11, 16), [13]);
    assert_eq!(found(2, 12, 12), [0; 0]);
    assert_eq!(found(9, 0, 100), [0; 0]);
}
