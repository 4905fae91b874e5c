//! `ListTagsForStream`: one page of tags, ordered by key.

use crate::shapes::StreamTarget;
use crate::shapes::common::write_tag;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `ListTagsForStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTagsForStreamInput {
    /// The stream to ask about.
    pub stream: StreamTarget,
    /// The page starts after this key.
    pub exclusive_start_tag_key: Option<String>,
    /// 1 to 50.
    pub limit: Option<u32>,
}

/// Answer of `ListTagsForStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTagsForStreamOutput {
    /// Key and value, ordered by key.
    pub tags: Vec<(String, String)>,
    /// True when a further page exists.
    pub has_more_tags: bool,
}

impl ListTagsForStreamInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            exclusive_start_tag_key: fields.text("ExclusiveStartTagKey"),
            limit: fields.count("Limit"),
        }
    }
}

impl ListTagsForStreamOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("Tags").open_list();
        for (key, value) in &self.tags {
            write_tag(out, key, value);
        }
        out.close_list();
        out.member("HasMoreTags").boolean(self.has_more_tags);
        out.close_structure();
    }
}
