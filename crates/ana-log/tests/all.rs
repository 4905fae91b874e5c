//! Every test over the crate's public face as one program: linking each file by itself costs half a minute of a core.

mod basics;
mod common;
mod crash;
mod damage;
mod faults;
mod real_disk;
