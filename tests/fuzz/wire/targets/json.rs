//! Any bytes as the body of any operation in JSON.

#![no_main]

use ana_wire::Format;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ana_fuzz_wire::request(Format::Json, input));
