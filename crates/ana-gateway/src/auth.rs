//! Who may call: the one place between a known operation and its decoding where a caller is judged.
//!
//! [`admit`] has the head and the body, which is all that a signature covers.

use bytes::Bytes;
use http::request::Parts;

use ana_wire::Fault;

/// How callers are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// Every caller is admitted, with any credentials or none.
    Off,
}

/// Judges one request.
///
/// # Errors
/// The fault to be answered when the caller is not admitted.
pub(crate) fn admit(how: Authentication, _head: &Parts, _body: &Bytes) -> Result<(), Fault> {
    match how {
        Authentication::Off => Ok(()),
    }
}
