//! CBOR: reading a request by the shape it should have, writing an answer.
//!
//! The same rules as for JSON: reading goes by the model, an unknown member is skipped without being
//! built, null is absent, of a repeated member the last counts, and malformed input (no message)
//! wins over a value of the wrong type (AWS's message). Of CBOR's own freedoms all are accepted:
//! definite and indefinite lengths, integers of any width, floats, tags (which say nothing here).
//!
//! AWS's difference from JSON: a blob is a byte string, and a time is counted in milliseconds, as an
//! integer under tag 1; read are also times without the tag and floats, in milliseconds too.
//!
//! Must stay true: nothing is allocated by a length or count that the body only announces, and no
//! nesting is followed further than the model goes or [`read::SKIPPED_DEPTH_MAX`].

mod read;
mod write;

pub(crate) use read::{is_structure, read};
pub(crate) use write::CborWriter;

#[cfg(test)]
#[path = "cbor/samples.rs"]
pub(crate) mod samples;
#[cfg(test)]
#[path = "cbor/read_test.rs"]
mod read_test;
#[cfg(test)]
#[path = "cbor/property_test.rs"]
mod property_test;
