//! JSON: reading a request by the shape it should have, writing an answer.
//!
//! Reading goes by the model, not by what the client sent: a known member is read as its type says,
//! anything else is skipped without being built. So deep nesting is never descended into, and a body
//! full of junk costs no memory beyond its own bytes. Written with serde_json's streaming reader,
//! whose way of skipping a value is a loop, not a recursion.
//!
//! Must stay true: a fault of syntax (no message) wins over a fault of type (AWS's message), wherever
//! they stand; of several faults of type the first in the body wins; of a repeated member the last
//! counts; elements beyond one more than the greatest number allowed are counted, not read.

mod read;
mod write;
mod scalar;

pub(crate) use read::read;
pub(crate) use scalar::Borrowed;
pub(crate) use write::JsonWriter;
