//! ana
fn main() {}
