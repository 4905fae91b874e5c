//! The stream that is measured: made, waited for and looked at through the public API alone.
//!
//! Must stay true: only operations that every server of the Kinesis API has are used, and of their answers only the
//! members that all of them tell: CreateStream and DescribeStream.

use std::time::Duration;

use ana_env::time;
use serde::Deserialize;
use serde_json::json;

use crate::client::Client;
use crate::client::error::ClientError;
use crate::client::kinesis::Empty;
use crate::commands::Context;
use crate::error::{CliError, Exit};

/// How long a stream is waited for.
const WAIT_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Pages of a description are followed at most this often: 10,000 shards by 100.
const PAGES_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    stream_status: String,
    #[serde(default)]
    shards: Vec<Shard>,
    #[serde(default)]
    has_more_shards: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shard {
    shard_id: String,
}

/// The stream, ACTIVE; created first when there is none of that name.
pub(super) async fn ensure(context: &Context, stream: &str, shards: u32) -> Result<(), CliError> {
    let client = context.client();
    let input = json!({ "StreamName": stream, "ShardCount": shards });
    match client.call::<_, Empty>("CreateStream", &input).await {
        Ok(_created) => {}
        // It is there already, and keeps its shards.
        Err(error) if error.exit() == Exit::Exists => {}
        Err(error) => return Err(context.explain(error)),
    }
    let began = context.env.clock.elapsed();
    loop {
        let about = describe(&client, stream, None).await;
        let about = about.map_err(|error| context.explain(error))?;
        if about.stream_status == "ACTIVE" {
            return Ok(());
        }
        if context.env.clock.elapsed().saturating_sub(began) > WAIT_MAX {
            return Err(not_active(context, stream, &about.stream_status));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// The ids of all shards of a stream, closed ones too.
pub(super) async fn shards(context: &Context, stream: &str) -> Result<Vec<String>, CliError> {
    let client = context.client();
    let mut ids: Vec<String> = Vec::new();
    for _page in 0..PAGES_MAX {
        let last = ids.last().map(String::as_str);
        let page = describe(&client, stream, last).await;
        let page = page.map_err(|error| context.explain(error))?;
        let more = page.has_more_shards && !page.shards.is_empty();
        ids.extend(page.shards.into_iter().map(|shard| shard.shard_id));
        if !more {
            break;
        }
    }
    Ok(ids)
}

async fn describe(
    client: &Client,
    stream: &str,
    after_shard: Option<&str>,
) -> Result<Description, ClientError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        stream_description: Description,
    }
    let mut input = json!({ "StreamName": stream });
    if let (Some(shard), Some(members)) = (after_shard, input.as_object_mut()) {
        members.insert("ExclusiveStartShardId".to_owned(), shard.into());
    }
    let answer = client.call::<_, Output>("DescribeStream", &input).await?;
    Ok(answer.value.stream_description)
}

fn not_active(context: &Context, stream: &str, status: &str) -> CliError {
    let after = WAIT_MAX.as_secs();
    let what = format!("stream {stream} is still {status} after {after} s");
    CliError::new(Exit::TimedOut, what)
        .context(format!("endpoint {}", context.endpoint))
        .advice("try: ana status (two of three zones must be up)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_read_from_what_all_servers_tell() {
        for (text, expected) in [
            (r#"{"StreamStatus":"CREATING"}"#, ("CREATING", 0, false)),
            (
                r#"{"StreamStatus":"ACTIVE","Shards":[{"ShardId":"shardId-0","New":1}],"HasMoreShards":true}"#,
                ("ACTIVE", 1, true),
            ),
        ] {
            let read: Description = serde_json::from_str(text).expect("readable");
            let told = (
                read.stream_status.as_str(),
                read.shards.len(),
                read.has_more_shards,
            );
            assert_eq!(told, expected);
        }
    }
}
