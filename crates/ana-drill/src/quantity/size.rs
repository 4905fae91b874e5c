//! Sizes in bytes and rates in bytes per second.

use super::QuantityError;
use super::decimal::scaled;
use std::fmt;
use std::str::FromStr;

/// Units a text may name, each with its bytes. Printing takes the binary ones.
const UNITS: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

/// A number of bytes each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().filter(|(_, bytes)| bytes.is_power_of_two());
        let fitting = binary
            .filter(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes))
            .max_by_key(|(_, bytes)| *bytes);
        let (name, bytes) = fitting.copied().unwrap_or(("B", 1));
        f.pad(&format!("{}{name}", self.0 / bytes))
    }
}

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Size, QuantityError> {
        read(text).map(Size).ok_or_else(|| QuantityError::Form {
            what: "size",
            text: text.to_owned(),
            like: "200, 64KiB or 10MB",
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", Size(self.0)))
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Rate, QuantityError> {
        text.strip_suffix("/s")
            .and_then(read)
            .filter(|bytes| *bytes > 0)
            .map(Rate)
            .ok_or_else(|| QuantityError::Form {
                what: "rate",
                text: text.to_owned(),
                like: "64KiB/s or 1MB/s",
            })
    }
}

fn read(text: &str) -> Option<u64> {
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, name) = text.split_at_checked(unit_at)?;
    let bytes = match name {
        "" => 1,
        _ => UNITS.iter().find(|(unit, _)| *unit == name)?.1,
    };
    scaled(number, 0)?.checked_mul(bytes)
}
