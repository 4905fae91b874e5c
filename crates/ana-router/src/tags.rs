//! Tags of streams.

use std::ops::Bound;

use ana_state::MetaCommand;
use ana_types::limits::LIST_TAGS_LIMIT_MAX;

use crate::context::Context;
use crate::ops::{AddTags, ListTags, RemoveTags, TagPage};
use crate::router::Answer;
use crate::shard_map;
use crate::streams::{carry_out, look_at, page_size};

/// AddTagsToStream.
pub(crate) async fn add(context: &Context, request: AddTags) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    carry_out(
        context,
        MetaCommand::AddTags {
            name,
            tags: request.tags,
        },
    )
    .await
}

/// RemoveTagsFromStream.
pub(crate) async fn remove(context: &Context, request: RemoveTags) -> Answer<()> {
    let name = shard_map::resolve(&context.config, &request.stream)?;
    let keys = request.keys.into_iter().collect();
    carry_out(context, MetaCommand::RemoveTags { name, keys }).await
}

/// ListTagsForStream.
pub(crate) async fn list(context: &Context, request: ListTags) -> Answer<TagPage> {
    // A stream has at most as many tags as the largest page, so "all" is one page.
    let page_size = page_size(request.limit, LIST_TAGS_LIMIT_MAX);
    let start = request.exclusive_start_key;
    look_at(context, &request.stream, |stream| {
        let from = start.map_or(Bound::Unbounded, Bound::Excluded);
        let mut tags = stream.tags.range((from, Bound::Unbounded));
        let page = tags.by_ref().take(page_size);
        let page = page
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        TagPage {
            tags: page,
            has_more: tags.next().is_some(),
        }
    })
    .await
}
