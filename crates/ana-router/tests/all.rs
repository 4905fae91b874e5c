//! Every test over the crate's public face as one program: linking each file by itself costs half a minute of a core.

mod chaos;
mod common;
mod consumers;
mod failures;
mod fanout;
mod foreign;
mod members;
mod operations;
mod rates;
mod scaling;
mod settings;
mod subscribe;
mod subscribe_flow;
