//! The question that counts a call of the control plane.

use ana_types::StreamName;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Question, SMALL_BYTES_MAX, postcard_bytes};
use crate::error::Malformed;
use crate::rates::Rated;

/// May this call be made now? The metadata leader counts for the whole cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Spend {
    /// What is called.
    pub(crate) what: Rated,
    /// On which stream, where each has a rate of its own.
    pub(crate) stream: Option<StreamName>,
}

/// Whether it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent(pub(crate) bool);

postcard_body!(Spend, Spent);
question!(Spend, 30, SMALL_BYTES_MAX, small Spent);
