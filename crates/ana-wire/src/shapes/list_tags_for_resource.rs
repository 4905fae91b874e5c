//! `ListTagsForResource`: all tags of a stream or consumer.

use std::collections::BTreeMap;

use crate::shapes::common::write_tag;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `ListTagsForResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTagsForResourceInput {
    /// The stream or consumer to ask about.
    pub resource_arn: String,
}

/// Answer of `ListTagsForResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTagsForResourceOutput {
    /// Every tag.
    pub tags: BTreeMap<String, String>,
}

impl ListTagsForResourceInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            resource_arn: fields.required_text("ResourceARN"),
        }
    }
}

impl ListTagsForResourceOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Tags").open_list();
        for (key, value) in &self.tags {
            write_tag(out, key, value);
        }
        out.close_list();
        out.close_structure();
    }
}
