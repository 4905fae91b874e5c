//! `UpdateAccountSettings`: changes what holds for the whole account.

use ana_types::CommitmentStatus;

use crate::shapes::MinimumThroughputBillingCommitment;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `UpdateAccountSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAccountSettingsInput {
    /// `MinimumThroughputBillingCommitment.Status`: `Enabled` or `Disabled`.
    pub minimum_throughput_billing_commitment: CommitmentStatus,
}

/// Answer of `UpdateAccountSettings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAccountSettingsOutput {
    /// The account's commitment after the change.
    pub minimum_throughput_billing_commitment: MinimumThroughputBillingCommitment,
}

impl UpdateAccountSettingsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            minimum_throughput_billing_commitment: fields
                .required_structure("MinimumThroughputBillingCommitment")
                .required_choice("Status", status_of),
        }
    }
}

/// What a client can ask for; `ENABLED_UNTIL_EARLIEST_ALLOWED_END` is only ever answered.
fn status_of(name: &str) -> Option<CommitmentStatus> {
    [CommitmentStatus::Enabled, CommitmentStatus::Disabled]
        .into_iter()
        .find(|status| status.as_str() == name)
}

impl UpdateAccountSettingsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        self.minimum_throughput_billing_commitment
            .write_settings(out);
    }
}
