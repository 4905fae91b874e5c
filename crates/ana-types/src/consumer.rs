//! Registered consumers (enhanced fan-out): names, statuses, ARNs.
//!
//! A consumer's ARN ends with its creation time, so that one registered again under its old name has another:
//! `arn:aws:kinesis:REGION:ACCOUNT:stream/STREAM/consumer/NAME:EPOCH_SECONDS`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::arn::{ArnError, StreamArn};
use crate::names::{NameError, StreamName};

/// A consumer's name: the same rule as a stream's, 1 to 128 characters of `[a-zA-Z0-9_.-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsumerName(StreamName);

impl ConsumerName {
    /// Checks a text.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        StreamName::new(text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a consumer is in its life. Prints as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConsumerStatus {
    /// Registered, not ready.
    Creating,
    /// May subscribe.
    Active,
    /// On its way out.
    Deleting,
}

impl ConsumerStatus {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ConsumerStatus::Creating => "CREATING",
            ConsumerStatus::Active => "ACTIVE",
            ConsumerStatus::Deleting => "DELETING",
        }
    }
}

impl fmt::Display for ConsumerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The parts of a consumer's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsumerArn {
    /// The stream it reads.
    pub stream: StreamArn,
    /// Its name.
    pub name: ConsumerName,
    /// When it was registered, Unix seconds.
    pub created_s: u64,
}

impl fmt::Display for ConsumerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/consumer/{}:{}",
            self.stream, self.name, self.created_s
        )
    }
}

impl FromStr for ConsumerArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let (stream, consumer) = text.split_once("/consumer/").ok_or(ArnError::NotAStream)?;
        let (name, created) = consumer.rsplit_once(':').ok_or(ArnError::NotAStream)?;
        Ok(Self {
            stream: stream.parse()?,
            name: ConsumerName::new(name)?,
            created_s: created
                .parse()
                .map_err(|_not_a_number| ArnError::NotAStream)?,
        })
    }
}
