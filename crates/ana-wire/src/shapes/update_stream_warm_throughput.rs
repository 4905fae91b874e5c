//! `UpdateStreamWarmThroughput`: capacity that an on-demand stream has ready at once.

use crate::shapes::{StreamTarget, WarmThroughput};
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `UpdateStreamWarmThroughput`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStreamWarmThroughputInput {
    /// The stream to change.
    pub stream: StreamTarget,
    /// `WarmThroughputMiBps`; 0 takes it away.
    pub warm_throughput_mibps: u32,
}

/// Answer of `UpdateStreamWarmThroughput`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStreamWarmThroughputOutput {
    /// The stream's ARN.
    pub stream_arn: String,
    /// The stream's name.
    pub stream_name: String,
    /// What was asked for, and what there is.
    pub warm_throughput: WarmThroughput,
}

impl UpdateStreamWarmThroughputInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream: StreamTarget::from_fields(&mut fields),
            warm_throughput_mibps: fields.required_count("WarmThroughputMiBps"),
        }
    }
}

impl UpdateStreamWarmThroughputOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamARN").text(&self.stream_arn);
        out.member("StreamName").text(&self.stream_name);
        out.member("WarmThroughput");
        self.warm_throughput.write(out);
        out.close_structure();
    }
}
