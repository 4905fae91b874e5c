//! `DescribeAccountSettings`: what holds for the whole account.

use crate::shapes::MinimumThroughputBillingCommitment;
use crate::writer::Writer;

/// Request of `DescribeAccountSettings`: it has no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeAccountSettingsInput {}

/// Answer of `DescribeAccountSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeAccountSettingsOutput {
    /// The account's commitment.
    pub minimum_throughput_billing_commitment: MinimumThroughputBillingCommitment,
}

impl DescribeAccountSettingsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        self.minimum_throughput_billing_commitment
            .write_settings(out);
    }
}
