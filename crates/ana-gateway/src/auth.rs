//! Who may call: the one verifier in front of everything.
//!
//! ```text
//!   claim        what the caller says of himself: Authorization header, or query string; never both
//!   canonical    the request as it was signed, rebuilt from what was received
//!   keys         signing keys, derived once a day and credential
//!   verify       the rules, and the comparison
//! ```
//! Must stay true:
//! - [`Authentication::admit`] is the only maker of a [`Principal`], and a [`crate::Service`] cannot be called without
//!   one: a way around the verifier does not compile;
//! - what cannot be read as one known form of signature is refused;
//! - everything here is a function of head, body, time and credentials: no clock, no files, no network.

mod canonical;
mod claim;
mod credentials;
mod keys;
mod moment;
mod refusal;
mod signer;
mod verify;

use std::sync::Arc;

use ana_wire::Fault;
use http::request::Parts;

pub use credentials::{Credentials, CredentialsError};
pub(crate) use refusal::fault_as_xml;
pub use signer::{SignError, Signer};
pub use verify::Verifier;

/// How callers are judged.
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Every caller is admitted, with any credentials or none.
    Off,
    /// Callers are admitted who sign with credentials the verifier knows.
    On(Arc<Verifier>),
}

/// Who calls. There is no public way to make one: a value of this type is the proof that the verifier has judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Private to this module and its children: see the module's rules.
    access_key: Option<Arc<str>>,
}

impl Principal {
    /// The access key id; `None` when authentication is off.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key.as_deref()
    }
}

impl Authentication {
    /// Judges one request as it was received, at `now_ms` (milliseconds since 1970).
    ///
    /// # Errors
    /// The fault to be answered when the caller is not admitted.
    pub fn admit(&self, head: &Parts, body: &[u8], now_ms: u64) -> Result<Principal, Fault> {
        match self {
            Self::Off => Ok(Principal { access_key: None }),
            Self::On(verifier) => verifier.verify(head, body, now_ms),
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod vectors_test;
#[cfg(test)]
mod opinion_test;
#[cfg(test)]
mod mutation_test;
#[cfg(test)]
mod rules_test;
#[cfg(test)]
mod credentials_test;
#[cfg(test)]
mod timing_test;
