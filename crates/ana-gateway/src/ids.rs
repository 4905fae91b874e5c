//! The two ids that AWS gives every answer.

use ana_env::Rng;
use http::HeaderValue;
use uuid::{Builder, Uuid};

const UUID_BYTES: usize = 16;
/// AWS sends 64 to 80 bytes in base64.
const ID_2_BYTES: usize = 72;

/// Ids of one request.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// `x-amzn-RequestId`.
    pub(crate) request_id: Uuid,
    /// `x-amz-id-2`.
    pub(crate) id_2: HeaderValue,
}

impl RequestIds {
    pub(crate) fn draw(rng: &dyn Rng) -> Self {
        let mut bits = [0; UUID_BYTES + ID_2_BYTES];
        rng.fill(&mut bits);
        let (uuid, id_2) = bits.split_first_chunk().expect("longer than an id");
        let id_2 = base64_simd::STANDARD.encode_to_string(id_2);
        Self {
            request_id: Builder::from_random_bytes(*uuid).into_uuid(),
            id_2: HeaderValue::try_from(id_2).expect("base64 is a legal header value"),
        }
    }
}
