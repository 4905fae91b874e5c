//! `UntagResource`: no output.

use crate::tree::Fields;

/// Request of `UntagResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntagResourceInput {
    /// The stream or consumer to change.
    pub resource_arn: String,
    /// 1 to 50 keys; unknown ones are ignored.
    pub tag_keys: Vec<String>,
}

impl UntagResourceInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
            tag_keys: fields.texts("TagKeys"),
        }
    }
}
