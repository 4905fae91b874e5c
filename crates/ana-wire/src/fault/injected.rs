//! A refusal on purpose: any error type, for a request that would have been carried out.
//!
//! Must stay true: where AWS has a text that fits a request whatever is wrong with it, it is that text, made by the
//! same match as the real error's; a client cannot tell the two apart.

use ana_types::limits::ITERATOR_LIFE_MS;
use ana_types::{AccountId, KinesisError, LimitKind, Region, ShardIndex, StreamName, StreamStatus};

use super::{Fault, FaultKind};
use crate::operation::Operation;

/// The request that is refused, as far as its error text tells of it.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRequest<'a> {
    /// What was asked for.
    pub operation: Operation,
    /// The stream it names.
    pub stream: Option<&'a StreamName>,
    /// The shard it names or would have reached.
    pub shard: Option<ShardIndex>,
    /// Time of day, Unix milliseconds.
    pub now_ms: u64,
    /// The account that asks.
    pub account: &'a AccountId,
    /// The region it asks in.
    pub region: &'a Region,
}

impl Fault {
    /// The error of type `kind` that refuses `request`.
    pub fn injected(kind: FaultKind, request: RefusedRequest<'_>) -> Self {
        match kind {
            FaultKind::Serialization => Self::not_an_object(),
            FaultKind::UnknownOperation => Self::unknown_operation(),
            FaultKind::DryRunOperation => Self::dry_run(),
            _ => match domain_error(kind, request) {
                Some(error) => Self::from((&error, request.account, request.region)),
                None => Self::new(kind, text(kind, request.operation)),
            },
        }
    }
}

/// The error of the domain whose text is that of `kind`, where the request has what the text names.
fn domain_error(kind: FaultKind, request: RefusedRequest<'_>) -> Option<KinesisError> {
    let stream = request.stream.cloned();
    Some(match kind {
        FaultKind::ProvisionedThroughputExceeded => KinesisError::Throughput {
            shard: request.shard?,
            stream: stream?,
        },
        FaultKind::ResourceNotFound => KinesisError::StreamNotFound { stream: stream? },
        FaultKind::ResourceInUse => KinesisError::StreamNotActive {
            stream: stream?,
            status: StreamStatus::Updating,
        },
        FaultKind::LimitExceeded => KinesisError::LimitExceeded(LimitKind::AccountRate {
            operation: request.operation.name().to_owned(),
            // No text tells it.
            per_s: 0,
        }),
        FaultKind::ExpiredIterator => KinesisError::ExpiredIterator {
            created_ms: request.now_ms.saturating_sub(ITERATOR_LIFE_MS + 1),
            now_ms: request.now_ms,
        },
        FaultKind::ExpiredNextToken => KinesisError::ExpiredToken,
        FaultKind::InternalFailure => KinesisError::Internal { why: String::new() },
        FaultKind::ServiceUnavailable => KinesisError::Unavailable { why: String::new() },
        _ => return None,
    })
}

/// AWS's text for types that refuse a request before it reaches a stream; ours where none is known.
fn text(kind: FaultKind, operation: Operation) -> String {
    let known = match kind {
        FaultKind::ProvisionedThroughputExceeded | FaultKind::Throttling => "Rate exceeded",
        FaultKind::MissingAuthenticationToken => "Missing Authentication Token",
        FaultKind::UnrecognizedClient => "The security token included in the request is invalid.",
        FaultKind::ExpiredToken => "The security token included in the request is expired",
        FaultKind::InvalidSignature => {
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
        }
        _ => {
            let (kind, operation) = (kind.name(), operation.name());
            return format!("{kind} was injected into {operation} by a fault of this cluster.");
        }
    };
    known.to_owned()
}
