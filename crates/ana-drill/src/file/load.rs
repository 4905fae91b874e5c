//! The load that the runner puts on a stream, so that a drill needs no application.

use crate::document::Value;
use crate::error::{DrillError, Fault};
use crate::fields::{Fields, FromValue, within_u32, wrong_kind};
use crate::quantity::Size;
use ana_types::StreamName;
use ana_types::limits::{
    CONSUMERS_PER_STREAM_MAX, KIB, MAX_RECORD_KIB_DEFAULT, SHARDS_PER_STREAM_MAX,
};
use std::fmt;

const PLACE: &str = "[load]";
/// Puts each second of one runner. Beyond it the runner, not the cluster, would be what is tested.
const PUTS_PER_SECOND_MAX: u32 = 100_000;
/// Partition keys whose order one runner keeps account of.
const KEYS_MAX: u32 = 1_000_000;
const KEYS_DEFAULT: u32 = 100;
const CONSUMERS_DEFAULT: u32 = 1;
/// One for each of three zones to lead.
const SHARDS_DEFAULT: u32 = 3;
const RECORD_BYTES_DEFAULT: [u64; 2] = [200, 2000];
/// The least a record of the load has: the checker writes an account of the record into it.
const RECORD_BYTES_MIN: u64 = 32;

/// The load on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The stream.
    pub stream: StreamName,
    /// Records put each second.
    pub puts_per_second: u32,
    /// The least and the greatest size of a record.
    pub record_bytes: (Size, Size),
    /// Partition keys in use.
    pub keys: u32,
    /// Consumers that read along.
    pub consumers: u32,
    /// Shards of the stream, if it is not there yet and has to be created.
    pub shards: u32,
}

impl Load {
    pub(super) fn read(value: Value) -> Result<Load, DrillError> {
        let mut fields = Fields::of(PLACE, "load", value)?;
        let stream = fields.required("stream")?;
        let puts = fields.required("puts_per_second")?;
        let sizes = match fields.raw("record_bytes") {
            Some(value) => sizes(&value),
            None => Ok(RECORD_BYTES_DEFAULT.into()),
        };
        let keys: Option<u64> = fields.optional("keys")?;
        let consumers: Option<u64> = fields.optional("consumers")?;
        let shards: Option<u64> = fields.optional("shards")?;
        fields.finish()?;
        let checked = || -> Result<Load, Fault> {
            let (least, most) = sizes?;
            Ok(Load {
                stream,
                puts_per_second: within_u32("puts_per_second", puts, 1, PUTS_PER_SECOND_MAX)?,
                record_bytes: (Size(least), Size(most)),
                keys: within_u32("keys", keys.unwrap_or(KEYS_DEFAULT.into()), 1, KEYS_MAX)?,
                consumers: within_u32(
                    "consumers",
                    consumers.unwrap_or(CONSUMERS_DEFAULT.into()),
                    0,
                    CONSUMERS_PER_STREAM_MAX,
                )?,
                shards: within_u32(
                    "shards",
                    shards.unwrap_or(SHARDS_DEFAULT.into()),
                    1,
                    SHARDS_PER_STREAM_MAX,
                )?,
            })
        };
        checked().map_err(|fault| fault.at(PLACE))
    }
}

/// One size, or the least and the greatest.
fn sizes(value: &Value) -> Result<(u64, u64), Fault> {
    const KEY: &str = "record_bytes";
    let list = match value {
        Value::List(_) => Vec::<Size>::from_value(KEY, value)?,
        one => vec![Size::from_value(KEY, one)?],
    };
    let (least, most) = match list.as_slice() {
        [one] => (one.0, one.0),
        [least, most] => (least.0, most.0),
        _ => return Err(wrong_kind(KEY, "one size or two, [least, most]", value)),
    };
    let greatest = u64::try_from(KIB).unwrap_or(0) * u64::from(MAX_RECORD_KIB_DEFAULT);
    crate::fields::within(KEY, most, RECORD_BYTES_MIN, greatest)?;
    crate::fields::within(KEY, least, RECORD_BYTES_MIN, most)?;
    Ok((least, most))
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.record_bytes;
        let sizes = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        write!(
            f,
            "{}: {} puts a second of {sizes}, {} keys, {} consumers",
            self.stream, self.puts_per_second, self.keys, self.consumers
        )
    }
}
