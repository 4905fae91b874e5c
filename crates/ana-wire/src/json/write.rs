//! The JSON form of an answer, written straight into one buffer.

use std::fmt::Display;
use std::io::Write;

use crate::writer::Writer;

const START_CAPACITY_BYTES: usize = 512;
const NO_ERROR: &str = "writing to memory cannot fail";

/// Writes JSON without spaces.
#[derive(Debug)]
pub(crate) struct JsonWriter {
    buffer: Vec<u8>,
    /// A comma belongs before the next member or element.
    comma_due: bool,
}

impl JsonWriter {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(START_CAPACITY_BYTES),
            comma_due: false,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Whatever comes next stands behind what came before.
    fn begin(&mut self) {
        if self.comma_due {
            self.buffer.push(b',');
        }
        self.comma_due = true;
    }

    fn open(&mut self, bracket: u8) {
        self.begin();
        self.buffer.push(bracket);
        self.comma_due = false;
    }

    fn close(&mut self, bracket: u8) {
        self.buffer.push(bracket);
        self.comma_due = true;
    }

    fn plain(&mut self, value: impl Display) {
        write!(self.buffer, "{value}").expect(NO_ERROR);
    }

    fn number(&mut self, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.buffer
            .extend_from_slice(digits.format(value).as_bytes());
    }
}

impl Writer for JsonWriter {
    fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(bytes);
    }

    fn open_structure(&mut self) {
        self.open(b'{');
    }

    fn close_structure(&mut self) {
        self.close(b'}');
    }

    fn open_list(&mut self) {
        self.open(b'[');
    }

    fn close_list(&mut self) {
        self.close(b']');
    }

    fn member(&mut self, name: &'static str) -> &mut Self {
        self.begin();
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
        self.comma_due = false;
        self
    }

    fn text(&mut self, text: &str) {
        self.begin();
        serde_json::to_writer(&mut self.buffer, text).expect(NO_ERROR);
    }

    fn display(&mut self, plain: impl Display) {
        self.begin();
        self.buffer.push(b'"');
        self.plain(plain);
        self.buffer.push(b'"');
    }

    fn integer(&mut self, value: u64) {
        self.begin();
        self.number(value);
    }

    fn boolean(&mut self, value: bool) {
        self.begin();
        self.plain(value);
    }

    /// Seconds, with a fraction of up to three digits when there is one.
    fn timestamp_ms(&mut self, at_ms: u64) {
        self.begin();
        self.number(at_ms / 1000);
        let ms = at_ms % 1000;
        if ms == 0 {
            return;
        }
        // The thousand in front keeps the zeros behind the point.
        let mut fraction = ms + 1000;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
        }
        let point = self.buffer.len();
        self.number(fraction);
        self.buffer[point] = b'.';
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.begin();
        self.buffer.push(b'"');
        base64_simd::STANDARD.encode_append(bytes, &mut self.buffer);
        self.buffer.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::JsonWriter;
    use crate::writer::Writer;

    #[test]
    fn commas_stand_only_between() {
        let mut out = JsonWriter::new();
        out.open_structure();
        out.member("A").open_list();
        out.text("x\"\n\u{7f}é");
        out.open_structure();
        out.close_structure();
        out.open_list();
        out.close_list();
        out.integer(7);
        out.close_list();
        out.member("B").boolean(true);
        out.member("C").open_structure();
        out.member("D").blob(b"abcd");
        out.member("E").blob(b"");
        out.close_structure();
        out.member("F").display(5);
        out.close_structure();
        let text = String::from_utf8(out.into_bytes()).expect("UTF-8");
        let wanted =
            r#"{"A":["x\"\n\u007fé",{},[],7],"B":true,"C":{"D":"YWJjZA==","E":""},"F":"5"}"#;
        assert_eq!(text, wanted.replace(r"\u007f", "\u{7f}"));
    }

    #[test]
    fn times_have_as_many_digits_as_they_need() {
        for (ms, text) in [
            (1_459_799_926_480, "1459799926.48"),
            (1_459_799_926_000, "1459799926"),
            (0, "0"),
            (1_459_799_926_400, "1459799926.4"),
            (1_459_799_926_004, "1459799926.004"),
            (1_459_799_926_040, "1459799926.04"),
            (999, "0.999"),
        ] {
            let mut out = JsonWriter::new();
            out.timestamp_ms(ms);
            assert_eq!(out.into_bytes(), text.as_bytes());
        }
    }
}
