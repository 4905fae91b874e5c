//! Sequence numbers as this client compares them: by value, never by text.

use std::fmt;

/// A sequence number of up to 192 bits (AWS's have 186), most significant word first, so that the
/// derived order is the numeric one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence([u64; 3]);

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
    fn other_texts_are_refused() {
        let too_large = "9".repeat(60);
        for text in ["", "-1", "1e5", "TRIM_HORIZON", too_large.as_str()] {
            assert_eq!(text.parse::<Sequence>(), Err(SequenceTextError), "{text}");
        }
    }
}
