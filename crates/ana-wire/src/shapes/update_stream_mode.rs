//! `UpdateStreamMode`: no output.

use ana_types::StreamMode;

use crate::shapes::common::mode_of;
use crate::tree::Fields;

/// Request of `UpdateStreamMode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStreamModeInput {
    /// The stream to change.
    pub stream_arn: String,
    /// `StreamModeDetails.StreamMode`.
    pub mode: StreamMode,
    /// Only sensible on the way to on-demand.
    pub warm_throughput_mibps: Option<u32>,
}

impl UpdateStreamModeInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            stream_arn: fields.required_text("StreamARN"),
            mode: fields
                .required_structure("StreamModeDetails")
                .required_choice("StreamMode", mode_of),
            warm_throughput_mibps: fields.count("WarmThroughputMiBps"),
        }
    }
}
