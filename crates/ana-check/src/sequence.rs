//! Sequence numbers as a client compares them: by value, never by text.

use std::fmt;

use serde::{Serialize, Serializer};

/// A sequence number of up to 192 bits (AWS's have 186), most significant word first, so that the
/// derived order is the numeric one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence([u64; 3]);

impl Sequence {
    /// No number at all: an answer that had none, or one that cannot be read.
    pub const NONE: Sequence = Sequence([0; 3]);

    /// Reads an answer's number; [`Sequence::NONE`] if it is none.
    pub fn read(text: &str) -> Sequence {
        text.parse().unwrap_or_default()
    }

    /// Whether it is no number, or 0, which no service gives.
    pub fn is_none(self) -> bool {
        self == Sequence::NONE
    }

    /// The next greater number.
    #[must_use]
    pub fn next(self) -> Sequence {
        let mut words = self.0;
        for word in words.iter_mut().rev() {
            *word = word.wrapping_add(1);
            if *word != 0 {
                break;
            }
        }
        Sequence(words)
    }

    /// The counter of a number of AWS's version 2 (`ana-types/src/sequence.rs`), which no record has as 0.
    pub fn counter(self) -> Option<u64> {
        let Sequence([high, middle, low]) = self;
        let is_version_2 = high >> 56 == 2 && low & 0xf == 2;
        is_version_2.then_some(((high & 0xffff) << 48) | (middle >> 16))
    }
}

impl From<u64> for Sequence {
    fn from(number: u64) -> Sequence {
        Sequence([0, 0, number])
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Sequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a decimal number of at most 192 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number")]
pub struct SequenceTextError;

impl std::str::FromStr for Sequence {
    type Err = SequenceTextError;

    fn from_str(text: &str) -> Result<Sequence, SequenceTextError> {
        if text.is_empty() {
            return Err(SequenceTextError);
        }
        let mut words = [0_u64; 3];
        for character in text.chars() {
            let mut carry = u128::from(character.to_digit(10).ok_or(SequenceTextError)?);
            for word in words.iter_mut().rev() {
                let value = u128::from(*word) * 10 + carry;
                *word = low_half(value);
                carry = value >> 64;
            }
            if carry != 0 {
                return Err(SequenceTextError);
            }
        }
        Ok(Sequence(words))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0;
        let mut digits = Vec::new();
        while words != [0; 3] {
            let mut rest = 0_u128;
            for word in &mut words {
                let value = (rest << 64) | u128::from(*word);
                *word = low_half(value / 10);
                rest = value % 10;
            }
            digits.push(char::from(b'0' + u8::try_from(rest).unwrap_or(0)));
        }
        if digits.is_empty() {
            digits.push('0');
        }
        f.write_str(&digits.iter().rev().collect::<String>())
    }
}

fn low_half(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Sequence {
        text.parse().expect("a good number")
    }

    #[test]
    fn numbers_go_there_and_back_and_compare_by_value() {
        let aws = "49590338271490256608559692538361571095921575989136588898";
        for text in ["0", "7", "18446744073709551616", aws] {
            assert_eq!(read(text).to_string(), text);
        }
        assert!(read("9") < read("10"));
        assert!(read("99999999999999999999") < read(aws));
    }

    #[test]
    fn the_counter_is_the_position_of_our_own_numbers() {
        let number = |position| ana_types::SequenceNumber {
            created_s: 1_767_225_600,
            shard: ana_types::ShardIndex(7),
            position,
            time_s: 1_767_225_601,
        };
        for position in [
            ana_types::Position(0),
            ana_types::Position::new(300, 65_535),
        ] {
            let sequence = read(&number(position).to_string());
            assert_eq!(sequence.counter(), Some(position.0));
        }
        assert_eq!(read("17").counter(), None);
    }

    #[test]
    fn the_next_number_carries() {
        assert_eq!(read("9").next(), read("10"));
        assert_eq!(
            read("18446744073709551615").next(),
            read("18446744073709551616")
        );
    }

    #[test]
    fn other_texts_are_refused() {
        let too_large = "9".repeat(60);
        for text in ["", "-1", "1e5", "TRIM_HORIZON", too_large.as_str()] {
            assert_eq!(text.parse::<Sequence>(), Err(SequenceTextError), "{text}");
        }
    }
}
