//! Filters and pages over one stream with a split and a merge behind it.

use std::collections::BTreeMap;

use ana_state::meta::{Scaling, StreamSettings, StreamState};
use ana_types::{
    GroupId, HashKey, HashRange, KinesisError, Position, SequenceNumber, ShardClosed,
    ShardFilterKind, ShardIndex, ShardInfo, StreamKey, StreamMode, StreamName, StreamStatus,
};

use super::{check_filter, page};
use crate::ops::{CheckedFilter, ShardFilter};
use crate::streams::page_size;

const HOUR_MS: u64 = 3_600_000;
/// The stream is made at hour 100.
const T0: u64 = 100 * HOUR_MS;

fn shard(
    index: u32,
    parents: (Option<u32>, Option<u32>),
    (created_ms, closed_ms): (u64, Option<u64>),
    (start, end): (u128, u128),
) -> ShardInfo {
    let shard = ShardIndex(index);
    ShardInfo {
        shard,
        parent: parents.0.map(ShardIndex),
        adjacent_parent: parents.1.map(ShardIndex),
        range: HashRange {
            start: HashKey(start),
            end: HashKey(end),
        },
        group: GroupId(1),
        created_ms,
        created_s: created_ms / 1000,
        closed: closed_ms.map(|closed_ms| ShardClosed {
            closed_ms,
            ending: SequenceNumber::end_of_shard(created_ms / 1000, shard, closed_ms / 1000),
            end_position: Position(9),
        }),
    }
}

/// Shards 0 and 1; 0 is split into 2 and 3 at +10 h; 3 (closed at +20 h) and 1 (closed 5 ms later) merge into 4.
fn stream() -> StreamState {
    let (h10, h20) = (T0 + 10 * HOUR_MS, T0 + 20 * HOUR_MS);
    let max = u128::MAX;
    let shards = [
        shard(0, (None, None), (T0, Some(h10)), (0, 99)),
        shard(1, (None, None), (T0, Some(h20 + 5)), (100, max)),
        shard(2, (Some(0), None), (h10, None), (0, 49)),
        shard(3, (Some(0), None), (h10, Some(h20)), (50, 99)),
        shard(4, (Some(3), Some(1)), (h20 + 5, None), (50, max)),
    ];
    StreamState {
        key: StreamKey(7),
        name: StreamName::new("s").expect("a name"),
        status: StreamStatus::Active,
        mode: StreamMode::Provisioned,
        created_ms: T0 - 40,
        retention_hours: 24,
        max_record_kib: 1024,
        tags: BTreeMap::new(),
        shards: shards.into_iter().map(|info| (info.shard, info)).collect(),
        groups: vec![GroupId(1)],
        next_shard: ShardIndex(5),
        pending: None,
        consumers: BTreeMap::new(),
        settings: StreamSettings::default(),
        scaling: Scaling::default(),
    }
}

fn listed(filter: CheckedFilter, now_ms: u64) -> Vec<u32> {
    page(&stream(), filter, None, 1000, now_ms - 24 * HOUR_MS)
        .shards
        .iter()
        .map(|info| info.shard.0)
        .collect()
}

#[test]
fn filters() {
    use CheckedFilter::{AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon};
    let at = |hours: u64| T0 + hours * HOUR_MS;
    let table: &[(CheckedFilter, u64, &[u32])] = &[
        (FromTrimHorizon, at(21), &[0, 1, 2, 3, 4]),
        (AtLatest, at(21), &[2, 4]),
        (AtTrimHorizon, at(21), &[0, 1]),
        // At hour 35 the horizon is hour 11: shard 0 has expired.
        (FromTrimHorizon, at(35), &[1, 2, 3, 4]),
        (AtTrimHorizon, at(35), &[1, 2, 3]),
        (AtTimestamp(0), at(35), &[1, 2, 3]),
        (AtTimestamp(at(9)), at(21), &[0, 1]),
        (AtTimestamp(at(10)), at(21), &[1, 2, 3]),
        // Between the closing of the two parents of the merge, both still count.
        (AtTimestamp(at(20) + 2), at(21), &[1, 2, 3]),
        (AtTimestamp(at(20) + 5), at(21), &[2, 4]),
        (AtTimestamp(at(99)), at(21), &[2, 4]),
        (FromTimestamp(0), at(21), &[0, 1, 2, 3, 4]),
        (FromTimestamp(at(10)), at(21), &[0, 1, 2, 3, 4]),
        (FromTimestamp(at(10) + 1), at(21), &[1, 2, 3, 4]),
        (FromTimestamp(at(21)), at(21), &[2, 4]),
        (FromTimestamp(0), at(35), &[1, 2, 3, 4]),
    ];
    for (filter, now_ms, expected) in table {
        assert_eq!(
            listed(*filter, *now_ms),
            *expected,
            "{filter:?} at {now_ms}"
        );
    }
}

#[test]
fn moments_tile_the_hash_space() {
    let stream = stream();
    for minute in 0..1500 {
        let filter = CheckedFilter::AtTimestamp(T0 + minute * 60_000);
        let mut shards = page(&stream, filter, None, 1000, T0 - 3 * HOUR_MS).shards;
        shards.sort_by_key(|info| info.range.start);
        assert_eq!(
            shards.first().map(|info| info.range.start),
            Some(HashKey::MIN)
        );
        assert_eq!(shards.last().map(|info| info.range.end), Some(HashKey::MAX));
        for pair in shards.windows(2) {
            assert!(
                pair[0].range.is_followed_by(&pair[1].range),
                "minute {minute}"
            );
        }
    }
}

#[test]
fn pages_follow_each_other() {
    let stream = stream();
    let cutoff_ms = T0 - 3 * HOUR_MS;
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = page(&stream, CheckedFilter::FromTrimHorizon, after, 2, cutoff_ms);
        seen.push(
            page.shards
                .iter()
                .map(|info| info.shard.0)
                .collect::<Vec<_>>(),
        );
        let Some(next) = page.next else { break };
        assert_eq!(next.stream, StreamKey(7));
        after = Some(next.after);
    }
    assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
    // A page that is exactly full has no next one.
    assert_eq!(
        page(&stream, CheckedFilter::AtLatest, None, 2, cutoff_ms).next,
        None
    );
}

#[test]
fn page_sizes() {
    for (asked, size) in [
        (None, 1000),
        (Some(1), 1),
        (Some(10_000), 1000),
        (Some(0), 1),
    ] {
        assert_eq!(page_size(asked, 1000), size, "{asked:?}");
    }
}

#[test]
fn filters_need_their_facts() {
    let name = StreamName::new("s").expect("a name");
    let filter = |kind, shard_id: Option<&str>, timestamp_ms| ShardFilter {
        kind,
        shard_id: shard_id.map(str::to_owned),
        timestamp_ms,
    };
    let check = |it: ShardFilter, after| check_filter(Some(&it), after, &name);
    let kind = ShardFilterKind::AfterShardId;
    assert_eq!(
        check(filter(kind, None, None), None),
        Err(KinesisError::FilterNeedsShardId { filter: kind })
    );
    assert_eq!(
        check(filter(kind, Some("shardId-000000000002"), None), None),
        Ok((CheckedFilter::FromTrimHorizon, Some(ShardIndex(2))))
    );
    assert!(matches!(
        check(filter(kind, Some("shardId-x"), None), None),
        Err(KinesisError::ShardIdUnparsable { .. })
    ));
    for kind in [ShardFilterKind::AtTimestamp, ShardFilterKind::FromTimestamp] {
        assert_eq!(
            check(filter(kind, None, None), None),
            Err(KinesisError::FilterNeedsTimestamp { filter: kind })
        );
    }
    assert_eq!(
        check_filter(None, Some(ShardIndex(1)), &name),
        Ok((CheckedFilter::FromTrimHorizon, Some(ShardIndex(1))))
    );
}
