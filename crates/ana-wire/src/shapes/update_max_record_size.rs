//! `UpdateMaxRecordSize`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `UpdateMaxRecordSize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateMaxRecordSizeInput {
    /// The stream to change: the operation knows no `StreamName`, so that only the ARN can be present.
    pub stream: StreamTarget,
    /// `MaxRecordSizeInKiB`, 1024 to 10240.
    pub max_record_kib: u32,
}

impl UpdateMaxRecordSizeInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            max_record_kib: fields.required_count("MaxRecordSizeInKiB"),
        }
    }
}
