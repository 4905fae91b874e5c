//! `GetResourcePolicy`: the policy as it was put.

use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `GetResourcePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResourcePolicyInput {
    /// The stream or consumer to ask about.
    pub resource_arn: String,
}

/// Answer of `GetResourcePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResourcePolicyOutput {
    /// The policy's JSON text, as it was put.
    pub policy: String,
}

impl GetResourcePolicyInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
        }
    }
}

impl GetResourcePolicyOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Policy").text(&self.policy);
        out.close_structure();
    }
}
