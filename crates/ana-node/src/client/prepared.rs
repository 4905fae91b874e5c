//! Requests that are encoded and signed ahead and then sent many times, as a load generator needs them.
//!
//! Must stay true: a signature is renewed long before any server finds it too old (AWS and we allow five minutes).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::Client;
use super::error::ClientError;

/// A signature is made anew when the clock has gone so far since, in either direction.
const RENEW_AFTER_MS: u64 = 60_000;

/// One request, ready to be sent any number of times.
#[derive(Debug)]
pub struct Prepared {
    operation: &'static str,
    body: Bytes,
    signed: Mutex<Signed>,
}

#[derive(Debug)]
struct Signed {
    at_ms: u64,
    request: Request<Full<Bytes>>,
}

impl Client {
    /// Encodes and signs a request whose body is JSON already.
    ///
    /// # Errors
    /// When it cannot be written as a request.
    pub fn prepare(&self, operation: &'static str, body: Bytes) -> Result<Prepared, ClientError> {
        let signed = Mutex::new(self.sign_now(operation, &body)?);
        Ok(Prepared {
            operation,
            body,
            signed,
        })
    }

    /// Sends a prepared request once and gives back the body of a good answer.
    ///
    /// # Errors
    /// What the service says, and every way in which the connection can fail.
    pub async fn send_prepared(&self, prepared: &Prepared) -> Result<Bytes, ClientError> {
        let request = self.signed_freshly(prepared)?;
        self.carry_out(prepared.operation, request).await
    }

    fn signed_freshly(&self, prepared: &Prepared) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut signed = prepared
            .signed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_old(signed.at_ms, self.env().clock.now_ms()) {
            *signed = self.sign_now(prepared.operation, &prepared.body)?;
        }
        Ok(signed.request.clone())
    }

    fn sign_now(&self, operation: &'static str, body: &Bytes) -> Result<Signed, ClientError> {
        let at_ms = self.env().clock.now_ms();
        let request = self.kinesis_request(operation, body.clone())?;
        Ok(Signed { at_ms, request })
    }
}

fn is_old(signed_at_ms: u64, now_ms: u64) -> bool {
    now_ms.abs_diff(signed_at_ms) >= RENEW_AFTER_MS
}

#[cfg(test)]
mod tests {
    use super::is_old;

    #[test]
    fn a_signature_is_renewed_after_a_minute_and_when_the_clock_was_set_back() {
        for (signed_at_ms, now_ms, expected) in [
            (1_000_000, 1_000_000, false),
            (1_000_000, 1_059_999, false),
            (1_000_000, 1_060_000, true),
            (1_000_000, 940_000, true),
        ] {
            assert_eq!(is_old(signed_at_ms, now_ms), expected, "{now_ms}");
        }
    }
}
