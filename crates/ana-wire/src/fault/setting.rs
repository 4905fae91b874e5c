//! AWS's types and texts for errors of settings.

use ana_types::SettingError;
use ana_types::limits::POLICY_BYTES_MAX;

use super::FaultKind as K;
use super::domain::{Worded, Words};

pub(super) fn of(words: Words<'_>, error: &SettingError) -> Worded {
    use SettingError as E;
    match error {
        E::NoPolicy { stream, consumer } => (
            K::ResourceNotFound,
            format!(
                "No resource policy found for resource ARN {}",
                words.arn(stream, consumer.as_ref())
            ),
        ),
        E::InvalidPolicy { why } => (K::InvalidArgument, why.clone()),
        E::ResourceNotFound { arn } => (
            K::ResourceNotFound,
            format!("Resource with ARN {arn} not found."),
        ),
        E::EncryptionTypeNotKms => (
            K::InvalidArgument,
            "The only valid value of EncryptionType is KMS.".to_owned(),
        ),
        E::EncryptionChanges { stream, limit } => (
            K::LimitExceeded,
            format!(
                "{} has had its {limit} changes of encryption in 24 hours.",
                words.stream(stream)
            ),
        ),
        E::TagsInvalidCharacters => (
            K::InvalidArgument,
            "Some tags contain invalid characters. Valid characters: \
             Unicode letters, digits, white space, _ . : / = + - @."
                .to_owned(),
        ),
        E::TagReserved { key } => (
            K::InvalidArgument,
            format!("The tag key {key} is reserved: keys beginning with aws: cannot be set."),
        ),
        E::PolicyTooLarge { bytes } => (
            K::InvalidArgument,
            format!(
                "The resource policy has {bytes} bytes; at most {POLICY_BYTES_MAX} are allowed."
            ),
        ),
        E::WarmThroughputInUse { stream } => (
            K::InvalidArgument,
            format!(
                "MinimumThroughputBillingCommitment cannot end while {} has warm throughput.",
                words.stream_lower(stream)
            ),
        ),
        E::KeyNotFound { key } => (K::KmsNotFound, format!("Key {key} not found.")),
    }
}
