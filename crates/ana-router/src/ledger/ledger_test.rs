//! A ledger notes what it should while it is on, and nothing else.

use ana_env::memory::{SeededRng, TokioClock};
use ana_types::{Position, SequenceNumber, ShardIndex};
use bytes::Bytes;

use super::*;

fn placed(position: u64) -> Placed {
    Placed {
        shard: ShardIndex(0),
        sequence: SequenceNumber {
            created_s: 1,
            shard: ShardIndex(0),
            position: Position(position),
            time_s: 2,
        },
        encrypted: false,
    }
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).expect("a name")
}

fn records(count: u8) -> Vec<(HashKey, Record)> {
    let record = |number| Record {
        partition_key: Bytes::from_static(b"key"),
        data: Bytes::copy_from_slice(&[number]),
        encrypted: false,
    };
    (0..count)
        .map(|number| (HashKey(u128::from(number)), record(number)))
        .collect()
}

fn watched() -> Watched {
    Watched {
        one_in: 1,
        seed: 7,
        streams: BTreeSet::new(),
    }
}

const LEASE: Duration = Duration::from_secs(30);

fn put(ledger: &Arc<Ledger>, outcomes: &[Outcome]) -> bool {
    let count = u8::try_from(outcomes.len()).expect("a few");
    let begun = ledger.begin((StreamKey(1), &name("orders")), &records(count));
    let is_noted = begun.is_some();
    if let Some(begun) = begun {
        begun.settle(outcomes.iter().copied());
    }
    is_noted
}

fn page(ledger: &Ledger) -> Page {
    ledger.page((0, 0), usize::MAX).expect("it is on")
}

fn ledger() -> Arc<Ledger> {
    let clock = Arc::new(TokioClock::new(1_767_225_600_000));
    Arc::new(Ledger::new(clock, Arc::new(SeededRng::new(3))))
}

#[tokio::test(start_paused = true)]
async fn off_it_notes_nothing_and_on_it_notes_what_may_be_written() {
    let ledger = ledger();
    assert!(!put(&ledger, &[Outcome::Placed(placed(1))]));
    assert_eq!(ledger.page((0, 0), 9), None);
    ledger.switch_on(watched(), LEASE);
    let outcomes = [
        Outcome::Placed(placed(5)),
        Outcome::NotWritten,
        Outcome::Open,
    ];
    assert!(put(&ledger, &outcomes));
    let page = page(&ledger);
    let told = page.puts.iter().map(|(number, put)| {
        let at = put.placed.map(|placed| placed.sequence.position.0);
        (*number, at, put.hash_key.0)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(1, Some(5), 0), (2, None, 2)]);
    assert_eq!(page.puts[0].1.content, content_hash(b"key", &[0]));
    assert_ne!(page.puts[0].1.content, page.puts[1].1.content);
    let counts = Counts {
        acknowledged: 1,
        noted: 1,
        open: 1,
        reads: 0,
    };
    assert_eq!((page.counts, page.oldest_under_way_us), (counts, None));
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_dropped_on_its_way_stays_open() {
    let ledger = ledger();
    ledger.switch_on(watched(), LEASE);
    let begun = ledger.begin((StreamKey(1), &name("orders")), &records(2));
    let under_way = page(&ledger);
    assert!(under_way.oldest_under_way_us.is_some() && under_way.puts.is_empty());
    drop(begun);
    let page = page(&ledger);
    assert_eq!((page.puts.len(), page.counts.open), (2, 2));
    assert_eq!(page.oldest_under_way_us, None);
}

#[tokio::test(start_paused = true)]
async fn the_lease_ends_it_and_whoever_comes_again_sees_that() {
    let ledger = ledger();
    ledger.switch_on(watched(), LEASE);
    put(&ledger, &[Outcome::Placed(placed(5))]);
    let first = page(&ledger);
    ana_env::time::sleep(LEASE / 2).await;
    ledger.switch_on(watched(), LEASE);
    assert_eq!(
        page(&ledger).run,
        first.run,
        "renewed, and nothing forgotten"
    );
    assert_eq!(page(&ledger).puts.len(), 1);
    ana_env::time::sleep(LEASE).await;
    assert!(!put(&ledger, &[Outcome::Placed(placed(6))]));
    assert!(!ledger.is_on());
    ledger.switch_on(watched(), LEASE);
    let again = page(&ledger);
    assert_ne!(again.run, first.run);
    assert_eq!(again.puts, []);
    ledger.switch_off();
    assert_eq!(ledger.page((0, 0), 9), None);
}

#[tokio::test(start_paused = true)]
async fn samples_are_drawn_by_the_seed_and_streams_by_name() {
    let ledger = ledger();
    let drawn = |seed: u64| {
        ledger.switch_on(
            Watched {
                one_in: 4,
                seed,
                streams: BTreeSet::from([name("orders")]),
            },
            LEASE,
        );
        for position in 0..1000 {
            put(&ledger, &[Outcome::Placed(placed(position))]);
        }
        let page = page(&ledger);
        assert_eq!(page.counts.acknowledged, 1000);
        let drawn = page.puts.into_iter().filter_map(|(_, put)| put.placed);
        let drawn: Vec<u64> = drawn.map(|placed| placed.sequence.position.0).collect();
        assert!((150..350).contains(&drawn.len()), "{}", drawn.len());
        drawn
    };
    let (one, other) = (drawn(1), drawn(2));
    assert_ne!(one, other);
    assert_eq!(drawn(1), one);
    let begun = ledger.begin((StreamKey(2), &name("others")), &records(1));
    assert!(begun.is_none());
}

#[test]
fn a_full_ring_drops_the_oldest_and_counts_it() {
    let mut ring = Ring::new(3);
    for note in 1..=5 {
        ring.push(note);
    }
    assert_eq!(ring.dropped(), 2);
    assert_eq!(ring.after(0, 9), [(3, 3), (4, 4), (5, 5)]);
    assert_eq!(ring.after(3, 1), [(4, 4)]);
    assert_eq!(ring.after(5, 9), []);
}
