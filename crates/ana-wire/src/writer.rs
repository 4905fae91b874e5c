//! What an answer is written with: one trait, so that a shape is described once for every format.
//!
//! The formats are JSON ([`crate::json::JsonWriter`]) and CBOR ([`crate::cbor::CborWriter`]).
//! Must stay true: writing cannot fail (the target is memory), and calls come in a legal order
//! (a member's value follows its name, every open is closed); the shapes are the only callers.

use std::fmt::Display;

/// A format that answers are written in.
pub(crate) trait Writer {
    /// Makes room for about so many further bytes at once.
    fn reserve(&mut self, bytes: usize);
    /// Begins a structure.
    fn open_structure(&mut self);
    /// Ends a structure.
    fn close_structure(&mut self);
    /// Begins a list.
    fn open_list(&mut self);
    /// Ends a list.
    fn close_list(&mut self);
    /// Names the member whose value comes next.
    fn member(&mut self, name: &'static str) -> &mut Self;
    /// A string.
    fn text(&mut self, text: &str);
    /// A string made of digits, letters and hyphens (ids, decimal numbers): needs no escaping.
    fn display(&mut self, plain: impl Display);
    /// An integer.
    fn integer(&mut self, value: u64);
    /// A truth value.
    fn boolean(&mut self, value: bool);
    /// A point in time, given in Unix milliseconds.
    fn timestamp_ms(&mut self, at_ms: u64);
    /// Raw bytes.
    fn blob(&mut self, bytes: &[u8]);
}
