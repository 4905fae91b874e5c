//! The short way in for puts: typed, borrowed strings, one buffer for the data of a whole request.
//!
//! It only ever accepts. Whatever is unusual (a member it does not know, a wrong type, a limit, base64 with a fault) makes
//! it give up, and the general way reads the body again and finds AWS's exact error.
//! Must stay true: what it accepts, the general way accepts with the same result (a property test
//! says so); nothing larger than the body is allocated before it gives up.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use ana_types::limits::{
    HASH_KEY_DIGITS_MAX, PUT_RECORDS_ENTRIES_MAX, RECORD_DATA_BYTES_SCHEMA_MAX,
    SEQUENCE_NUMBER_DIGITS_MAX,
};
use bytes::Bytes;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::json::Borrowed;
use crate::model::{Model, Shape};
use crate::operation::Operation;
use crate::shapes::{PutRecordInput, PutRecordsEntry, PutRecordsInput, StreamTarget};
use crate::validate::text_fits;

/// Reads a `PutRecord` that has nothing unusual about it.
pub(crate) fn put_record(body: &[u8]) -> Option<PutRecordInput> {
    let Object::<PutRecord<'_>>(put) = serde_json::from_slice(body).ok()?;
    let table = Table::get();
    let mut buffer = Vec::with_capacity(decoded_len_max(&put.data));
    decode(&put.data, &mut buffer)?;
    Some(PutRecordInput {
        stream: table.target(put.stream_name, put.stream_arn, put.stream_id)?,
        data: Bytes::from(buffer),
        partition_key: table.partition_key(put.partition_key)?,
        explicit_hash_key: decimal(put.explicit_hash_key, HASH_KEY_DIGITS_MAX)?,
        sequence_number_for_ordering: decimal(put.ordering, SEQUENCE_NUMBER_DIGITS_MAX)?,
        dry_run: put.dry_run.is_some_and(|Flag(set)| set),
    })
}

/// Reads a `PutRecords` that has nothing unusual about it.
pub(crate) fn put_records(body: &[u8]) -> Option<PutRecordsInput> {
    let Object::<PutRecords<'_>>(put) = serde_json::from_slice(body).ok()?;
    let table = Table::get();
    let stream = table.target(put.stream_name, put.stream_arn, put.stream_id)?;
    let records = put.records.0;
    if records.is_empty() {
        return None;
    }
    let capacity = records
        .iter()
        .map(|entry| decoded_len_max(&entry.data))
        .sum();
    let mut buffer = Vec::with_capacity(capacity);
    let mut ends = Vec::with_capacity(records.len());
    for entry in &records {
        decode(&entry.data, &mut buffer)?;
        ends.push(buffer.len());
    }
    let buffer = Bytes::from(buffer);
    let mut start = 0;
    let mut entries = Vec::with_capacity(records.len());
    for (entry, end) in records.into_iter().zip(ends) {
        entries.push(PutRecordsEntry {
            data: buffer.slice(start..end),
            partition_key: table.partition_key(entry.partition_key)?,
            explicit_hash_key: decimal(entry.explicit_hash_key, HASH_KEY_DIGITS_MAX)?,
        });
        start = end;
    }
    Some(PutRecordsInput {
        stream,
        records: entries,
        dry_run: put.dry_run.is_some_and(|Flag(set)| set),
    })
}

#[derive(Deserialize)]
struct PutRecord<'a> {
    #[serde(borrow, rename = "StreamName")]
    stream_name: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "StreamId")]
    stream_id: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "Data")]
    data: Cow<'a, str>,
    #[serde(borrow, rename = "PartitionKey")]
    partition_key: Cow<'a, str>,
    #[serde(borrow, rename = "ExplicitHashKey")]
    explicit_hash_key: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "SequenceNumberForOrdering")]
    ordering: Option<Borrowed<'a>>,
    #[serde(rename = "DryRun")]
    dry_run: Option<Flag>,
}

#[derive(Deserialize)]
struct PutRecords<'a> {
    #[serde(borrow, rename = "StreamName")]
    stream_name: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "StreamARN")]
    stream_arn: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "StreamId")]
    stream_id: Option<Borrowed<'a>>,
    #[serde(borrow, rename = "Records")]
    records: Records<'a>,
    #[serde(rename = "DryRun")]
    dry_run: Option<Flag>,
}

#[derive(Deserialize)]
struct RecordEntry<'a> {
    #[serde(borrow, rename = "Data")]
    data: Cow<'a, str>,
    #[serde(borrow, rename = "PartitionKey")]
    partition_key: Cow<'a, str>,
    #[serde(borrow, rename = "ExplicitHashKey")]
    explicit_hash_key: Option<Borrowed<'a>>,
}

/// The visitor's answer to a text where something else should be. Without it serde prints the text into an error,
/// megabytes of it.
macro_rules! give_up_on_text {
    () => {
        fn visit_str<E: Error>(self, _text: &str) -> Result<Self::Value, E> {
            Err(E::custom("a text"))
        }
    };
}

/// A structure, or nothing that is kept.
struct Object<T>(T);

impl<'de, T: Deserialize<'de> + Named> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Named> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            give_up_on_text!();

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a structure")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(Known(map, T::NAMES))).map(Object)
            }
        }
        deserializer.deserialize_any(Members(PhantomData))
    }
}

/// A structure whose members are known by name.
trait Named {
    const NAMES: &'static [&'static str];
}

impl Named for PutRecord<'_> {
    const NAMES: &'static [&'static str] = &[
        "StreamName",
        "Data",
        "PartitionKey",
        "StreamARN",
        "StreamId",
        "ExplicitHashKey",
        "SequenceNumberForOrdering",
        "DryRun",
    ];
}

impl Named for PutRecords<'_> {
    const NAMES: &'static [&'static str] =
        &["Records", "StreamName", "StreamARN", "StreamId", "DryRun"];
}

impl Named for RecordEntry<'_> {
    const NAMES: &'static [&'static str] = &["Data", "PartitionKey", "ExplicitHashKey"];
}

/// The members of a structure up to the first whose name is not one of these: what is skipped is not judged. serde's own
/// refusal would print the name, megabytes of it.
struct Known<A>(A, &'static [&'static str]);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Known<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let name = self.0.next_key_seed(OneOf(self.1))?;
        name.map(|name| seed.deserialize(StrDeserializer::new(name)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

/// One of these names.
struct OneOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for OneOf {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf {
    type Value = &'static str;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a known member")
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        let mut known = self.0.iter();
        let found = known.find(|known| **known == v).copied();
        found.ok_or_else(|| E::custom("an unknown member"))
    }
}

/// True or false.
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Flag;

            give_up_on_text!();

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true or false")
            }

            fn visit_bool<E: Error>(self, v: bool) -> Result<Self::Value, E> {
                Ok(Flag(v))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// At most as many entries as are allowed: a longer list is not built.
struct Records<'a>(Vec<RecordEntry<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<RecordEntry<'de>>;

            give_up_on_text!();

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Object(entry)) = seq.next_element()? {
                    if entries.len() == PUT_RECORDS_ENTRIES_MAX {
                        return Err(A::Error::custom("too many records"));
                    }
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_any(Entries).map(Records)
    }
}

/// The shapes that puts are checked against, looked up once.
struct Table {
    stream_name: &'static Shape,
    stream_arn: &'static Shape,
    stream_id: &'static Shape,
    partition_key: &'static Shape,
}

impl Table {
    fn get() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let model = Model::get();
            let input = model.input(Operation::PutRecord);
            let shape = |name: &str| {
                let place = input
                    .place(name)
                    .expect("a member of PutRecord in the committed model");
                model.shape(input.members[place].shape)
            };
            Self {
                stream_name: shape("StreamName"),
                stream_arn: shape("StreamARN"),
                stream_id: shape("StreamId"),
                partition_key: shape("PartitionKey"),
            }
        })
    }

    fn target(
        &self,
        name: Option<Borrowed<'_>>,
        arn: Option<Borrowed<'_>>,
        id: Option<Borrowed<'_>>,
    ) -> Option<StreamTarget> {
        checked(id, |text| text_fits(text, self.stream_id))?;
        Some(StreamTarget {
            name: checked(name, |text| text_fits(text, self.stream_name))?,
            arn: checked(arn, |text| text_fits(text, self.stream_arn))?,
        })
    }

    fn partition_key(&self, key: Cow<'_, str>) -> Option<String> {
        text_fits(&key, self.partition_key).then(|| key.into_owned())
    }
}

/// `Some(None)` when absent, `None` when it does not fit.
#[expect(
    clippy::option_option,
    reason = "absent and refused are two different things here"
)]
fn checked(text: Option<Borrowed<'_>>, fits: impl FnOnce(&str) -> bool) -> Option<Option<String>> {
    match text {
        None => Some(None),
        Some(Borrowed(text)) => fits(&text).then(|| Some(text.into_owned())),
    }
}

/// The model's pattern for hash keys and sequence numbers, without a regular expression: it is run
/// once per record.
#[expect(
    clippy::option_option,
    reason = "absent and refused are two different things here"
)]
fn decimal(text: Option<Borrowed<'_>>, digits_max: usize) -> Option<Option<String>> {
    checked(text, |text| match text.as_bytes() {
        b"0" => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < digits_max && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    })
}

/// Appends what `data` encodes; `None` when it is not base64 or too long.
fn decode(data: &str, buffer: &mut Vec<u8>) -> Option<()> {
    let before = buffer.len();
    base64_simd::STANDARD.decode_append(data, buffer).ok()?;
    (buffer.len() - before <= RECORD_DATA_BYTES_SCHEMA_MAX).then_some(())
}

fn decoded_len_max(data: &str) -> usize {
    data.len() / 4 * 3
}
