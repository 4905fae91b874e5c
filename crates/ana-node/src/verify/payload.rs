//! What a verification record says about itself, and how a reader knows it is undamaged.
//!
//! JSON, so that a person sees it in `ana tail`: the run, the producer, the counter, a CRC-32C over
//! those three, and padding up to the size asked for.

use serde::{Deserialize, Serialize};

/// Identity of a verification record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Which run of `ana verify` wrote it.
    pub run: String,
    /// Which of its producers.
    pub producer: u32,
    /// Counts from 0 per producer, without gaps.
    pub counter: u64,
}

#[derive(Serialize, Deserialize)]
struct Encoded<'a> {
    run: &'a str,
    producer: u32,
    counter: u64,
    crc: u32,
    #[serde(default)]
    pad: &'a str,
}

impl Payload {
    /// The record's data, at least `bytes_min` long.
    pub fn encode(&self, bytes_min: usize) -> Vec<u8> {
        let bare = self.encode_padded("");
        if bare.len() >= bytes_min {
            return bare;
        }
        self.encode_padded(&"x".repeat(bytes_min - bare.len()))
    }

    fn encode_padded(&self, pad: &str) -> Vec<u8> {
        let crc = self.crc(pad);
        let encoded = Encoded {
            run: &self.run,
            producer: self.producer,
            counter: self.counter,
            crc,
            pad,
        };
        serde_json::to_vec(&encoded).expect("a struct of numbers and strings is always JSON")
    }

    /// Reads a record's data; `None` when it is not one of ours or is damaged.
    pub fn decode(data: &[u8]) -> Option<Payload> {
        let encoded: Encoded<'_> = serde_json::from_slice(data).ok()?;
        let payload = Payload {
            run: encoded.run.to_owned(),
            producer: encoded.producer,
            counter: encoded.counter,
        };
        (payload.crc(encoded.pad) == encoded.crc).then_some(payload)
    }

    fn crc(&self, pad: &str) -> u32 {
        let crc = crc32c::crc32c(self.run.as_bytes());
        let crc = crc32c::crc32c_append(crc, &self.producer.to_be_bytes());
        let crc = crc32c::crc32c_append(crc, &self.counter.to_be_bytes());
        crc32c::crc32c_append(crc, pad.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_noticed() {
        let payload = Payload {
            run: "r1".to_owned(),
            producer: 3,
            counter: 17,
        };
        let data = payload.encode(200);
        assert!(data.len() >= 200);
        assert_eq!(Payload::decode(&data), Some(payload));
        let text = String::from_utf8(data).expect("JSON is UTF-8");
        for damaged in [
            text.replace("17", "18"),
            text.replacen("xx", "xy", 1),
            "{}".to_owned(),
        ] {
            assert_eq!(Payload::decode(damaged.as_bytes()), None, "{damaged}");
        }
    }
}
