//! Sealed tokens: what a client carries for us and must neither read nor change.
//!
//! XChaCha20-Poly1305 under the cluster's secret, so that every node opens what any node sealed. The
//! extended nonce (24 bytes) is drawn at random for each token: with the short one, a busy cluster
//! would come near repeating a nonce within days, and a repeated nonce lets tokens be forged.
//!
//! Must stay true: tokens of different purpose never pass for each other (the purpose is
//! authenticated data); opening a token of any length and content is cheap and never panics.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// The cluster's secret.
pub type Secret = [u8; 32];

/// Fresh randomness for one token; never the same twice.
pub type Nonce = [u8; 24];

/// What a token is for, and which version of its content.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Iterator,
    Page,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Iterator => b"anabranch shard iterator 1",
            Self::Page => b"anabranch next token 1",
        }
    }
}

/// Seals `content` into base64.
pub(crate) fn seal(secret: &Secret, nonce: &Nonce, purpose: Purpose, content: &[u8]) -> String {
    let payload = Payload {
        msg: content,
        aad: purpose.label(),
    };
    let sealed = XChaCha20Poly1305::new(secret.into())
        .encrypt(&XNonce::from(*nonce), payload)
        .expect("a few hundred bytes are far below the cipher's limit");
    base64_simd::STANDARD.encode_to_string([nonce.as_slice(), &sealed].concat())
}

/// The content of a token that was sealed for the same purpose under the same secret.
pub(crate) fn open(secret: &Secret, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
    let bytes = base64_simd::STANDARD.decode_to_vec(token).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<{ size_of::<Nonce>() }>()?;
    let payload = Payload {
        msg: sealed,
        aad: purpose.label(),
    };
    XChaCha20Poly1305::new(secret.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
}

/// Takes a token's content apart from the front.
#[derive(Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// `Some` when nothing is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
#[path = "seal/edits_test.rs"]
mod edits_test;
