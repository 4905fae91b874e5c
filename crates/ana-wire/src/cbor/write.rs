//! The CBOR form of an answer, written straight into one buffer.
//!
//! Structures and lists have indefinite lengths: how many members there are is known only behind
//! the last. Every client reads them, as Amazon's own answers have them.

use std::convert::Infallible;
use std::fmt::{Display, Write};

use minicbor::data::IanaTag;
use minicbor::encode::{Encoder, Error};

use crate::writer::Writer;

const START_CAPACITY_BYTES: usize = 512;
const NO_ERROR: &str = "writing to memory cannot fail";

/// Writes CBOR.
#[derive(Debug)]
pub(crate) struct CborWriter {
    encoder: Encoder<Vec<u8>>,
    /// Where ids and numbers are printed, whose length must stand before them.
    scratch: String,
}

impl CborWriter {
    pub(crate) fn new() -> Self {
        Self {
            encoder: Encoder::new(Vec::with_capacity(START_CAPACITY_BYTES)),
            scratch: String::new(),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.encoder.into_writer()
    }
}

fn written(result: Result<&mut Encoder<Vec<u8>>, Error<Infallible>>) -> &mut Encoder<Vec<u8>> {
    result.expect(NO_ERROR)
}

impl Writer for CborWriter {
    fn reserve(&mut self, bytes: usize) {
        self.encoder.writer_mut().reserve(bytes);
    }

    fn open_structure(&mut self) {
        written(self.encoder.begin_map());
    }

    fn close_structure(&mut self) {
        written(self.encoder.end());
    }

    fn open_list(&mut self) {
        written(self.encoder.begin_array());
    }

    fn close_list(&mut self) {
        written(self.encoder.end());
    }

    fn member(&mut self, name: &'static str) -> &mut Self {
        written(self.encoder.str(name));
        self
    }

    fn text(&mut self, text: &str) {
        written(self.encoder.str(text));
    }

    fn display(&mut self, plain: impl Display) {
        self.scratch.clear();
        write!(self.scratch, "{plain}").expect(NO_ERROR);
        written(self.encoder.str(&self.scratch));
    }

    fn integer(&mut self, value: u64) {
        written(self.encoder.u64(value));
    }

    fn boolean(&mut self, value: bool) {
        written(self.encoder.bool(value));
    }

    /// Tag 1 and whole milliseconds. By the standard tag 1 counts seconds, but AWS's clients refuse
    /// those.
    fn timestamp_ms(&mut self, at_ms: u64) {
        written(written(self.encoder.tag(IanaTag::Timestamp)).u64(at_ms));
    }

    fn blob(&mut self, bytes: &[u8]) {
        written(self.encoder.bytes(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::CborWriter;
    use crate::writer::Writer;

    #[test]
    fn every_kind_of_value_has_its_bytes() {
        let mut out = CborWriter::new();
        out.open_structure();
        out.member("A").open_list();
        out.text("é");
        out.open_structure();
        out.close_structure();
        out.integer(7);
        out.integer(u64::MAX);
        out.close_list();
        out.member("B").boolean(true);
        out.member("C").blob(b"\x00\xff");
        out.member("D").timestamp_ms(1_459_799_926_480);
        out.member("E").display(50);
        out.close_structure();
        let wanted = [
            b"\xbf\x61A\x9f\x62\xc3\xa9\xbf\xff\x07\x1b\xff\xff\xff\xff\xff\xff\xff\xff\xff".as_slice(),
            b"\x61B\xf5\x61C\x42\x00\xff\x61D\xc1\x1b\x00\x00\x01\x53\xe2\xdb\x26\xd0\x61E\x6250\xff",
        ];
        assert_eq!(out.into_bytes(), wanted.concat());
    }
}
