//! `DescribeLimits`: the account's quotas and what is used of them.

use crate::writer::Writer;

/// Request of `DescribeLimits`: it has no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeLimitsInput {}

/// Answer of `DescribeLimits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeLimitsOutput {
    /// Most open shards of provisioned streams.
    pub shard_limit: u32,
    /// Open shards now.
    pub open_shard_count: u32,
    /// On-demand streams now.
    pub on_demand_stream_count: u32,
    /// Most on-demand streams.
    pub on_demand_stream_count_limit: u32,
}

impl DescribeLimitsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("ShardLimit").integer(self.shard_limit.into());
        out.member("OpenShardCount")
            .integer(self.open_shard_count.into());
        out.member("OnDemandStreamCount")
            .integer(self.on_demand_stream_count.into());
        out.member("OnDemandStreamCountLimit")
            .integer(self.on_demand_stream_count_limit.into());
        out.close_structure();
    }
}
