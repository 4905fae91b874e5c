//! Names and ids of nodes, zones, groups, streams, accounts and regions.
//!
//! A value of a name type is always valid: the only ways in are `new`, `FromStr` and serde, and all three
//! check. Numeric ids are plain: any number is a possible id, whether it exists is for others to say.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{ACCOUNT_ID_DIGITS, REGION_CHARS_MAX, STREAM_NAME_CHARS_MAX, ZONE_CHARS_MAX};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a {what} must not be empty")]
    Empty {
        /// The kind of name, for the message.
        what: &'static str,
    },
    /// The text is too long.
    #[error("a {what} has at most {max} characters, this one has {len}")]
    TooLong {
        /// The kind of name, for the message.
        what: &'static str,
        /// Characters found.
        len: usize,
        /// Characters allowed.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("a {what} may not contain {found:?}")]
    BadCharacter {
        /// The kind of name, for the message.
        what: &'static str,
        /// The first offending character.
        found: char,
    },
    /// An account id that is not exactly 12 digits.
    #[error("an account id is exactly 12 digits")]
    NotAnAccount,
}

/// Identity of one node of the cluster. Chosen in its configuration, never reused for another machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct NodeId(pub u64);

/// Identity of one Raft group. Assigned by the metadata machine, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId(pub u64);

impl GroupId {
    /// The group that holds the metadata of the cluster.
    pub const METADATA: GroupId = GroupId(0);
}

/// Internal identity of a stream. A stream re-created under its old name gets a new key, so that nothing
/// left over from the old one (an iterator, a late message) can touch the new one. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamKey(pub u64);

macro_rules! display_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_number!(NodeId, GroupId, StreamKey);

/// A failure domain: 1 to 32 characters of `[a-z0-9-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(Arc<str>);

/// A stream's name: 1 to 128 characters of `[a-zA-Z0-9_.-]`. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct StreamName(Arc<str>);

/// An AWS account id: exactly 12 digits. The default is all zeros.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(Arc<str>);

/// A region's name: 1 to 32 characters of `[a-z0-9-]`. The default is `us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(Arc<str>);

impl Zone {
    /// Checks and wraps `text`.
    pub fn new(text: &str) -> Result<Zone, NameError> {
        check(text, "zone", ZONE_CHARS_MAX, is_slug)?;
        Ok(Zone(text.into()))
    }
}

impl StreamName {
    /// Checks and wraps `text`.
    pub fn new(text: &str) -> Result<StreamName, NameError> {
        check(text, "stream name", STREAM_NAME_CHARS_MAX, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
        })?;
        Ok(StreamName(text.into()))
    }
}

impl AccountId {
    /// Checks and wraps `text`.
    pub fn new(text: &str) -> Result<AccountId, NameError> {
        if text.len() != ACCOUNT_ID_DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NameError::NotAnAccount);
        }
        Ok(AccountId(text.into()))
    }
}

impl Region {
    /// Checks and wraps `text`.
    pub fn new(text: &str) -> Result<Region, NameError> {
        check(text, "region", REGION_CHARS_MAX, is_slug)?;
        Ok(Region(text.into()))
    }
}

impl Default for AccountId {
    fn default() -> AccountId {
        AccountId("000000000000".into())
    }
}

impl Default for Region {
    fn default() -> Region {
        Region("us-east-1".into())
    }
}

macro_rules! text_name {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<$name, NameError> {
                $name::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<$name, NameError> {
                $name::new(&text)
            }
        }
    )*};
}
text_name!(Zone, StreamName, AccountId, Region);

fn is_slug(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn check(
    text: &str,
    what: &'static str,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if let Some(found) = text.chars().find(|c| !allowed(*c)) {
        return Err(NameError::BadCharacter { what, found });
    }
    // Every allowed character is one byte, so bytes are characters here.
    let len = text.len();
    if len > max {
        return Err(NameError::TooLong { what, len, max });
    }
    Ok(())
}
