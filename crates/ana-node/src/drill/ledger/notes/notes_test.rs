//! Pages of nodes become one ledger on one clock, with holes where pages are missing.

use super::*;

fn page(node: u64, run: u64, now_us: u64) -> LedgerDocument {
    LedgerDocument {
        node,
        on: true,
        run,
        now_us,
        lease_ms: 60_000,
        one_in: 1,
        acknowledged: 0,
        noted: 0,
        open: 0,
        oldest_under_way_us: None,
        puts_dropped: 0,
        reads_dropped: 0,
        puts: Vec::new(),
        reads: Vec::new(),
    }
}

fn put(number: u64, arrived_us: u64) -> PutDocument {
    PutDocument {
        number,
        stream: "orders".to_owned(),
        stream_key: 4,
        shard: Some("shardId-000000000000".to_owned()),
        sequence_number: Some(number.to_string()),
        hash_key: "17".to_owned(),
        content: format!("{number:016x}"),
        arrived_us,
        answered_us: arrived_us + 100,
    }
}

fn read(number: u64, at_us: u64) -> ReadDocument {
    ReadDocument {
        number,
        stream: "orders".to_owned(),
        stream_key: 4,
        shard: "shardId-000000000000".to_owned(),
        reader: "anyone".to_owned(),
        session: None,
        connection: Some("127.0.0.1:9".to_owned()),
        iterator: Some("0a".to_owned()),
        next_iterator: Some("0b".to_owned()),
        begins: Some("TRIM_HORIZON".to_owned()),
        from_position: 0,
        next_position: None,
        first_sequence_number: None,
        last_sequence_number: None,
        count: 0,
        behind_ms: 0,
        asked_us: at_us,
        answered_us: at_us,
    }
}

fn collected() -> Collected {
    Collected::new([1, 2].into_iter(), 1)
}

fn only(collected: &Collected) -> StreamLedger {
    let mut all = collected.ledgers(None);
    assert_eq!(all.len(), 1);
    all.remove(0).ledger
}

#[test]
fn moments_of_nodes_get_bounds_on_the_clock_of_the_runner() {
    let mut it = collected();
    // The runner is 1,000,000 to 1,000,300 us ahead, and a later page says 1,000,200 to 1,000,900.
    let mut first = page(1, 7, 5000);
    first.puts.push(put(1, 4000));
    it.page((1_005_000, 1_005_300), first);
    let mut second = page(1, 7, 9000);
    second.oldest_under_way_us = Some(8000);
    let under_way = it.page((1_009_200, 1_009_900), second);
    assert_eq!(under_way, Some(1_008_200));
    let noted = only(&it).puts.remove(0);
    assert_eq!(noted.arrived_us, 1_004_200);
    assert_eq!(noted.answered_us, 1_004_400);
    let place = noted
        .place
        .map(|(shard, sequence)| (shard, sequence.to_string()));
    let shard = "orders/shardId-000000000000".to_owned();
    assert_eq!(place, Some((shard, "1".to_owned())));
    // Clocks that ran apart say nothing.
    it.page((1_020_000, 1_020_100), page(1, 7, 10_000));
    let noted = only(&it).puts.remove(0);
    assert_eq!((noted.arrived_us, noted.answered_us), (0, u64::MAX));
}

#[test]
fn a_note_is_kept_once_and_a_stream_s_last_life_alone() {
    let mut it = collected();
    let mut one = page(1, 7, 10);
    one.puts = vec![put(1, 1), put(2, 2)];
    it.page((10, 11), one);
    assert_eq!(it.asked_to(1), (2, 0));
    let mut again = page(1, 7, 20);
    again.puts = vec![put(2, 2), put(3, 3)];
    it.page((20, 21), again);
    assert_eq!(only(&it).puts.len(), 3);
    let mut reborn = page(2, 8, 20);
    let later = PutDocument {
        stream_key: 5,
        ..put(1, 4)
    };
    reborn.puts = vec![later];
    it.page((20, 21), reborn);
    assert_eq!(only(&it).puts.len(), 1);
    assert_eq!(it.streams(), ["orders"]);
}

#[test]
fn what_was_not_collected_is_a_hole() {
    let mut it = collected();
    it.page((0, 10), page(1, 7, 0));
    it.page((20, 30), page(2, 8, 0));
    // Until all nodes noted, and were over what they had begun, copies are nobody's fault.
    let mut noting = page(1, 7, 40);
    noting.reads = vec![read(1, 40)];
    it.page((40, 50), noting.clone());
    let ledger = only(&it);
    assert_eq!(ledger.all_on_us, 30 + UNDER_WAY_US);
    assert_eq!(ledger.holes, [(0, 10), (0, 30)]);
    assert!(it.missing().is_empty());
    // Its node was started again.
    it.page((60, 70), page(2, 9, 0));
    // Its ring was full.
    noting.reads_dropped = 5;
    it.page((80, 90), noting);
    it.ended(1, true, 100);
    it.ended(2, false, 110);
    let ledger = only(&it);
    assert_eq!(ledger.holes[2..], [(30, 70), (50, 90), (70, u64::MAX)]);
    assert_eq!((it.missing().len(), ledger.ended_us), (3, 110));
    assert!(!ledger.has_every_put());
}

#[test]
fn what_the_runner_reads_is_no_consumer() {
    let mut it = collected();
    let mut noting = page(1, 7, 100);
    noting.reads = vec![read(1, 40), read(2, 90)];
    it.page((100, 100), noting);
    it.reads_end(60);
    let ledger = only(&it);
    let asked: Vec<u64> = ledger.deliveries.iter().map(|each| each.asked_us).collect();
    assert_eq!((asked, ledger.reads_end_us), (vec![40], 60));
    assert_eq!(ledger.deliveries[0].next, END);
}

#[test]
fn a_node_that_was_never_heard_of_lets_nobody_be_blamed_for_copies() {
    let mut it = collected();
    let mut noting = page(1, 7, 100);
    noting.reads = vec![read(1, 40)];
    it.page((100, 100), noting);
    assert_eq!(only(&it).all_on_us, u64::MAX);
}
