//! Sealed segments that were read lately: their open file and their index.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ana_env::File;

use crate::index::SegmentIndex;

/// A sealed segment opened for reading.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) file: Arc<dyn File>,
    pub(crate) index: SegmentIndex,
}

/// Files kept open at most, whatever the size of their indexes.
const OPEN_MAX: usize = 64;

/// Least recently used goes first. The one used last always stays.
#[derive(Debug)]
pub(crate) struct IndexCache {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<u64, (Arc<Loaded>, u64)>,
    bytes: usize,
    uses: u64,
}

impl IndexCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, segment: u64) -> Option<Arc<Loaded>> {
        let mut inner = self.lock();
        inner.uses += 1;
        let now = inner.uses;
        let (loaded, used) = inner.entries.get_mut(&segment)?;
        *used = now;
        Some(Arc::clone(loaded))
    }

    pub(crate) fn put(&self, segment: u64, loaded: Arc<Loaded>) {
        let mut inner = self.lock();
        inner.uses += 1;
        let now = inner.uses;
        inner.bytes += loaded.index.memory_bytes();
        if let Some((old, _)) = inner.entries.insert(segment, (loaded, now)) {
            inner.bytes -= old.index.memory_bytes();
        }
        while inner.entries.len() > 1
            && (inner.bytes > self.bytes_max || inner.entries.len() > OPEN_MAX)
        {
            let oldest = inner.entries.iter().min_by_key(|(_, (_, used))| *used);
            let Some(segment) = oldest.map(|(segment, _)| *segment) else {
                break;
            };
            inner.remove(segment);
        }
    }

    pub(crate) fn remove(&self, segment: u64) {
        self.lock().remove(segment);
    }

    pub(crate) fn clear(&self) {
        *self.lock() = Inner::default();
    }
}

impl Inner {
    fn remove(&mut self, segment: u64) {
        if let Some((loaded, _)) = self.entries.remove(&segment) {
            self.bytes -= loaded.index.memory_bytes();
        }
    }
}
