//! Shard iterators: a place in a shard, sealed for the client to carry.
//!
//! Any node opens an iterator of any other, across restarts and changes of leader; nothing about
//! iterators is kept on the server. Must stay true: at most 512 characters; an iterator that was
//! altered in any way, or comes from another cluster, is invalid; none is good for longer than
//! [`ITERATOR_LIFE_MS`].

use ana_types::limits::ITERATOR_LIFE_MS;
use ana_types::{IteratorKind, KinesisError, Position, ShardIndex, StreamKey};

use crate::seal::{Cursor, Purpose, open, seal};
pub use crate::seal::{Nonce, Secret};

/// What an iterator holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardIterator {
    /// The stream by its identity: a re-created stream of the same name is another.
    pub stream: StreamKey,
    /// The shard.
    pub shard: ShardIndex,
    /// The first position to be read.
    pub position: Position,
    /// When it was issued, Unix milliseconds.
    pub issued_ms: u64,
    /// The kind that was asked for; `None` for one that `GetRecords` handed on.
    pub kind: Option<IteratorKind>,
}

impl ShardIterator {
    /// Seals the iterator with a nonce that has never been used.
    pub fn seal(&self, secret: &Secret, nonce: &Nonce) -> String {
        let mut content = Vec::with_capacity(29);
        content.push(code_of(self.kind));
        content.extend(self.stream.0.to_be_bytes());
        content.extend(self.shard.0.to_be_bytes());
        content.extend(self.position.0.to_be_bytes());
        content.extend(self.issued_ms.to_be_bytes());
        seal(secret, nonce, Purpose::Iterator, &content)
    }

    /// Opens what a client sent, with or without double quotes around it.
    ///
    /// # Errors
    /// [`KinesisError::InvalidIterator`] for what is no iterator of this cluster,
    /// [`KinesisError::ExpiredIterator`] for one that is too old.
    pub fn open(text: &str, secret: &Secret, now_ms: u64) -> Result<Self, KinesisError> {
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let iterator = open(secret, Purpose::Iterator, bare)
            .and_then(|content| Self::of_content(&content))
            .ok_or(KinesisError::InvalidIterator)?;
        let created_ms = iterator.issued_ms;
        // Clocks differ between nodes: an iterator from a little ahead is new, not invalid.
        if now_ms.saturating_sub(created_ms) > ITERATOR_LIFE_MS {
            return Err(KinesisError::ExpiredIterator { created_ms, now_ms });
        }
        Ok(iterator)
    }

    fn of_content(content: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(content);
        let kind = kind_of(cursor.u8()?)?;
        let iterator = Self {
            stream: StreamKey(cursor.u64()?),
            shard: ShardIndex(cursor.u32()?),
            position: Position(cursor.u64()?),
            issued_ms: cursor.u64()?,
            kind,
        };
        cursor.end().map(|()| iterator)
    }
}

fn code_of(kind: Option<IteratorKind>) -> u8 {
    match kind {
        None => 0,
        Some(IteratorKind::AtSequenceNumber) => 1,
        Some(IteratorKind::AfterSequenceNumber) => 2,
        Some(IteratorKind::TrimHorizon) => 3,
        Some(IteratorKind::Latest) => 4,
        Some(IteratorKind::AtTimestamp) => 5,
    }
}

#[expect(
    clippy::option_option,
    reason = "no kind and an unknown kind are two different things"
)]
fn kind_of(code: u8) -> Option<Option<IteratorKind>> {
    Some(match code {
        0 => None,
        1 => Some(IteratorKind::AtSequenceNumber),
        2 => Some(IteratorKind::AfterSequenceNumber),
        3 => Some(IteratorKind::TrimHorizon),
        4 => Some(IteratorKind::Latest),
        5 => Some(IteratorKind::AtTimestamp),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ana_types::limits::SHARD_ITERATOR_CHARS_MAX;
    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = [7; 32];

    fn sample(kind: Option<IteratorKind>) -> ShardIterator {
        ShardIterator {
            stream: StreamKey(u64::MAX),
            shard: ShardIndex(5),
            position: Position::END,
            issued_ms: 1_000_000,
            kind,
        }
    }

    #[test]
    fn every_kind_comes_back_also_in_quotes() {
        for code in 0..=5 {
            let iterator = sample(kind_of(code).expect("a known code"));
            let text = iterator.seal(&SECRET, &[3; 24]);
            assert!(text.len() <= SHARD_ITERATOR_CHARS_MAX, "{}", text.len());
            assert_eq!(ShardIterator::open(&text, &SECRET, 1_000_000), Ok(iterator));
            let quoted = format!("\"{text}\"");
            assert_eq!(
                ShardIterator::open(&quoted, &SECRET, 1_000_000),
                Ok(iterator)
            );
        }
    }

    #[test]
    fn another_nonce_gives_another_text() {
        let one = sample(None).seal(&SECRET, &[1; 24]);
        assert_ne!(one, sample(None).seal(&SECRET, &[2; 24]));
    }

    #[test]
    fn expires_after_its_life_and_not_before() {
        let text = sample(None).seal(&SECRET, &[3; 24]);
        let open = |now_ms| ShardIterator::open(&text, &SECRET, now_ms);
        assert!(open(1_300_000).is_ok());
        assert!(open(0).is_ok(), "issued by a node whose clock is ahead");
        let expired = KinesisError::ExpiredIterator {
            created_ms: 1_000_000,
            now_ms: 1_300_001,
        };
        assert_eq!(open(1_300_001), Err(expired));
    }

    #[test]
    fn foreign_tokens_are_invalid() {
        let text = sample(None).seal(&SECRET, &[3; 24]);
        let invalid = Err(KinesisError::InvalidIterator);
        assert_eq!(ShardIterator::open(&text, &[8; 32], 0), invalid);
        let page = seal(&SECRET, &[3; 24], Purpose::Page, &[0; 29]);
        assert_eq!(ShardIterator::open(&page, &SECRET, 0), invalid);
        for content in [&[0; 28][..], &[0; 30], &[9; 29], &[]] {
            let odd = seal(&SECRET, &[3; 24], Purpose::Iterator, content);
            assert_eq!(ShardIterator::open(&odd, &SECRET, 0), invalid);
        }
        for odd in [
            "",
            "\"",
            "\"\"",
            "AAAA",
            "not base64",
            "é",
            text.get(4..).expect("longer"),
            &format!("\"{text}"),
        ] {
            assert_eq!(ShardIterator::open(odd, &SECRET, 0), invalid, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn no_single_changed_byte_is_accepted(place in 0_usize..92, with in any::<u8>()) {
            let text = sample(Some(IteratorKind::Latest)).seal(&SECRET, &[3; 24]);
            let mut bytes = base64_simd::STANDARD.decode_to_vec(&text).expect("base64");
            let place = place % bytes.len();
            prop_assume!(bytes[place] != with);
            bytes[place] = with;
            let changed = base64_simd::STANDARD.encode_to_string(&bytes);
            let opened = ShardIterator::open(&changed, &SECRET, 1_000_000);
            prop_assert_eq!(opened, Err(KinesisError::InvalidIterator));
        }

        #[test]
        fn any_iterator_comes_back(
            stream in any::<u64>(), shard in any::<u32>(), position in any::<u64>(), issued_ms in any::<u64>(),
            code in 0_u8..6, nonce in any::<[u8; 24]>(),
        ) {
            let iterator = ShardIterator {
                stream: StreamKey(stream),
                shard: ShardIndex(shard),
                position: Position(position),
                issued_ms,
                kind: kind_of(code).expect("a known code"),
            };
            let text = iterator.seal(&SECRET, &nonce);
            prop_assert_eq!(ShardIterator::open(&text, &SECRET, issued_ms), Ok(iterator));
        }

        /// Content is authenticated, so only a node with an error in it could have sealed this.
        #[test]
        fn any_sealed_content_is_an_iterator_or_invalid(
            content in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                proptest::collection::vec(0_u8..8, 29..30),
            ],
        ) {
            let text = seal(&SECRET, &[3; 24], Purpose::Iterator, &content);
            match ShardIterator::open(&text, &SECRET, 0) {
                Ok(iterator) => prop_assert_eq!(iterator.seal(&SECRET, &[3; 24]), text),
                Err(error) => prop_assert_eq!(error, KinesisError::InvalidIterator),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,600}", now in any::<u64>()) {
            prop_assert_eq!(ShardIterator::open(&text, &SECRET, now), Err(KinesisError::InvalidIterator));
        }
    }
}
