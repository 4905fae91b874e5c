//! How a request names its stream: by name, by ARN, or by both.
//!
//! `StreamId` exists in the service model as "reserved"; it is checked like any string, then
//! dropped, and no answer ever carries one: a client that learns a `StreamId` stops using its
//! custom endpoint.

use crate::tree::Fields;

/// The addressing members of one request. Both absent is legal here: the domain refuses it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamTarget {
    /// `StreamName`, already checked against its pattern.
    pub name: Option<String>,
    /// `StreamARN`, already checked against its pattern.
    pub arn: Option<String>,
}

impl StreamTarget {
    pub(crate) fn from_fields(fields: &mut Fields<'_>) -> Self {
        Self {
            name: fields.text("StreamName"),
            arn: fields.text("StreamARN"),
        }
    }
}
