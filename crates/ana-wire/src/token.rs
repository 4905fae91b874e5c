//! `NextToken`: where a listing goes on, sealed for the client to carry.
//!
//! The same rules as for shard iterators: any node opens it, an altered one is invalid, and none is
//! good for longer than [`NEXT_TOKEN_LIFE_MS`]. A token of one listing is no token of the other.

use ana_types::limits::NEXT_TOKEN_LIFE_MS;
use ana_types::{ConsumerName, KinesisError, ShardIndex, StreamKey, StreamName};

use crate::seal::{Cursor, Purpose, open, seal};
pub use crate::seal::{Nonce, Secret};

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPage {
    /// `ListShards`.
    Shards {
        /// The stream by its identity: a re-created stream does not go on with the old listing.
        stream: StreamKey,
        /// Shards after this one.
        after: ShardIndex,
        /// What the first request asked for.
        filter: PageFilter,
    },
    /// `ListStreams`.
    Streams {
        /// Names after this one.
        after: StreamName,
    },
    /// `ListStreamConsumers`.
    Consumers {
        /// The stream by its identity: a re-created stream does not go on with the old listing.
        stream: StreamKey,
        /// Names after this one.
        after: ConsumerName,
    },
}

/// The filter of a listing of shards, with the times it needs (Unix milliseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFilter {
    /// All shards that have not expired.
    FromTrimHorizon,
    /// Open at the trim horizon.
    AtTrimHorizon,
    /// Open now.
    AtLatest,
    /// Open at this time.
    AtTimestamp(u64),
    /// Open now, or closed at or after this time.
    FromTimestamp(u64),
}

/// First byte of the content.
const SHARDS: u8 = 1;
const STREAMS: u8 = 2;
const CONSUMERS: u8 = 3;

impl NextPage {
    /// Seals the token with a nonce that has never been used.
    pub fn seal(&self, secret: &Secret, nonce: &Nonce, now_ms: u64) -> String {
        let mut content = now_ms.to_be_bytes().to_vec();
        match self {
            Self::Shards {
                stream,
                after,
                filter,
            } => {
                let (code, time_ms) = code_of(*filter);
                content.extend([SHARDS, code]);
                content.extend(stream.0.to_be_bytes());
                content.extend(after.0.to_be_bytes());
                content.extend(time_ms.to_be_bytes());
            }
            Self::Streams { after } => {
                content.push(STREAMS);
                content.extend(after.as_str().as_bytes());
            }
            Self::Consumers { stream, after } => {
                content.push(CONSUMERS);
                content.extend(stream.0.to_be_bytes());
                content.extend(after.as_str().as_bytes());
            }
        }
        seal(secret, nonce, Purpose::Page, &content)
    }

    /// Opens what a client sent.
    ///
    /// # Errors
    /// [`KinesisError::InvalidToken`] for what is no token of this cluster,
    /// [`KinesisError::ExpiredToken`] for one that is too old.
    pub fn open(text: &str, secret: &Secret, now_ms: u64) -> Result<Self, KinesisError> {
        let content = open(secret, Purpose::Page, text).ok_or(KinesisError::InvalidToken)?;
        let (issued_ms, page) = Self::of_content(&content).ok_or(KinesisError::InvalidToken)?;
        if now_ms.saturating_sub(issued_ms) > NEXT_TOKEN_LIFE_MS {
            return Err(KinesisError::ExpiredToken);
        }
        Ok(page)
    }

    fn of_content(content: &[u8]) -> Option<(u64, Self)> {
        let mut cursor = Cursor(content);
        let issued_ms = cursor.u64()?;
        let page = match cursor.u8()? {
            SHARDS => {
                let code = cursor.u8()?;
                let stream = StreamKey(cursor.u64()?);
                let after = ShardIndex(cursor.u32()?);
                let filter = filter_of(code, cursor.u64()?)?;
                Self::Shards {
                    stream,
                    after,
                    filter,
                }
            }
            STREAMS => {
                let name = str::from_utf8(cursor.rest()).ok()?;
                Self::Streams {
                    after: StreamName::new(name).ok()?,
                }
            }
            CONSUMERS => {
                let stream = StreamKey(cursor.u64()?);
                let name = str::from_utf8(cursor.rest()).ok()?;
                Self::Consumers {
                    stream,
                    after: ConsumerName::new(name).ok()?,
                }
            }
            _ => return None,
        };
        cursor.end().map(|()| (issued_ms, page))
    }
}

fn code_of(filter: PageFilter) -> (u8, u64) {
    match filter {
        PageFilter::FromTrimHorizon => (0, 0),
        PageFilter::AtTrimHorizon => (1, 0),
        PageFilter::AtLatest => (2, 0),
        PageFilter::AtTimestamp(time_ms) => (3, time_ms),
        PageFilter::FromTimestamp(time_ms) => (4, time_ms),
    }
}

fn filter_of(code: u8, time_ms: u64) -> Option<PageFilter> {
    Some(match code {
        0 => PageFilter::FromTrimHorizon,
        1 => PageFilter::AtTrimHorizon,
        2 => PageFilter::AtLatest,
        3 => PageFilter::AtTimestamp(time_ms),
        4 => PageFilter::FromTimestamp(time_ms),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: Secret = [7; 32];

    fn samples() -> Vec<NextPage> {
        let shards = |filter| NextPage::Shards {
            stream: StreamKey(9),
            after: ShardIndex(3),
            filter,
        };
        let name = "a".repeat(128);
        vec![
            shards(PageFilter::FromTrimHorizon),
            shards(PageFilter::AtTrimHorizon),
            shards(PageFilter::AtLatest),
            shards(PageFilter::AtTimestamp(5)),
            shards(PageFilter::FromTimestamp(u64::MAX)),
            NextPage::Streams {
                after: StreamName::new(&name).expect("a legal name"),
            },
            NextPage::Consumers {
                stream: StreamKey(u64::MAX),
                after: ConsumerName::new(&name).expect("a legal name"),
            },
        ]
    }

    #[test]
    fn every_page_comes_back_until_it_expires() {
        for page in samples() {
            let text = page.seal(&SECRET, &[1; 24], 1000);
            assert_eq!(NextPage::open(&text, &SECRET, 301_000), Ok(page));
            assert_eq!(
                NextPage::open(&text, &SECRET, 301_001),
                Err(KinesisError::ExpiredToken)
            );
            assert_eq!(
                NextPage::open(&text, &[0; 32], 1000),
                Err(KinesisError::InvalidToken)
            );
        }
    }

    #[test]
    fn what_is_no_token_is_invalid() {
        let with = |content: &[u8]| seal(&SECRET, &[1; 24], Purpose::Page, content);
        let odd = [
            String::new(),
            "AAAA".to_owned(),
            "é".to_owned(),
            with(&[]),
            with(&[0; 8]),
            with(&[9; 9]),
            with(&[0, 0, 0, 0, 0, 0, 0, 0, STREAMS]),
            with(&[0, 0, 0, 0, 0, 0, 0, 0, STREAMS, 0xff]),
            with(&[[0_u8; 8].as_slice(), &[CONSUMERS], &[0; 7]].concat()),
            with(&[[0_u8; 8].as_slice(), &[CONSUMERS], &[0; 8]].concat()),
            with(&[[0_u8; 8].as_slice(), &[CONSUMERS], &[0; 8], b"a:b"].concat()),
            with(&[[0_u8; 8].as_slice(), &[SHARDS, 7], &[0; 20]].concat()),
            with(&[[0_u8; 8].as_slice(), &[SHARDS, 0], &[0; 21]].concat()),
            seal(&SECRET, &[1; 24], Purpose::Iterator, &[0; 30]),
        ];
        for text in odd {
            assert_eq!(
                NextPage::open(&text, &SECRET, 0),
                Err(KinesisError::InvalidToken),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_page_comes_back(
            stream in any::<u64>(), after in any::<u32>(), code in 0_u8..5, time_ms in any::<u64>(),
            name in "[a-zA-Z0-9_.-]{1,128}", now_ms in any::<u64>(), nonce in any::<[u8; 24]>(),
        ) {
            let shards = NextPage::Shards {
                stream: StreamKey(stream),
                after: ShardIndex(after),
                filter: filter_of(code, time_ms).expect("a known code"),
            };
            let streams = NextPage::Streams {
                after: StreamName::new(&name).expect("a legal name"),
            };
            for page in [shards, streams] {
                let text = page.seal(&SECRET, &nonce, now_ms);
                prop_assert_eq!(NextPage::open(&text, &SECRET, now_ms), Ok(page));
            }
        }

        /// Content is authenticated, so only a node with an error in it could have sealed this.
        #[test]
        fn any_sealed_content_is_a_page_or_invalid(
            content in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                (0_u8..7, proptest::collection::vec(1_u8..100, 0..40))
                    .prop_map(|(code, rest)| [&[0; 8], [code].as_slice(), &rest].concat()),
            ],
        ) {
            let text = seal(&SECRET, &[1; 24], Purpose::Page, &content);
            match NextPage::open(&text, &SECRET, 0) {
                Ok(page) => prop_assert_eq!(NextPage::open(&page.seal(&SECRET, &[1; 24], 0), &SECRET, 0), Ok(page)),
                Err(error) => prop_assert!(
                    matches!(error, KinesisError::InvalidToken | KinesisError::ExpiredToken), "{:?}", error
                ),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,600}") {
            prop_assert_eq!(NextPage::open(&text, &SECRET, 0), Err(KinesisError::InvalidToken));
        }
    }
}
