//! `AddTagsToStream`: no output.

use std::collections::BTreeMap;

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `AddTagsToStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddTagsToStreamInput {
    /// The stream to tag.
    pub stream: StreamTarget,
    /// 1 to 200 pairs; which characters are allowed is for the domain to say.
    pub tags: BTreeMap<String, String>,
}

impl AddTagsToStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            tags: fields.text_map("Tags"),
        }
    }
}
