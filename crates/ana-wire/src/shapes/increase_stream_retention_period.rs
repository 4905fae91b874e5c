//! `IncreaseStreamRetentionPeriod`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `IncreaseStreamRetentionPeriod`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncreaseStreamRetentionPeriodInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// Hours, as asked: the model sets no bounds, the domain does.
    pub retention_hours: i32,
}

impl IncreaseStreamRetentionPeriodInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            retention_hours: fields.required_integer("RetentionPeriodHours"),
        }
    }
}
