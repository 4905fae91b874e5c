//! Every test over the crate's public face as one program: linking each file by itself costs half a minute of a core. `bombs` and `floods` watch their whole process, and have one each.

mod access;
mod attackers;
mod common;
mod http1;
mod http2;
mod properties;
mod smuggling;
mod strangers;
mod subscribe;
mod tls;
