//! What a request is about: the stream and shard that it names, whichever way it names them.
//!
//! Asked only while a fault of the API is on. Must stay true: it needs no quorum and judges nothing; what a request
//! names wrongly is found out by the operation itself.

use ana_types::{HashKey, ShardIndex, StreamName};
use ana_wire::{
    ConsumerTarget, GetRecordsInput, PutRecordsEntry, PutRecordsInput, Request, StreamTarget,
};

use super::NodeService;
use super::streams::stream_ref;
use crate::faults::service::{Addressed, Addresses, stream_of_arn};

impl Addresses for NodeService {
    fn addressed(&self, request: &Request) -> Addressed {
        match request {
            Request::PutRecord(input) => {
                let stream = self.named(&input.stream);
                let explicit = input.explicit_hash_key.as_deref();
                let shard = self.shard_of(stream.as_ref(), explicit, &input.partition_key);
                Addressed { stream, shard }
            }
            Request::PutRecords(input) => self.of_put_records(input),
            Request::GetRecords(input) => self.of_get_records(input),
            Request::GetShardIterator(input) => Addressed {
                stream: self.named(&input.stream),
                shard: ShardIndex::parse_lenient(&input.shard_id),
            },
            Request::SubscribeToShard(input) => Addressed::of_subscription(input),
            other => Addressed {
                stream: self.stream_of(other),
                shard: None,
            },
        }
    }

    fn destination(
        &self,
        stream: &StreamTarget,
        entry: &PutRecordsEntry,
    ) -> Option<(StreamName, ShardIndex)> {
        let stream = self.named(stream)?;
        let explicit = entry.explicit_hash_key.as_deref();
        let shard = self.shard_of(Some(&stream), explicit, &entry.partition_key)?;
        Some((stream, shard))
    }
}

impl NodeService {
    fn named(&self, target: &StreamTarget) -> Option<StreamName> {
        self.router.name_of(&stream_ref(target.clone())).ok()
    }

    fn shard_of(
        &self,
        stream: Option<&StreamName>,
        explicit: Option<&str>,
        partition_key: &str,
    ) -> Option<ShardIndex> {
        let key = match explicit {
            Some(text) => HashKey::parse_decimal(text)?,
            None => HashKey::of_partition_key(partition_key),
        };
        self.router.shard_of(stream?, key)
    }

    fn of_put_records(&self, input: &PutRecordsInput) -> Addressed {
        let first = input.records.first();
        let destination = first.and_then(|entry| self.destination(&input.stream, entry));
        Addressed {
            stream: self.named(&input.stream),
            shard: destination.map(|(_, shard)| shard),
        }
    }

    fn of_get_records(&self, input: &GetRecordsInput) -> Addressed {
        let Ok(iterator) = self.tokens.open_iterator(&input.shard_iterator) else {
            return Addressed::default();
        };
        Addressed {
            stream: self.router.stream_name(iterator.stream),
            shard: Some(iterator.shard),
        }
    }

    /// The stream of a request about no single shard.
    fn stream_of(&self, request: &Request) -> Option<StreamName> {
        use Request as R;
        let of_consumer = |target: &ConsumerTarget| {
            let arn = target.consumer_arn.as_ref().or(target.stream_arn.as_ref());
            stream_of_arn(arn?)
        };
        match request {
            R::CreateStream(input) => StreamName::new(&input.stream_name).ok(),
            R::DeleteStream(input) => self.named(&input.stream),
            R::DescribeStream(input) => self.named(&input.stream),
            R::DescribeStreamSummary(input) => self.named(&input.stream),
            R::ListShards(input) => self.named(&input.stream),
            R::SplitShard(input) => self.named(&input.stream),
            R::MergeShards(input) => self.named(&input.stream),
            R::UpdateShardCount(input) => self.named(&input.stream),
            R::UpdateStreamMode(input) => stream_of_arn(&input.stream_arn),
            R::UpdateStreamWarmThroughput(input) => self.named(&input.stream),
            R::UpdateMaxRecordSize(input) => self.named(&input.stream),
            R::IncreaseStreamRetentionPeriod(input) => self.named(&input.stream),
            R::DecreaseStreamRetentionPeriod(input) => self.named(&input.stream),
            R::RegisterStreamConsumer(input) => stream_of_arn(&input.stream_arn),
            R::ListStreamConsumers(input) => stream_of_arn(&input.stream_arn),
            R::DeregisterStreamConsumer(input) => of_consumer(&input.consumer),
            R::DescribeStreamConsumer(input) => of_consumer(&input.consumer),
            R::AddTagsToStream(input) => self.named(&input.stream),
            R::RemoveTagsFromStream(input) => self.named(&input.stream),
            R::ListTagsForStream(input) => self.named(&input.stream),
            R::TagResource(input) => stream_of_arn(&input.resource_arn),
            R::UntagResource(input) => stream_of_arn(&input.resource_arn),
            R::ListTagsForResource(input) => stream_of_arn(&input.resource_arn),
            R::EnableEnhancedMonitoring(input) => self.named(&input.stream),
            R::DisableEnhancedMonitoring(input) => self.named(&input.stream),
            R::StartStreamEncryption(input) => self.named(&input.stream),
            R::StopStreamEncryption(input) => self.named(&input.stream),
            R::PutResourcePolicy(input) => stream_of_arn(&input.resource_arn),
            R::GetResourcePolicy(input) => stream_of_arn(&input.resource_arn),
            R::DeleteResourcePolicy(input) => stream_of_arn(&input.resource_arn),
            R::PutRecord(_)
            | R::PutRecords(_)
            | R::GetRecords(_)
            | R::GetShardIterator(_)
            | R::SubscribeToShard(_)
            | R::DescribeLimits(_)
            | R::ListStreams(_)
            | R::DescribeAccountSettings(_)
            | R::UpdateAccountSettings(_) => None,
        }
    }
}
