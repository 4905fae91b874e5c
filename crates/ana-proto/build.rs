//! Compiles `/proto` with protox, a compiler written in Rust: no `protoc` is needed.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(["node.proto", "raft.proto"], [&root])?;
    tonic_prost_build::configure()
        // Payloads stay slices of the buffer they arrived in.
        .bytes(".")
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}
