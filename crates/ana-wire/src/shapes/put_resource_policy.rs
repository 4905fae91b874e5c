//! `PutResourcePolicy`: no output.

use crate::tree::Fields;

/// Request of `PutResourcePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutResourcePolicyInput {
    /// The stream or consumer to change.
    pub resource_arn: String,
    /// The policy's JSON text, as the client wrote it; what it may say is for the domain to judge.
    pub policy: String,
}

impl PutResourcePolicyInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
            policy: fields.required_text("Policy"),
        }
    }
}
