//! Any bytes as the body of any operation in CBOR.

#![no_main]

use ana_wire::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ana_fuzz_wire::request(Format::Cbor, input));
