//! A refusal in AWS's words: type, HTTP status, message. Where a domain error becomes one
//! (`fault/domain.rs`) is the only place of the program that knows AWS's texts for domain errors.
//!
//! Must stay true: a domain error's own text (node names, reasons for our logs) never reaches a
//! client.

mod domain;
mod consumer;
mod setting;
mod scaling;
mod subscription;
mod injected;

use crate::cbor::CborWriter;
use crate::format::Format;
use crate::json::JsonWriter;
use crate::operation::Operation;
use crate::writer::Writer;

pub use injected::RefusedRequest;

/// The error types that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is AWS's error type of its name")]
pub enum FaultKind {
    ResourceNotFound,
    ResourceInUse,
    LimitExceeded,
    InvalidArgument,
    Validation,
    ProvisionedThroughputExceeded,
    ExpiredIterator,
    ExpiredNextToken,
    AccessDenied,
    Serialization,
    UnknownOperation,
    InternalFailure,
    ServiceUnavailable,
    MissingAuthenticationToken,
    IncompleteSignature,
    InvalidSignature,
    UnrecognizedClient,
    ExpiredToken,
    Throttling,
    KmsDisabled,
    KmsInvalidState,
    KmsAccessDenied,
    KmsNotFound,
    KmsOptInRequired,
    KmsThrottling,
    DryRunOperation,
}

impl FaultKind {
    /// Every type, in the order of their declaration.
    pub const ALL: [Self; 26] = [
        Self::ResourceNotFound,
        Self::ResourceInUse,
        Self::LimitExceeded,
        Self::InvalidArgument,
        Self::Validation,
        Self::ProvisionedThroughputExceeded,
        Self::ExpiredIterator,
        Self::ExpiredNextToken,
        Self::AccessDenied,
        Self::Serialization,
        Self::UnknownOperation,
        Self::InternalFailure,
        Self::ServiceUnavailable,
        Self::MissingAuthenticationToken,
        Self::IncompleteSignature,
        Self::InvalidSignature,
        Self::UnrecognizedClient,
        Self::ExpiredToken,
        Self::Throttling,
        Self::KmsDisabled,
        Self::KmsInvalidState,
        Self::KmsAccessDenied,
        Self::KmsNotFound,
        Self::KmsOptInRequired,
        Self::KmsThrottling,
        Self::DryRunOperation,
    ];

    /// The type of a name on the wire.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name on the wire (`__type`).
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::LimitExceeded => "LimitExceededException",
            Self::InvalidArgument => "InvalidArgumentException",
            Self::Validation => "ValidationException",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Self::ExpiredIterator => "ExpiredIteratorException",
            Self::ExpiredNextToken => "ExpiredNextTokenException",
            Self::AccessDenied => "AccessDeniedException",
            Self::Serialization => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::InternalFailure => "InternalFailure",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::Throttling => "ThrottlingException",
            Self::KmsDisabled => "KMSDisabledException",
            Self::KmsInvalidState => "KMSInvalidStateException",
            Self::KmsAccessDenied => "KMSAccessDeniedException",
            Self::KmsNotFound => "KMSNotFoundException",
            Self::KmsOptInRequired => "KMSOptInRequired",
            Self::KmsThrottling => "KMSThrottlingException",
            Self::DryRunOperation => "DryRunOperationException",
        }
    }

    /// The HTTP status.
    pub fn http(self) -> u16 {
        match self {
            Self::InternalFailure => 500,
            Self::ServiceUnavailable => 503,
            _ => 400,
        }
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// AWS's error type.
    pub kind: FaultKind,
    /// AWS's text; some types come without one.
    pub message: Option<String>,
}

impl Fault {
    /// A fault with a message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: Some(message.into()),
        }
    }

    /// The body is no object of its format.
    pub fn not_an_object() -> Self {
        Self {
            kind: FaultKind::Serialization,
            message: None,
        }
    }

    /// The target names nothing that AWS knows.
    pub fn unknown_operation() -> Self {
        Self {
            kind: FaultKind::UnknownOperation,
            message: None,
        }
    }

    /// An operation of AWS that Anabranch does not offer yet.
    pub fn not_offered(operation: Operation) -> Self {
        let name = operation.name();
        Self::new(
            FaultKind::UnknownOperation,
            format!(
                "The operation {name} of Amazon Kinesis is not offered by this version of Anabranch."
            ),
        )
    }

    /// What a failed entry of `PutRecords` says when the reason is ours.
    pub fn internal() -> Self {
        Self::new(FaultKind::InternalFailure, "Internal service failure.")
    }

    /// The request can be tried again; nothing was done.
    pub fn unavailable() -> Self {
        Self::new(
            FaultKind::ServiceUnavailable,
            "The service is not able to handle the request now. Nothing was changed; try again.",
        )
    }

    /// The answer to a dry run that found nothing wrong.
    pub fn dry_run() -> Self {
        Self::new(
            FaultKind::DryRunOperation,
            "Request would have succeeded, but DryRun flag is set.",
        )
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Serialization, message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Validation, message)
    }

    /// The HTTP status.
    pub fn http(&self) -> u16 {
        self.kind.http()
    }

    /// The body of a refusal.
    pub fn body(&self, format: Format) -> Vec<u8> {
        match format {
            Format::Json => {
                let mut out = JsonWriter::new();
                self.write(&mut out);
                out.into_bytes()
            }
            Format::Cbor => {
                let mut out = CborWriter::new();
                self.write(&mut out);
                out.into_bytes()
            }
        }
    }

    /// `SerializationException` says `Message`, every other type `message`.
    fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("__type").text(self.kind.name());
        if let Some(message) = &self.message {
            let member = if self.kind == FaultKind::Serialization {
                "Message"
            } else {
                "message"
            };
            out.member(member).text(message);
        }
        out.close_structure();
    }
}

#[cfg(test)]
#[path = "fault/fault_test.rs"]
mod fault_test;
#[cfg(test)]
#[path = "fault/every_error_test.rs"]
mod every_error_test;
#[cfg(test)]
#[path = "fault/reading_errors_test.rs"]
mod reading_errors_test;
#[cfg(test)]
#[path = "fault/areas_test.rs"]
mod areas_test;
#[cfg(test)]
#[path = "fault/injected_test.rs"]
mod injected_test;
