//! The encoded form of a machine: one byte of format version, then postcard.
//!
//! Checkpoints, snapshots and points carry these bytes, and replicas are compared by them, so
//!
//! - equal machines encode to equal bytes (only ordered collections are stored);
//! - a machine decodes to one that goes on exactly as the encoded one would have;
//! - a version this build does not know is refused, never guessed at.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A machine as it is stored.
pub trait Stored {
    /// The version it is written in today.
    const FORMAT_VERSION: u8;
}

/// Why bytes are not a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("the encoded machine is empty")]
    Empty,
    /// Written by a build with another format.
    #[error("the encoded machine has format version {found}, this build reads {read}")]
    Version {
        /// The first byte that was found.
        found: u8,
        /// The version this build reads.
        read: u8,
    },
    /// The bytes after the version byte are not what postcard expects.
    #[error("the encoded machine is malformed: {0}")]
    Malformed(#[from] postcard::Error),
    /// A whole machine, and then more.
    #[error("{bytes} bytes follow the encoded machine")]
    Trailing {
        /// How many bytes are left over.
        bytes: usize,
    },
}

pub(crate) fn encode<T: Serialize + Stored>(machine: &T) -> Vec<u8> {
    postcard::to_extend(machine, vec![T::FORMAT_VERSION])
        .expect("a Vec takes any number of bytes and every part of a machine is of known length")
}

pub(crate) fn decode<T: DeserializeOwned + Stored>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (&found, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    let read = T::FORMAT_VERSION;
    if found != read {
        return Err(DecodeError::Version { found, read });
    }
    let (machine, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() {
        Ok(machine)
    } else {
        Err(DecodeError::Trailing { bytes: rest.len() })
    }
}
