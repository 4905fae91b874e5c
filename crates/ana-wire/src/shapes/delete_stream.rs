//! `DeleteStream`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `DeleteStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteStreamInput {
    /// The stream to delete.
    pub stream: StreamTarget,
    /// False when absent.
    pub enforce_consumer_deletion: bool,
}

impl DeleteStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            enforce_consumer_deletion: fields.flag("EnforceConsumerDeletion").unwrap_or(false),
        }
    }
}
