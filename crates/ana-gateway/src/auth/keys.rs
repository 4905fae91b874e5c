//! Signing keys: derived from a secret for one day, one region and one service, and kept for as long as they are used.
//!
//! A cache belongs to one region and one service, so what tells its entries apart is the access key and the day.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::canonical::TERMINATOR;

/// Keys held. Every caller has one or two at a time (the days on both sides of midnight), and those with requests signed
/// days in advance a few more; beyond it the oldest day is dropped, and a key is derived anew when it is needed.
const KEYS_MAX: usize = 16_384;

/// A key for one day.
pub(super) type SigningKey = Zeroizing<[u8; 32]>;

/// Whose key for which day: the day and the access key.
type Place = (String, Arc<str>);

/// Keys by day and access key.
#[derive(Default)]
pub(super) struct KeyCache {
    keys: Mutex<BTreeMap<Place, Arc<SigningKey>>>,
}

impl KeyCache {
    /// The key of a caller for a day.
    pub(super) fn get(
        &self,
        access_key: &Arc<str>,
        secret: &str,
        day: &str,
        (region, service): (&str, &str),
    ) -> Arc<SigningKey> {
        let place = (day.to_owned(), Arc::clone(access_key));
        let held = self.lock().get(&place).map(Arc::clone);
        if let Some(key) = held {
            return key;
        }
        let key = Arc::new(derive(secret, day, region, service));
        let mut keys = self.lock();
        if keys.len() >= KEYS_MAX {
            keys.pop_first();
        }
        keys.insert(place, Arc::clone(&key));
        key
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Arc<SigningKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

/// The key of a secret for one day, region and service.
pub(super) fn derive(secret: &str, day: &str, region: &str, service: &str) -> SigningKey {
    let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret.as_bytes());
    let mut key = sign(&start, day.as_bytes());
    for part in [region, service, TERMINATOR] {
        key = sign(&*key, part.as_bytes());
    }
    key
}

/// HMAC-SHA-256.
pub(super) fn sign(key: &[u8], message: &[u8]) -> SigningKey {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    let mut bytes: [u8; 32] = mac.finalize().into_bytes().into();
    let out = Zeroizing::new(bytes);
    bytes.zeroize();
    out
}
