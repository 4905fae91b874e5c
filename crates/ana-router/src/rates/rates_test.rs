//! The rates of AWS, operation by operation, and what a bucket admits.

use std::time::Duration;

use ana_types::{KinesisError, LimitKind, StreamName};

use super::Rated::{
    AddTagsToStream, CreateStream, DecreaseStreamRetentionPeriod, DeleteResourcePolicy,
    DeleteStream, DeregisterStreamConsumer, DescribeAccountSettings, DescribeLimits,
    DescribeStream, DescribeStreamConsumer, DescribeStreamSummary, DisableEnhancedMonitoring,
    EnableEnhancedMonitoring, GetResourcePolicy, IncreaseStreamRetentionPeriod, ListShards,
    ListStreamConsumers, ListStreams, ListTagsForStream, MergeShards, PutResourcePolicy,
    RegisterStreamConsumer, RemoveTagsFromStream, SplitShard, UpdateAccountSettings,
    UpdateShardCount, UpdateStreamWarmThroughput,
};
use super::{BUCKETS_MAX, FULL_AFTER, Rated, Rates, Scope};

/// As the quota page has it.
const TABLE: [(Rated, u64, Scope); 27] = [
    (AddTagsToStream, 5, Scope::Account),
    (CreateStream, 5, Scope::Account),
    (DecreaseStreamRetentionPeriod, 5, Scope::Stream),
    (DeleteResourcePolicy, 5, Scope::Account),
    (DeleteStream, 5, Scope::Account),
    (DeregisterStreamConsumer, 5, Scope::Stream),
    (DescribeAccountSettings, 5, Scope::Account),
    (DescribeLimits, 1, Scope::Account),
    (DescribeStream, 10, Scope::Account),
    (DescribeStreamConsumer, 20, Scope::Stream),
    (DescribeStreamSummary, 20, Scope::Account),
    (DisableEnhancedMonitoring, 5, Scope::Stream),
    (EnableEnhancedMonitoring, 5, Scope::Stream),
    (GetResourcePolicy, 5, Scope::Account),
    (IncreaseStreamRetentionPeriod, 5, Scope::Stream),
    (ListShards, 1000, Scope::Stream),
    (ListStreamConsumers, 5, Scope::Stream),
    (ListStreams, 5, Scope::Account),
    (ListTagsForStream, 5, Scope::Stream),
    (MergeShards, 5, Scope::Stream),
    (PutResourcePolicy, 5, Scope::Account),
    (RegisterStreamConsumer, 5, Scope::Stream),
    (RemoveTagsFromStream, 5, Scope::Stream),
    (SplitShard, 5, Scope::Stream),
    (UpdateAccountSettings, 5, Scope::Account),
    (UpdateShardCount, 10, Scope::Account),
    (UpdateStreamWarmThroughput, 5, Scope::Account),
];

fn at(ms: u64) -> Duration {
    Duration::from_secs(1000) + Duration::from_millis(ms)
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).expect("a legal name")
}

/// Calls that are admitted of `calls` at one moment.
fn admitted(rates: &mut Rates, what: Rated, stream: Option<&str>, calls: u64, ms: u64) -> u64 {
    let stream = stream.map(name);
    let one = |_| u64::from(rates.spend(what, stream.as_ref(), at(ms)));
    (0..calls).map(one).sum()
}

#[test]
fn every_operation_has_its_rate_and_no_other() {
    let mut rates = Rates::default();
    for (what, per_s, scope) in TABLE {
        assert_eq!(what.rule(), (per_s, scope), "{what:?}");
        let stream = (scope == Scope::Stream).then_some("orders");
        assert_eq!(
            admitted(&mut rates, what, stream, per_s + 3, 0),
            per_s,
            "{what:?}"
        );
        // A half second later a half of it is there again, and after an hour no more than all of it.
        assert_eq!(
            admitted(&mut rates, what, stream, per_s + 3, 500),
            per_s / 2,
            "{what:?}"
        );
        assert_eq!(
            admitted(&mut rates, what, stream, per_s + 3, 3_600_000),
            per_s,
            "{what:?}"
        );
        if stream.is_some() {
            let other = Some("clicks");
            assert_eq!(
                admitted(&mut rates, what, other, per_s + 3, 3_600_000),
                per_s,
                "{what:?}"
            );
        }
    }
}

#[test]
fn refused_calls_cost_nothing() {
    let mut rates = Rates::default();
    assert_eq!(admitted(&mut rates, DescribeLimits, None, 1, 0), 1);
    for ms in 1..1000 {
        assert_eq!(admitted(&mut rates, DescribeLimits, None, 1, ms), 0, "{ms}");
    }
    assert_eq!(admitted(&mut rates, DescribeLimits, None, 1, 1000), 1);
    // A clock that goes back gives nothing.
    assert_eq!(admitted(&mut rates, DescribeLimits, None, 1, 0), 0);
}

#[test]
fn the_counters_are_bounded() {
    let mut rates = Rates::default();
    let later = u64::try_from(FULL_AFTER.as_millis()).expect("small");
    let mut one =
        |what, stream: &str, calls, ms| admitted(&mut rates, what, Some(stream), calls, ms);
    for number in 1..BUCKETS_MAX {
        assert_eq!(one(ListShards, &format!("s{number}"), 1, 0), 1);
    }
    assert_eq!(one(DescribeStreamConsumer, "s1", 30, later - 1), 20);
    // One that is known needs no room, even now that there is none.
    assert_eq!(one(DescribeStreamConsumer, "s1", 30, later - 1), 0);
    // The one used a moment ago is kept; the others were full again and go.
    assert_eq!(one(ListShards, "new", 1, later), 1);
    assert_eq!(one(DescribeStreamConsumer, "s1", 30, later), 0);
    assert_eq!(rates.buckets.len(), 2);
    // When none can go, all go.
    for number in 0..BUCKETS_MAX {
        assert!(rates.buckets.len() <= BUCKETS_MAX);
        admitted(
            &mut rates,
            ListShards,
            Some(&format!("t{number}")),
            1,
            later,
        );
    }
    assert_eq!(rates.buckets.len(), 2);
}

#[test]
fn errors_name_the_operation_and_its_scope() {
    assert_eq!(
        ListStreams.exceeded(None),
        KinesisError::LimitExceeded(LimitKind::AccountRate {
            operation: "ListStreams".to_owned(),
            per_s: 5
        })
    );
    assert_eq!(
        ListShards.exceeded(Some(name("orders"))),
        KinesisError::LimitExceeded(LimitKind::StreamRate {
            operation: "ListShards".to_owned(),
            stream: name("orders"),
            per_s: 1000
        })
    );
}
