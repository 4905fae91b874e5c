//! Any bytes as an answer of frames, in pieces of any size; and any headers and payload under right checksums, where
//! chance would not come.

#![no_main]

use ana_wire::event_stream::{Frame, FrameError, Reader};
use libfuzzer_sys::fuzz_target;

/// The first byte: the lowest bit says whether the rest is an answer or is put into a frame, the others are the size
/// of the pieces.
fn run(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let answer = if first & 1 == 0 {
        rest.to_vec()
    } else {
        framed(rest)
    };
    let whole = read(&answer, answer.len().max(1));
    let pieces = read(&answer, usize::from(first >> 1) + 1);
    assert_eq!(whole, pieces, "how an answer is cut makes no difference");
}

/// A sound frame: the first two bytes are the length of the headers, then come headers and payload.
fn framed(rest: &[u8]) -> Vec<u8> {
    let Some((length, content)) = rest.split_first_chunk::<2>() else {
        return Vec::new();
    };
    let headers_bytes = usize::from(u16::from_be_bytes(*length)).min(content.len());
    let number = |number: usize| {
        u32::try_from(number)
            .expect("inputs are small")
            .to_be_bytes()
    };
    let mut frame = [number(content.len() + 16), number(headers_bytes)].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(content);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

/// Every frame, and how it ended.
fn read(answer: &[u8], piece_bytes: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut reader = Reader::new();
    let mut frames = Vec::new();
    for piece in answer.chunks(piece_bytes) {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|input: &[u8]| run(input));
