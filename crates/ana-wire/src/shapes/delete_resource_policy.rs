//! `DeleteResourcePolicy`: no output.

use crate::tree::Fields;

/// Request of `DeleteResourcePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteResourcePolicyInput {
    /// The stream or consumer to change.
    pub resource_arn: String,
}

impl DeleteResourcePolicyInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
        }
    }
}
