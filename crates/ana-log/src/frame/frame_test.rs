//! Frames come back as they were written, at their own place only, and no bit may change.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn entries() -> impl Strategy<Value = LogEntry> {
    let payload = prop::collection::vec(any::<u8>(), 0..2500);
    let cuts = prop::collection::vec((any::<u32>(), any::<u32>(), any::<u64>()), 0..6);
    let ids = (any::<u64>(), any::<u64>(), any::<u64>());
    (payload, cuts, ids, any::<u8>(), any::<bool>()).prop_map(
        |(payload, cuts, (term, node, index), kind, in_order)| {
            let len = narrow(payload.len());
            let mut marks: Vec<Mark> = cuts
                .into_iter()
                .map(|(key, place, time_ms)| {
                    let offset = place % (len + 1);
                    Mark {
                        key: key % 3,
                        count: key,
                        offset,
                        len: (len - offset) / 3,
                        time_ms,
                    }
                })
                .collect();
            if in_order {
                marks.sort_by_key(|mark| mark.offset);
            }
            LogEntry {
                id: EntryId { term, node, index },
                kind,
                marks: Arc::from(marks),
                payload: payload.into(),
            }
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    let id = (any::<u64>(), any::<u64>(), any::<u64>());
    let id = id.prop_map(|(term, node, index)| EntryId { term, node, index });
    let bytes = || prop::collection::vec(any::<u8>(), 0..2500).prop_map(Bytes::from);
    prop_oneof![
        entries().prop_map(Record::Entry),
        bytes().prop_map(Record::Vote),
        prop::option::of(id.clone()).prop_map(Record::Truncate),
        id.clone().prop_map(Record::Purge),
        prop::option::of(id).prop_map(Record::Committed),
        bytes().prop_map(Record::Footer),
        Just(Record::Settled),
    ]
}

fn join(pieces: &[Bytes]) -> Bytes {
    pieces.concat().into()
}

fn decode(bytes: &Bytes, generation: u64, at: u32) -> Option<Record> {
    let head = Head::parse(bytes, generation, at)?;
    head.record(head.payload(bytes)?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_was_written_is_read(records in prop::collection::vec(records(), 1..6), start in 0_u32..100_000) {
        let start = start.next_multiple_of(8);
        let mut encoder = Encoder::new(0x1234_5678_9abc_def0, start, 4096);
        let written: Vec<Written> = records.iter().map(|record| encoder.push(record)).collect();
        let (end, pieces) = encoder.finish();
        let bytes = join(&pieces);
        prop_assert_eq!(u64::from(end - start), bytes.len() as u64);
        for (record, written) in records.iter().zip(written) {
            prop_assert_eq!(u64::from(written.len), record.frame_bytes());
            let from = (written.at - start) as usize;
            let frame = bytes.slice(from..from + written.len as usize);
            let back = decode(&frame, 0x1234_5678_9abc_def0, written.at);
            prop_assert_eq!(format!("{back:?}"), format!("{:?}", Some(record)));
            prop_assert!(decode(&frame, 0x1234_5678_9abc_def1, written.at).is_none());
            prop_assert!(decode(&frame, 0x0234_5678_9abc_def0, written.at).is_none());
            prop_assert!(decode(&frame, 0x1234_5678_9abc_def0, written.at + 8).is_none());
            if let Record::Entry(entry) = record {
                for (mark, sum) in entry.marks.iter().zip(&written.mark_sums) {
                    let body = (written.body_at(entry.marks.len()) - start + mark.offset) as usize;
                    prop_assert!(range_is_intact(&bytes[body..body + mark.len as usize], *sum));
                }
            }
        }
    }

    #[test]
    fn a_changed_bit_is_noticed(record in records(), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut encoder = Encoder::new(77, 8, 0);
        let written = encoder.push(&record);
        let mut bytes = join(&encoder.finish().1).to_vec();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let parts = record.parts();
        let meaningful = HEAD_BYTES + parts.marks.len() * MARK_BYTES + parts.payload.len();
        let back = decode(&bytes.into(), 77, written.at);
        // What is left of a frame is zeros that nobody reads.
        prop_assert_eq!(back.is_some(), at >= meaningful);
    }

    #[test]
    fn bytes_of_others_never_make_a_frame(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        prop_assert!(decode(&bytes, 3, 0).is_none());
    }
}

#[test]
fn the_layout_of_a_frame() {
    let entry = LogEntry {
        id: EntryId {
            term: 5,
            node: 2,
            index: 9,
        },
        kind: 3,
        marks: Arc::from([Mark {
            key: 7,
            count: 1,
            offset: 1,
            len: 2,
            time_ms: 1000,
        }]),
        payload: Bytes::from_static(b"abc"),
    };
    let mut encoder = Encoder::new(0x1122_3344_5566_7788, 4096, 4000);
    encoder.push(&Record::Entry(entry));
    let bytes = join(&encoder.finish().1);
    let hex: Vec<String> = bytes
        .chunks(8)
        .map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    // As in format.md: a change here is a change of the format.
    expect_test::expect![[r#"
        88776655ef753450
        03000000b73f4b36
        0103000001000000
        a00f000000000000
        0500000000000000
        0200000000000000
        0900000000000000
        0700000001000000
        0100000002000000
        e803000000000000
        ac022e2461626300"#]]
    .assert_eq(&hex.join("\n"));
}
