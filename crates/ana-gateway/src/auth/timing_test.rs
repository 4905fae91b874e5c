//! How long a wrong signature takes to be refused does not say where it is wrong: of the comparison alone, and of the
//! whole verifier.
//!
//! By the wall clock, on whatever machine: the two kinds of sample come in random order, the slower half of each (where
//! the machine was busy with something else) is left out, and a difference counts when it shows three times running. A
//! comparison that stops at the first difference is measured the same way, and has to show.

use std::hint::black_box;
use std::time::Duration;

use ana_env::memory::SeededRng;
use ana_env::real::RealClock;
use ana_env::{Clock, Rng};
use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::fixture::{NOW_MS, Sample, verifier};
use super::verify::same;

/// Of each kind.
const SAMPLES: usize = 100_000;
/// The part of them that counts.
const KEPT: f64 = 0.5;
const T_AT_P_001: f64 = 2.576;
const ROUNDS: usize = 3;

/// Where a signature is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    First,
    Last,
}

/// The signature with one digit changed.
fn spoilt(right: &[u8; 64], wrong: Wrong) -> [u8; 64] {
    let mut text = *right;
    let digit = match wrong {
        Wrong::First => &mut text[0],
        Wrong::Last => &mut text[63],
    };
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    text
}

/// The comparison that ours must not be.
fn naive(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).all(|(a, b)| black_box(a) == black_box(b))
}

/// The mean of the faster samples, and its variance: that of the kept ones, and of where the cut falls.
fn mean_of_fast(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() / 2);
    let count = f64::from(u32::try_from(times.len()).expect("small"));
    let mean = times.iter().sum::<f64>() / count;
    let spread = times.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let slowest = times.last().copied().expect("not empty");
    let of_cut = (1.0 - KEPT) * (slowest - mean).powi(2);
    (mean, (spread + of_cut) / count)
}

/// Welch's t of the times of the two kinds of trial.
fn difference(trial: &mut impl FnMut(Wrong) -> Duration) -> f64 {
    let rng = SeededRng::new(7);
    let (mut first, mut last) = (Vec::new(), Vec::new());
    let mut bytes = [0_u8; 64];
    while first.len().min(last.len()) < SAMPLES {
        rng.fill(&mut bytes);
        for byte in bytes {
            let (wrong, times) = match byte & 1 {
                0 => (Wrong::First, &mut first),
                _ => (Wrong::Last, &mut last),
            };
            let took = u32::try_from(trial(wrong).as_nanos()).unwrap_or(u32::MAX);
            times.push(f64::from(took));
        }
    }
    let (first, last) = (mean_of_fast(first), mean_of_fast(last));
    (last.0 - first.0) / (first.1 + last.1).sqrt().max(f64::MIN_POSITIVE)
}

/// Chance alone shows a difference in one of a hundred rounds, and in three of three, to one side, never.
fn shows(mut trial: impl FnMut(Wrong) -> Duration) -> (bool, Vec<f64>) {
    let mut rounds = Vec::new();
    while rounds.len() < ROUNDS {
        let t = difference(&mut trial);
        rounds.push(t);
        if t.abs() < T_AT_P_001 || t.signum() != rounds[0].signum() {
            return (false, rounds);
        }
    }
    (true, rounds)
}

#[test]
fn the_comparison_does_not_show_where_a_signature_is_wrong() {
    /// Comparisons of one sample: one alone is shorter than the clock's steps.
    const AT_ONCE: usize = 8;
    let clock = RealClock::new();
    let right = [b'a'; 64];
    let measure = |compare: fn(&[u8], &[u8]) -> bool| {
        shows(|wrong| {
            let given = spoilt(&right, wrong);
            let began = clock.elapsed();
            for _ in 0..AT_ONCE {
                black_box(compare(black_box(&right), black_box(&given)));
            }
            clock.elapsed().saturating_sub(began)
        })
    };
    let (shown, rounds) = measure(|a, b| same(a, b).into());
    assert!(!shown, "{rounds:?}");
    let (shown, rounds) = measure(naive);
    assert!(shown, "{rounds:?}");
}

#[test]
fn the_verifier_does_not_show_where_a_signature_is_wrong() {
    let clock = RealClock::new();
    let sample = Sample::signed_by_sdk();
    let claim = sample.header("authorization");
    let (before, right) = claim.split_once("Signature=").expect("it is signed");
    let right: &[u8; 64] = right.as_bytes().try_into().expect("64 digits");
    let verifier = verifier();
    let mut head = sample.parts().expect("HTTP");
    let mut measure = |beside: fn(&[u8], &[u8]) -> bool| {
        shows(|wrong| {
            let given = spoilt(right, wrong);
            let text = [before.as_bytes(), b"Signature=", &given].concat();
            let text = HeaderValue::from_bytes(&text).expect("ASCII");
            head.headers.insert(AUTHORIZATION, text);
            let began = clock.elapsed();
            let judged = verifier.verify(black_box(&head), &sample.body, NOW_MS);
            black_box(beside(black_box(right), black_box(&given)));
            let took = clock.elapsed().saturating_sub(began);
            judged.expect_err("it is wrong");
            took
        })
    };
    let (shown, rounds) = measure(|_, _| true);
    assert!(!shown, "{rounds:?}");
    // As if it compared like this.
    let (shown, rounds) = measure(naive);
    assert!(shown, "{rounds:?}");
}
