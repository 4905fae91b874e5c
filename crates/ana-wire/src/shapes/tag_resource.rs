//! `TagResource`: no output.

use std::collections::BTreeMap;

use crate::tree::Fields;

/// Request of `TagResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagResourceInput {
    /// The stream or consumer to tag.
    pub resource_arn: String,
    /// 1 to 200 pairs; which characters are allowed is for the domain to say.
    pub tags: BTreeMap<String, String>,
}

impl TagResourceInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
            tags: fields.text_map("Tags"),
        }
    }
}
