//! Puts and gets in, rates and gaps out.

use super::*;

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn value(samples: &[(Metric, u64)], metric: Metric) -> Option<u64> {
    let mut found = samples.iter().filter(|(each, _)| *each == metric);
    found.next().map(|(_, value)| *value)
}

#[test]
fn nothing_answered_is_nothing_said() {
    assert_eq!(Meter::default().sample(ms(500)), []);
}

#[test]
fn a_rate_is_that_of_the_last_second() {
    let mut meter = Meter::default();
    meter.put_answers(ms(100), 3, 1);
    assert_eq!(
        value(&meter.sample(ms(200)), Metric::PutSuccessRate),
        Some(75_000)
    );
    meter.put_answers(ms(900), 6, 0);
    assert_eq!(
        value(&meter.sample(ms(1000)), Metric::PutSuccessRate),
        Some(90_000)
    );
    let later = meter.sample(ms(1500));
    assert_eq!(value(&later, Metric::PutSuccessRate), Some(100_000));
    assert_eq!(value(&later, Metric::PutUnavailable), Some(600_000));
    let silent = meter.sample(ms(5000));
    assert_eq!(value(&silent, Metric::PutSuccessRate), None);
    assert_eq!(value(&silent, Metric::PutUnavailable), Some(4_100_000));
    assert_eq!(meter.acked(), 9);
}

#[test]
fn the_gap_of_the_worst_shard_counts_open_or_ended() {
    let mut meter = Meter::default();
    let gap = |meter: &mut Meter, now| value(&meter.sample(ms(now)), Metric::WriteGap);
    for shard in ["s0", "s1"] {
        meter.acknowledged(ms(100), shard, ms(5));
    }
    assert!(meter.take_new_shard() && !meter.take_new_shard());
    meter.acknowledged(ms(300), "s0", ms(5));
    assert_eq!(gap(&mut meter, 350), Some(250_000), "s1 is open");
    meter.acknowledged(ms(900), "s1", ms(5));
    meter.acknowledged(ms(910), "s0", ms(5));
    assert_eq!(gap(&mut meter, 950), Some(800_000), "s1's ended");
    assert_eq!(gap(&mut meter, 960), Some(60_000), "told once");
    // s1 was split: nobody waits for it.
    meter.acknowledged(ms(5000), "s0", ms(5));
    assert_eq!(gap(&mut meter, 5000), Some(4_100_000));
    meter.keep_open(&BTreeSet::from(["s0".to_owned()]));
    assert_eq!(gap(&mut meter, 5100), Some(100_000));
}

#[test]
fn a_shard_whose_puts_fail_is_unwritable_until_the_next_one_is_acknowledged() {
    let mut meter = Meter::default();
    meter.acknowledged(ms(100), "s0", ms(5));
    meter.put_failed("s0");
    assert_eq!(meter.unwritable(ms(1000)), BTreeSet::new());
    let s0 = BTreeSet::from(["s0".to_owned()]);
    assert_eq!(meter.unwritable(ms(1200)), s0);
    meter.acknowledged(ms(1300), "s0", ms(5));
    assert_eq!(meter.unwritable(ms(9000)), BTreeSet::new());
}

#[test]
fn percentiles_forget_after_five_seconds_but_not_those_of_a_fault() {
    let mut meter = Meter::default();
    meter.begin(4);
    meter.acknowledged(ms(500), "s0", ms(2000));
    for at in 1000..1500 {
        meter.acknowledged(ms(at), "s0", ms(10));
    }
    let p99 = |meter: &mut Meter, now| value(&meter.sample(ms(now)), Metric::PutP99);
    let fast = p99(&mut meter, 2000).expect("puts");
    assert!(
        (10_000..11_000).contains(&fast),
        "{fast}: one of 500 is not the percentile"
    );
    for at in 0..10 {
        meter.acknowledged(ms(2000 + at), "s0", ms(800));
    }
    let slow = p99(&mut meter, 3000).expect("puts");
    assert!((800_000..830_000).contains(&slow), "{slow}");
    assert_eq!(p99(&mut meter, 9000), None);
    let during = meter.end(4).expect("puts");
    assert!((800_000..830_000).contains(&during), "{during}");
    assert_eq!(meter.end(4), None);
}

#[test]
fn lag_grows_without_answers_and_ends_with_the_shard() {
    let mut meter = Meter::default();
    meter.reading(ms(0), 0, "s0");
    meter.reading(ms(0), 1, "s0");
    assert_eq!(meter.got(ms(300), (0, "s0"), ms(5), ms(200)), ms(300));
    assert_eq!(meter.got(ms(1300), (1, "s0"), ms(5), Span::ZERO), ms(1300));
    let lag = |meter: &mut Meter, now| value(&meter.sample(ms(now)), Metric::ConsumerLag);
    assert_eq!(lag(&mut meter, 1300), Some(1_200_000));
    assert_eq!(meter.lag(ms(1400), 1), Some(ms(100)));
    meter.read_out(0, "s0");
    assert_eq!(lag(&mut meter, 2000), Some(700_000));
    meter.get_failed(ms(2100));
    let samples = meter.sample(ms(2200));
    assert_eq!(value(&samples, Metric::GetSuccessRate), Some(50_000));
    assert_eq!(value(&samples, Metric::ReadGap), Some(900_000));
}
