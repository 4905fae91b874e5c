//! Tags of streams: add, remove, list.

use ana_router::{Router, ops};
use ana_types::KinesisError;
use ana_wire::{
    AddTagsToStreamInput, ListTagsForStreamInput, ListTagsForStreamOutput,
    RemoveTagsFromStreamInput, Response,
};

use super::streams::stream_ref;

pub(super) async fn add(
    router: &Router,
    input: AddTagsToStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::AddTags {
        stream: stream_ref(input.stream),
        tags: input.tags,
    };
    router.add_tags(request).await.map(|()| Response::Empty)
}

pub(super) async fn remove(
    router: &Router,
    input: RemoveTagsFromStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::RemoveTags {
        stream: stream_ref(input.stream),
        keys: input.tag_keys,
    };
    router.remove_tags(request).await.map(|()| Response::Empty)
}

pub(super) async fn list(
    router: &Router,
    input: ListTagsForStreamInput,
) -> Result<Response, KinesisError> {
    let request = ops::ListTags {
        stream: stream_ref(input.stream),
        exclusive_start_key: input.exclusive_start_tag_key,
        limit: input.limit,
    };
    let page = router.list_tags(request).await?;
    let output = ListTagsForStreamOutput {
        tags: page.tags,
        has_more_tags: page.has_more,
    };
    Ok(Response::ListTagsForStream(output))
}
