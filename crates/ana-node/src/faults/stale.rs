//! Descriptions that are old: what was answered is answered again, unchanged, until it is so old.
//!
//! Must stay true: an answer is repeated for the very same request and under the same fault only; what a fault kept is
//! forgotten soon after it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ana_env::time::{self, Instant};
use ana_wire::{Request, Response};

/// Descriptions that are kept: of a fault's busiest streams, in all their pages.
const KEPT_MAX: usize = 256;

#[derive(Debug)]
struct Kept {
    /// The fault under which it was answered.
    serial: u64,
    request: Request,
    response: Response,
    at: Instant,
}

/// What was answered while descriptions were to be old.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    kept: Mutex<Vec<Kept>>,
}

impl Descriptions {
    /// What the same request was answered under the same fault, if that is not older than `age`.
    pub(super) fn recall(&self, serial: u64, request: &Request, age: Duration) -> Option<Response> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut same = kept.iter();
        let found = same.find(|each| each.serial == serial && each.request == *request)?;
        (found.at.elapsed() < age).then(|| found.response.clone())
    }

    /// Keeps an answer, and forgets those for which `is_on` says that their fault is over.
    pub(super) fn keep(
        &self,
        serial: u64,
        request: Request,
        response: Response,
        is_on: impl Fn(u64) -> bool,
    ) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|each| {
            let replaced = each.serial == serial && each.request == request;
            !replaced && is_on(each.serial)
        });
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept {
            serial,
            request,
            response,
            at: time::now(),
        });
    }
}
