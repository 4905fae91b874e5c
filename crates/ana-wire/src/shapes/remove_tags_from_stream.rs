//! `RemoveTagsFromStream`: no output.

use crate::shapes::StreamTarget;
use crate::tree::Fields;

/// Request of `RemoveTagsFromStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveTagsFromStreamInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// 1 to 50 keys; unknown ones are ignored.
    pub tag_keys: Vec<String>,
}

impl RemoveTagsFromStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            tag_keys: fields.texts("TagKeys"),
        }
    }
}
