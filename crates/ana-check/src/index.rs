//! A history in the orders the checks need, sorted once.

use crate::history::History;
use crate::work::Work;

/// A history and its orders.
#[derive(Debug)]
pub(crate) struct Index<'h> {
    pub(crate) history: &'h History,
}

impl<'h> Index<'h> {
    pub(crate) fn new(history: &'h History, _work: &mut Work) -> Index<'h> {
        Index { history }
    }
}
