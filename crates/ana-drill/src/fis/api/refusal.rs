//! Why a request is refused: AWS's error type, its HTTP status, and a sentence that says what to do.

use serde_json::{Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// AWS's error type, as the header `x-amzn-ErrorType` has it.
    pub error_type: &'static str,
    /// Why.
    pub message: String,
}

macro_rules! kinds {
    ($($(#[$about:meta])* $name:ident: $status:literal $error_type:literal),* $(,)?) => {
        impl Refusal {$(
            $(#[$about])*
            pub fn $name(message: impl Into<String>) -> Refusal {
                Refusal { status: $status, error_type: $error_type, message: message.into() }
            }
        )*}
    };
}
kinds! {
    /// The request itself cannot stand.
    validation: 400 "ValidationException",
    /// There is no such thing.
    not_found: 404 "ResourceNotFoundException",
    /// It cannot be done now, or contradicts what was asked before.
    conflict: 409 "ConflictException",
    /// A bound of what is kept.
    quota: 402 "ServiceQuotaExceededException",
    /// Nothing is called so.
    unknown_operation: 404 "UnknownOperationException",
    /// Our own trouble, a full disk for example.
    internal: 500 "InternalServerException",
    /// The cluster is ending.
    unavailable: 503 "ServiceUnavailableException",
}

impl Refusal {
    /// The body of the answer.
    pub fn body(&self) -> Value {
        json!({ "message": self.message })
    }
}
