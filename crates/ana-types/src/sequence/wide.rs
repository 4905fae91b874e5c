//! A 192-bit unsigned integer with just what sequence numbers need: decimal in and out, bit fields,
//! comparison.

/// Limbs from the most significant to the least, so that the derived order is the numeric one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Wide([u64; 3]);

/// The greatest power of ten that fits half a limb, and its exponent.
const CHUNK: u64 = 1_000_000_000;
const CHUNK_DIGITS: usize = 9;
/// 192 bits are at most 58 digits: seven chunks.
const DIGITS_MAX: usize = 7 * CHUNK_DIGITS;

/// A value in decimal. On the stack: one is printed for every record of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    digits: [u8; DIGITS_MAX],
    from: usize,
}

impl Decimal {
    /// Without leading zeros.
    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.digits[self.from..]).expect("digits")
    }
}

impl Wide {
    /// `2^bit`.
    pub(super) fn power_of_two(bit: u32) -> Wide {
        let mut value = Wide::default();
        value.put(bit, 1);
        value
    }

    /// Reads decimal digits. `None` for anything else and for values of more than 192 bits.
    pub(super) fn from_decimal(text: &str) -> Option<Wide> {
        if text.is_empty() {
            return None;
        }
        let mut value = Wide::default();
        for byte in text.bytes() {
            if !byte.is_ascii_digit() {
                return None;
            }
            let mut carry = u128::from(byte - b'0');
            for limb in value.0.iter_mut().rev() {
                let sum = u128::from(*limb) * 10 + carry;
                (carry, *limb) = halves(sum);
            }
            if carry != 0 {
                return None;
            }
        }
        Some(value)
    }

    /// The value in decimal.
    pub(super) fn to_decimal(self) -> Decimal {
        let mut halves = [0; 6];
        for (pair, limb) in halves.chunks_exact_mut(2).zip(self.0) {
            pair[0] = limb >> 32;
            pair[1] = limb & u64::from(u32::MAX);
        }
        let mut digits = [b'0'; DIGITS_MAX];
        let mut rest = &mut halves[..];
        let mut end = DIGITS_MAX;
        loop {
            while let [0, ..] = rest {
                rest = &mut rest[1..];
            }
            if rest.is_empty() {
                break;
            }
            let mut chunk = itoa::Buffer::new();
            let chunk = chunk.format(divide_by_chunk(rest)).as_bytes();
            digits[end - chunk.len()..end].copy_from_slice(chunk);
            end -= CHUNK_DIGITS;
        }
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        Decimal {
            digits,
            // One digit is always left.
            from: zeros.min(DIGITS_MAX - 1),
        }
    }

    /// Sets the bits of `field` at `shift` and above. The place must be zero before.
    pub(super) fn put(&mut self, shift: u32, field: u64) {
        let (limb, bit) = place(shift);
        let (high, low) = halves(u128::from(field) << bit);
        self.0[limb] |= low;
        if high != 0 {
            let (_, high) = halves(high);
            self.0[limb.checked_sub(1).expect("the field lies below bit 192")] |= high;
        }
    }

    /// The `width` bits (1 to 64) from `shift` upwards.
    pub(super) fn get(&self, shift: u32, width: u32) -> u64 {
        let (limb, bit) = place(shift);
        let high = limb.checked_sub(1).map_or(0, |above| self.0[above]);
        let both = (u128::from(high) << 64 | u128::from(self.0[limb])) >> bit;
        halves(both).1 & (u64::MAX >> (64 - width))
    }
}

/// Divides a number, halves of limbs from the most significant, by [`CHUNK`] and returns the remainder. A remainder and a
/// half fit 64 bits together: a division of 128 would be a call.
fn divide_by_chunk(halves: &mut [u64]) -> u64 {
    let mut remainder = 0;
    for half in halves {
        let dividend = remainder << 32 | *half;
        *half = dividend / CHUNK;
        remainder = dividend % CHUNK;
    }
    remainder
}

/// Which limb holds bit `shift`, and which bit of it that is.
fn place(shift: u32) -> (usize, u32) {
    let limb = match shift / 64 {
        0 => 2,
        1 => 1,
        _ => 0,
    };
    (limb, shift % 64)
}

/// The high half (as u128, for carries) and the low half.
fn halves(value: u128) -> (u128, u64) {
    let bytes = value.to_be_bytes();
    let (_, low) = bytes.split_at(8);
    let low = u64::from_be_bytes(low.try_into().expect("half of 16 bytes is 8"));
    (value >> 64, low)
}
