//! Amazon resource names of streams: `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
//!
//! Any partition whose name starts with `aws` is accepted on input, as in the service model's pattern
//! `arn:aws.*:kinesis:.*:\d{12}:stream/\S+`; we always print `aws`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::STREAM_ARN_CHARS_MAX;
use crate::names::{AccountId, Region, StreamName};

/// Why a text is not the ARN of a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Longer than the model allows.
    #[error("an ARN has at most {STREAM_ARN_CHARS_MAX} characters")]
    TooLong,
    /// Not `arn:aws…:kinesis:…:…:stream/…`.
    #[error("not the ARN of a Kinesis stream")]
    NotAStream,
    /// The shape is right but a part of it is not a name.
    #[error("not the ARN of a Kinesis stream: {0}")]
    Name(#[from] crate::names::NameError),
}

/// The parts of a stream's ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamArn {
    /// Region of the stream.
    pub region: Region,
    /// Account that owns the stream.
    pub account: AccountId,
    /// The stream's name.
    pub name: StreamName,
}

/// The ARN of stream `name` as text.
pub fn stream_arn(region: &Region, account: &AccountId, name: &StreamName) -> String {
    format!("arn:aws:kinesis:{region}:{account}:stream/{name}")
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&stream_arn(&self.region, &self.account, &self.name))
    }
}

impl FromStr for StreamArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<StreamArn, ArnError> {
        if text.len() > STREAM_ARN_CHARS_MAX {
            return Err(ArnError::TooLong);
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(ArnError::NotAStream);
        };
        let Some(name) = resource.strip_prefix("stream/") else {
            return Err(ArnError::NotAStream);
        };
        if *arn != "arn" || !partition.starts_with("aws") || *service != "kinesis" {
            return Err(ArnError::NotAStream);
        }
        Ok(StreamArn {
            region: Region::new(region)?,
            account: AccountId::new(account)?,
            name: StreamName::new(name)?,
        })
    }
}
