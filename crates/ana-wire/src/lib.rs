//! AWS on the wire: Kinesis requests from bytes to types and answers from types to bytes.
//!
//! Pure: no socket, no clock, no randomness; the time and nonces are passed in. Everything that is
//! AWS's own (names, limits, error texts) is here and nowhere below.
//!
//! The way of a request: [`Operation::of_target`] names it, [`decode_request`] reads its body (a fast
//! path for puts in JSON, else `json` or `cbor` → `tree` → `validate` by the table of `model` →
//! `shapes`), and a [`Response`] or a [`Fault`] goes back through [`encode_response`] or
//! [`Fault::body`], in the [`Format`] of the request; a subscription answers in frames (`event_stream`).
//!
//! Must stay true: no input makes this crate panic, recurse without bound, or take memory out of
//! proportion to the body; a refusal is always one of AWS's errors.

mod operation;
mod model;
mod tree;
mod decimal;
mod format;
mod refusal;
mod json;
mod cbor;
mod fast;
mod validate;
mod decode;
mod writer;
mod shapes;
mod date;
mod fault;
mod seal;
pub mod iterator;
pub mod token;
pub mod event_stream;

pub use decode::{decode_request, encode_response, refuse_unknown_operation};
pub use fault::{Fault, FaultKind, RefusedRequest};
pub use format::Format;
pub use operation::{Operation, TARGET_PREFIX};
pub use shapes::*;
