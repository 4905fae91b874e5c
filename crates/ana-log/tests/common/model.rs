//! The log as it ought to be: a list, with every state it ever had.

use ana_log::{EntryId, KeyBatch, Log, LogBounds, LogEntry, Mark};
use bytes::Bytes;

use super::all;

/// What a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) purged: Option<EntryId>,
    pub(crate) last: Option<EntryId>,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) vote: Option<Bytes>,
}

impl Model {
    pub(crate) async fn of(log: &Log) -> Self {
        let LogBounds { purged, last } = log.bounds();
        Self {
            purged,
            last,
            entries: all(log).await,
            vote: log.vote(),
        }
    }

    pub(crate) fn next_index(&self) -> u64 {
        self.last.map_or(1, |last| last.index + 1)
    }

    pub(crate) fn append(&mut self, entry: LogEntry) {
        self.last = Some(entry.id);
        self.entries.push(entry);
    }

    pub(crate) fn truncate(&mut self, keep: Option<u64>) {
        let keep = keep.unwrap_or(0);
        self.entries.retain(|entry| entry.id.index <= keep);
        self.last = self.entries.last().map(|entry| entry.id).or(self.purged);
    }

    pub(crate) fn purge(&mut self, id: EntryId) {
        if self.purged.is_some_and(|purged| purged.index >= id.index) {
            return;
        }
        self.entries.retain(|entry| entry.id.index > id.index);
        self.purged = Some(id);
        if self.entries.is_empty() {
            self.last = Some(id);
        }
    }

    fn ranges(&self, key: u32) -> impl Iterator<Item = (u64, Mark, Bytes)> {
        self.entries.iter().flat_map(move |entry| {
            let marks = entry.marks.iter().filter(move |mark| mark.key == key);
            marks.map(|mark| {
                let range = mark.offset as usize..(mark.offset + mark.len) as usize;
                (entry.id.index, *mark, entry.payload.slice(range))
            })
        })
    }

    /// Compares every way of reading with the list.
    pub(crate) async fn check_reads(&self, log: &Log, keys: u32) {
        for key in 0..keys {
            let ranges: Vec<_> = self.ranges(key).collect();
            let (from, upto) = (self.entries.first(), self.last);
            let upto = upto.map_or(0, |id| id.index);
            let middle = u64::midpoint(from.map_or(0, |entry| entry.id.index), upto);
            for (from, upto, bytes) in [(0, u64::MAX, 700), (0, middle, 1), (middle, upto, 5000)] {
                let got = read_all_of_key(log, key, from, upto, bytes).await;
                let within = ranges
                    .iter()
                    .filter(|(index, ..)| (from..=upto).contains(index));
                let expected: Vec<_> = within
                    .map(|(index, mark, body)| KeyBatch {
                        index: *index,
                        mark: *mark,
                        body: body.clone(),
                    })
                    .collect();
                assert_eq!(got, expected, "key {key} from {from} upto {upto}");
            }
            for upto in [upto, middle] {
                let within = || ranges.iter().filter(|(index, ..)| *index <= upto);
                let place = |range: Option<&(u64, Mark, Bytes)>| range.map(|r| (r.0, r.1));
                let first = log.first_of_key(key, upto).await.expect("readable");
                assert_eq!(
                    first,
                    place(within().next()),
                    "first of key {key} upto {upto}"
                );
                let last = log.last_of_key(key, upto).await.expect("readable");
                let expected_last = place(within().last());
                assert_eq!(
                    last.map(|(index, _)| index),
                    expected_last.map(|(index, _)| index),
                    "last of key {key} upto {upto}"
                );
                for time_ms in (0..2000).step_by(333) {
                    let expected = within().find(|(_, mark, _)| mark.time_ms >= time_ms);
                    let got = log.seek_time(key, time_ms, upto).await.expect("readable");
                    assert_eq!(got, expected.map(|(index, ..)| *index), "time {time_ms}");
                }
            }
        }
        for entry in &self.entries {
            let got = log.entry_id(entry.id.index).await.expect("readable");
            assert_eq!(got, Some(entry.id));
        }
    }
}

async fn read_all_of_key(
    log: &Log,
    key: u32,
    from: u64,
    upto: u64,
    max_bytes: usize,
) -> Vec<KeyBatch> {
    let mut next = from;
    let mut batches = Vec::new();
    loop {
        let read = log
            .read_key(key, next, upto, max_bytes)
            .await
            .expect("readable");
        assert!(read.next_index >= next, "a scan never goes back");
        let done = read.batches.is_empty();
        if let (Some(first), Some(last)) = (read.batches.first(), read.batches.last()) {
            assert!(first.index >= next && read.next_index > last.index);
            let bytes: usize = read.batches.iter().map(|batch| batch.body.len()).sum();
            assert!(
                bytes <= max_bytes || first.index == last.index,
                "bounded by bytes"
            );
        }
        next = read.next_index;
        batches.extend(read.batches);
        if done {
            return batches;
        }
    }
}
