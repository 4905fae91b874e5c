//! A million random edits of iterators and of tokens: not one is accepted.
//!
//! Edits are those of an attacker who holds several good tokens: bits and characters changed, cut, moved and repeated,
//! parts of two tokens put together, other ways to write the same base64. The numbers are fixed: each run is the same.

use std::collections::BTreeSet;

use ana_types::{
    ConsumerName, IteratorKind, KinesisError, Position, ShardIndex, StreamKey, StreamName,
};

use super::{Nonce, Secret};
use crate::iterator::ShardIterator;
use crate::token::{NextPage, PageFilter};

const EDITS: usize = 1_000_000;
const SECRET: Secret = *b"a secret of the cluster, 32 byte";
const NOW_MS: u64 = 1_795_581_000_000;
const ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_= \n\"%\0";

/// xorshift64*: enough to choose places by.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).expect("31 bits") % limit.max(1)
    }

    fn letter(&mut self) -> u8 {
        ALPHABET[self.below(ALPHABET.len())]
    }
}

fn nonce(number: u8) -> Nonce {
    [number.wrapping_mul(37).wrapping_add(1); 24]
}

/// Iterators that differ in everything, and pairs that differ in one thing.
fn iterators() -> Vec<String> {
    let base = ShardIterator {
        stream: StreamKey(7),
        shard: ShardIndex(0),
        position: Position(65_536),
        issued_ms: NOW_MS,
        kind: Some(IteratorKind::TrimHorizon),
    };
    let others = [
        base,
        ShardIterator {
            stream: StreamKey(8),
            ..base
        },
        ShardIterator {
            shard: ShardIndex(1),
            ..base
        },
        ShardIterator {
            position: Position::END,
            kind: Some(IteratorKind::Latest),
            ..base
        },
        ShardIterator { kind: None, ..base },
        ShardIterator {
            stream: StreamKey(u64::MAX),
            shard: ShardIndex(u32::MAX),
            position: Position(0),
            issued_ms: NOW_MS - 1,
            kind: Some(IteratorKind::AtTimestamp),
        },
    ];
    let numbered = (0..).zip(others);
    let sealed = numbered.map(|(number, it)| it.seal(&SECRET, &nonce(number)));
    sealed.collect()
}

/// Tokens of every listing; their lengths leave no, one and two characters of padding.
fn tokens() -> Vec<String> {
    let shards = |stream, filter| NextPage::Shards {
        stream: StreamKey(stream),
        after: ShardIndex(3),
        filter,
    };
    let streams = |name: &str| NextPage::Streams {
        after: StreamName::new(name).expect("a legal name"),
    };
    let consumers = |stream, name: &str| NextPage::Consumers {
        stream: StreamKey(stream),
        after: ConsumerName::new(name).expect("a legal name"),
    };
    let pages = [
        shards(7, PageFilter::FromTrimHorizon),
        shards(8, PageFilter::AtTimestamp(NOW_MS)),
        streams("a"),
        streams("ab"),
        streams(&"a".repeat(128)),
        consumers(7, "app"),
        consumers(8, "app"),
    ];
    let numbered = (0..).zip(pages);
    let sealed = numbered.map(|(number, it)| it.seal(&SECRET, &nonce(number), NOW_MS));
    sealed.collect()
}

/// Changes characters.
fn edit_text(text: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    if text.is_empty() {
        text.push(dice.letter());
    }
    let (at, to) = (dice.below(text.len()), dice.below(text.len()));
    let (from, until) = (at.min(to), at.max(to));
    match dice.below(11) {
        0 => text[at] = dice.letter(),
        1 => text.swap(at, to),
        2 => drop(text.remove(at)),
        3 => text.insert(at, dice.letter()),
        4 => text.truncate(at),
        5 => drop(text.drain(..at)),
        6 => text.extend_from_within(from..until),
        7 => text.rotate_left(at),
        8 => text[from..until].reverse(),
        9 => text.push(dice.letter()),
        _ => {
            text.truncate(at);
            text.extend(other.get(at..).unwrap_or_default());
        }
    }
}

/// Changes what the base64 stands for.
fn edit_bytes(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    if bytes.is_empty() {
        bytes.push(0);
    }
    let (at, to) = (dice.below(bytes.len()), dice.below(bytes.len()));
    let (from, until) = (at.min(to), at.max(to));
    match dice.below(7) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = bytes[at].wrapping_add(1),
        2 => bytes.swap(at, to),
        3 => bytes[from..until].fill(0),
        4 => bytes.truncate(at),
        5 => bytes.push(0),
        _ => {
            // Of two tokens: nonce, content and tag in any mixture.
            let common = until.min(other.len());
            let from = from.min(common);
            bytes[from..common].copy_from_slice(&other[from..common]);
        }
    }
}

/// Edits good texts at random and says which is accepted though it is none of them.
fn accepted(good: &[String], opens: impl Fn(&str) -> bool) -> Option<String> {
    let known: BTreeSet<&str> = good.iter().map(String::as_str).collect();
    let decode = |text: &String| base64_simd::STANDARD.decode_to_vec(text).expect("base64");
    let contents: Vec<Vec<u8>> = good.iter().map(decode).collect();
    assert!(good.iter().all(|text| opens(text)), "unchanged they open");
    let mut dice = Dice(0x5eed);
    let mut tried = 0;
    while tried < EDITS {
        let (one, two) = (dice.below(good.len()), dice.below(good.len()));
        let mut text = good[one].clone().into_bytes();
        if dice.below(2) == 0 {
            let mut bytes = contents[one].clone();
            for _ in 0..=dice.below(2) {
                edit_bytes(&mut bytes, &contents[two], &mut dice);
            }
            text = base64_simd::STANDARD.encode_to_string(&bytes).into_bytes();
        } else {
            for _ in 0..=dice.below(3) {
                edit_text(&mut text, good[two].as_bytes(), &mut dice);
            }
        }
        let text = String::from_utf8(text).expect("ASCII");
        if known.contains(text.as_str()) {
            continue;
        }
        tried += 1;
        if opens(&text) {
            return Some(text);
        }
    }
    None
}

#[test]
fn a_million_edits_of_iterators() {
    let opens = |text: &str| match ShardIterator::open(text, &SECRET, NOW_MS) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, KinesisError::InvalidIterator, "{text}");
            false
        }
    };
    assert_eq!(accepted(&iterators(), opens), None);
}

#[test]
fn a_million_edits_of_tokens() {
    let opens = |text: &str| match NextPage::open(text, &SECRET, NOW_MS) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, KinesisError::InvalidToken, "{text}");
            false
        }
    };
    assert_eq!(accepted(&tokens(), opens), None);
}

/// The other way to write the last character, the other alphabet, and space: one token has one text.
#[test]
fn a_token_has_one_text() {
    let letters = &ALPHABET[..64];
    for text in tokens() {
        let bare = text.trim_end_matches('=');
        let (last, before) = bare.as_bytes().split_last().expect("not empty");
        let before = str::from_utf8(before).expect("ASCII");
        let padding = "=".repeat(text.len() - bare.len());
        let alike = letters.iter().filter(|letter| *letter != last);
        let mut others: Vec<String> = alike
            .map(|letter| format!("{before}{}{padding}", char::from(*letter)))
            .collect();
        others.extend([
            format!("{text}="),
            format!("{text}\n"),
            format!(" {text}"),
            format!("\"{text}\""),
            text.replace('/', "_").replace('+', "-") + "A",
        ]);
        if !padding.is_empty() {
            others.push(bare.to_owned());
        }
        for other in others {
            let opened = NextPage::open(&other, &SECRET, NOW_MS);
            assert_eq!(opened, Err(KinesisError::InvalidToken), "{other}");
        }
    }
}
