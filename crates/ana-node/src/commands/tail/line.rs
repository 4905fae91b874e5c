//! One record as `ana tail` prints it: a line of text in the person's format, or a line of JSON.

use serde_json::json;

use crate::aggregation::UserRecord;
use crate::client::kinesis::Record;
use crate::output;

/// What is printed of one record, or of one part of an aggregated record.
#[derive(Debug)]
pub(super) struct Line<'a> {
    shard: &'a str,
    record: &'a Record,
    partition_key: &'a str,
    pub(super) data: &'a [u8],
    part: Option<&'a UserRecord>,
}

impl<'a> Line<'a> {
    pub(super) fn of_record(shard: &'a str, record: &'a Record, data: &'a [u8]) -> Line<'a> {
        Line {
            shard,
            record,
            partition_key: &record.partition_key,
            data,
            part: None,
        }
    }

    /// `part` was packed into `record`.
    pub(super) fn of_part(shard: &'a str, record: &'a Record, part: &'a UserRecord) -> Line<'a> {
        Line {
            shard,
            record,
            partition_key: &part.partition_key,
            data: &part.data,
            part: Some(part),
        }
    }

    pub(super) fn as_json(&self) -> String {
        let mut line = json!({
            "ShardId": self.shard,
            "SequenceNumber": self.record.sequence_number,
            "ApproximateArrivalTimestamp": self.record.approximate_arrival_timestamp,
            "PartitionKey": self.partition_key,
            "Data": self.base64(),
        });
        if let (Some(part), Some(members)) = (self.part, line.as_object_mut()) {
            members.insert("SubSequenceNumber".to_owned(), part.sub_sequence.into());
            if let Some(key) = &part.explicit_hash_key {
                members.insert("ExplicitHashKey".to_owned(), key.as_str().into());
            }
        }
        line.to_string()
    }

    fn base64(&self) -> String {
        match self.part {
            None => self.record.data.clone(),
            Some(part) => base64_simd::STANDARD.encode_to_string(&part.data),
        }
    }

    pub(super) fn push_formatted(&self, text: &mut Vec<u8>, format: &str) {
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            if character != '%' && character != '\\' {
                text.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            match (character, characters.next()) {
                ('%', Some('t')) => {
                    text.extend(output::iso_time(self.record.arrival_ms()).into_bytes());
                }
                ('%', Some('h')) => text.extend(self.shard.as_bytes()),
                ('%', Some('s')) => text.extend(self.record.sequence_number.as_bytes()),
                ('%', Some('k')) => text.extend(self.partition_key.as_bytes()),
                ('%', Some('v')) => text.extend(self.data),
                ('%', Some('b')) => text.extend(self.base64().into_bytes()),
                ('%', Some('u')) => text.extend(self.sub_sequence().into_bytes()),
                ('\\', Some('n')) => text.push(b'\n'),
                ('\\', Some('t')) => text.push(b'\t'),
                ('%', Some('%')) => text.push(b'%'),
                (other, next) => {
                    text.extend(other.encode_utf8(&mut [0; 4]).as_bytes());
                    if let Some(next) = next {
                        text.extend(next.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                }
            }
        }
    }

    fn sub_sequence(&self) -> String {
        self.part
            .map_or("-".to_owned(), |part| part.sub_sequence.to_string())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const FORMAT: &str = r"%t|%h|%s|%u|%k|%v|%b|100%%\t%x";

    fn record() -> Record {
        Record {
            sequence_number: "7".to_owned(),
            approximate_arrival_timestamp: 1.5,
            data: "aGk=".to_owned(),
            partition_key: "k".to_owned(),
        }
    }

    fn part() -> UserRecord {
        UserRecord {
            sub_sequence: 3,
            partition_key: "inner".to_owned(),
            explicit_hash_key: Some("9".to_owned()),
            data: Bytes::from_static(b"yo"),
        }
    }

    fn formatted(line: &Line<'_>) -> String {
        let mut text = Vec::new();
        line.push_formatted(&mut text, FORMAT);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn a_format_prints_each_part() {
        let record = record();
        assert_eq!(
            formatted(&Line::of_record("s0", &record, b"hi")),
            "1970-01-01T00:00:01.500Z|s0|7|-|k|hi|aGk=|100%\t%x"
        );
        assert_eq!(
            formatted(&Line::of_part("s0", &record, &part())),
            "1970-01-01T00:00:01.500Z|s0|7|3|inner|yo|eW8=|100%\t%x"
        );
    }

    #[test]
    fn json_tells_packed_records_apart() {
        let record = record();
        let plain: serde_json::Value =
            serde_json::from_str(&Line::of_record("s0", &record, b"hi").as_json()).expect("JSON");
        assert_eq!(
            plain,
            json!({
                "ShardId": "s0", "SequenceNumber": "7", "ApproximateArrivalTimestamp": 1.5,
                "PartitionKey": "k", "Data": "aGk=",
            })
        );
        let opened: serde_json::Value =
            serde_json::from_str(&Line::of_part("s0", &record, &part()).as_json()).expect("JSON");
        assert_eq!(
            opened,
            json!({
                "ShardId": "s0", "SequenceNumber": "7", "ApproximateArrivalTimestamp": 1.5,
                "PartitionKey": "inner", "Data": "eW8=", "SubSequenceNumber": 3,
                "ExplicitHashKey": "9",
            })
        );
    }
}
