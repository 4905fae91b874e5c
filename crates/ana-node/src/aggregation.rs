//! Records that the Kinesis Producer Library packed into one: opened for people and for verification.
//!
//! Four magic bytes, a protobuf message, sixteen bytes of MD5 over the message. The service knows nothing of it; a
//! record that is not exactly that (a wrong sum, an index that leads nowhere) is an ordinary record.

use bytes::Bytes;
use md5::{Digest, Md5};
use prost::Message;

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const SUM_BYTES: usize = 16;

/// One record out of an aggregated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Its place in the aggregated record, from 0: together with the sequence number it is unique.
    pub sub_sequence: u64,
    /// The key its producer gave it.
    pub partition_key: String,
    /// The hash key its producer gave it.
    pub explicit_hash_key: Option<String>,
    /// Its data.
    pub data: Bytes,
}

/// Tags are read over: nothing here has a use for them.
#[derive(Clone, PartialEq, Message)]
struct Aggregated {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Packed>,
}

#[derive(Clone, PartialEq, Message)]
struct Packed {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", required, tag = "3")]
    data: Bytes,
}

/// The records within an aggregated record's data; `None` when the data is not that of an aggregated record.
pub fn open(data: &[u8]) -> Option<Vec<UserRecord>> {
    let (message, sum) = data.strip_prefix(&MAGIC)?.split_last_chunk::<SUM_BYTES>()?;
    if Md5::digest(message).as_slice() != sum {
        return None;
    }
    let Aggregated {
        partition_key_table,
        explicit_hash_key_table,
        records,
    } = Aggregated::decode(Bytes::copy_from_slice(message)).ok()?;
    let of = |table: &[String], index: u64| table.get(usize::try_from(index).ok()?).cloned();
    (0..)
        .zip(records)
        .map(|(sub_sequence, packed)| {
            let explicit_hash_key = match packed.explicit_hash_key_index {
                Some(index) => Some(of(&explicit_hash_key_table, index)?),
                None => None,
            };
            Some(UserRecord {
                sub_sequence,
                partition_key: of(&partition_key_table, packed.partition_key_index)?,
                explicit_hash_key,
                data: packed.data,
            })
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Packs as a producer does: every key once in its table.
    pub(crate) fn pack(records: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
        let mut keys: Vec<String> = Vec::new();
        let mut hash_keys: Vec<String> = Vec::new();
        let place = |table: &mut Vec<String>, key: &str| {
            let known = table.iter().position(|known| known == key);
            let at = known.unwrap_or_else(|| {
                table.push(key.to_owned());
                table.len() - 1
            });
            u64::try_from(at).expect("a small table")
        };
        let records = records.iter().map(|(key, hash_key, data)| Packed {
            partition_key_index: place(&mut keys, key),
            explicit_hash_key_index: hash_key.map(|key| place(&mut hash_keys, key)),
            data: Bytes::copy_from_slice(data),
        });
        let records = records.collect();
        seal(&Aggregated {
            partition_key_table: keys,
            explicit_hash_key_table: hash_keys,
            records,
        })
    }

    fn seal(message: &Aggregated) -> Vec<u8> {
        let message = message.encode_to_vec();
        let sum = Md5::digest(&message);
        [MAGIC.as_slice(), &message, sum.as_slice()].concat()
    }

    #[test]
    fn what_was_packed_comes_out() {
        let data = pack(&[
            ("a", None, b"one"),
            ("b", Some("7"), b""),
            ("a", Some("7"), b"three"),
        ]);
        let record =
            |sub_sequence, key: &str, hash_key: Option<&str>, data: &'static [u8]| UserRecord {
                sub_sequence,
                partition_key: key.to_owned(),
                explicit_hash_key: hash_key.map(str::to_owned),
                data: Bytes::from_static(data),
            };
        assert_eq!(
            open(&data),
            Some(vec![
                record(0, "a", None, b"one"),
                record(1, "b", Some("7"), b""),
                record(2, "a", Some("7"), b"three"),
            ])
        );
    }

    /// Bytes made by hand from the published format, tags and all, so that reader and writer cannot agree on a mistake.
    #[test]
    fn the_published_format_is_read() {
        let message = [
            b"\x0a\x01k".as_slice(),               // partition_key_table: "k"
            b"\x12\x02\x34\x32",                   // explicit_hash_key_table: "42"
            b"\x1a\x10\x08\x00\x10\x00\x1a\x02hi", // a record: key 0, hash key 0, "hi" ...
            b"\x22\x06\x0a\x01t\x12\x01v",         // ... and a tag t=v
        ]
        .concat();
        let data = [MAGIC.as_slice(), &message, Md5::digest(&message).as_slice()].concat();
        let opened = open(&data).expect("an aggregated record");
        assert_eq!(opened.len(), 1);
        assert_eq!(opened[0].partition_key, "k");
        assert_eq!(opened[0].explicit_hash_key.as_deref(), Some("42"));
        assert_eq!(opened[0].data, "hi");
    }

    #[test]
    fn anything_else_is_an_ordinary_record() {
        let good = pack(&[("a", None, b"one")]);
        assert!(open(&good).is_some());
        for damaged in 0..good.len() {
            let mut data = good.clone();
            data[damaged] ^= 1;
            assert_eq!(open(&data), None, "byte {damaged}");
        }
        for length in 0..good.len() {
            assert_eq!(open(&good[..length]), None, "{length} bytes");
        }
        let leads_nowhere = |partition_key_index, explicit_hash_key_index| {
            seal(&Aggregated {
                partition_key_table: vec!["a".to_owned()],
                explicit_hash_key_table: vec![],
                records: vec![Packed {
                    partition_key_index,
                    explicit_hash_key_index,
                    data: Bytes::new(),
                }],
            })
        };
        assert!(open(&leads_nowhere(0, None)).is_some());
        assert_eq!(open(&leads_nowhere(1, None)), None);
        assert_eq!(open(&leads_nowhere(u64::MAX, None)), None);
        assert_eq!(open(&leads_nowhere(0, Some(0))), None);
    }
}
