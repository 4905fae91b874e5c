//! Every test over the crate's public face as one program: linking each file by itself costs half a minute of a core.

mod chaos;
mod common;
mod disk;
mod placement;
mod points;
mod propose;
mod rebuild;
mod repair;
mod rest;
mod restart;
mod storage_suite;
mod succession;
mod trim;
