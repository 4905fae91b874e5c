//! Who may call, by access key, as an operator writes it into a file.
//!
//! ```toml
//! [[credential]]
//! access_key = "AKIAIOSFODNN7EXAMPLE"
//! secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
//! session_token = "..."               # optional: requests have to carry it
//! expires = "2027-01-01T00:00:00Z"    # optional: refused from then on
//! ```
//! Must stay true: a secret is never printed, neither by `Debug` nor in an error, and its memory is wiped when it is
//! dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::moment::Moment;

/// Characters of an access key (the model of AWS's IAM: 16..128; local tools use shorter ones).
const ACCESS_KEY_CHARS_MAX: usize = 128;
/// A shorter secret can be found by trying (ours; AWS's have 40).
const SECRET_CHARS_MIN: usize = 16;
/// Bytes of a secret or a session token (ours; AWS names no bound for tokens, and they travel in a head of 64 KiB).
const SECRET_BYTES_MAX: usize = 4096;
/// Entries of one file (ours): all of them are held in memory, with a signing key each.
const ENTRIES_MAX: usize = 10_000;

/// The callers that are known.
pub struct Credentials {
    by_access_key: BTreeMap<Arc<str>, Credential>,
    /// The first entry of the file: the one that our own commands sign with.
    first: Arc<str>,
}

/// One caller.
pub(super) struct Credential {
    pub(super) access_key: Arc<str>,
    pub(super) secret: Zeroizing<String>,
    pub(super) session_token: Option<Zeroizing<String>>,
    pub(super) expires: Option<Moment>,
}

/// Why a text is no list of credentials. Holds nothing of what stands there but the number of a line or an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Not TOML, or not in the form above.
    #[error(
        "line {line}: expected [[credential]] with access_key, secret_key and optionally session_token and expires"
    )]
    Form {
        /// Counted from 1; 0 when it is not known.
        line: usize,
    },
    /// No entry at all.
    #[error("there is no [[credential]] in it: nobody could call")]
    Empty,
    /// More entries than are held.
    #[error("more than {ENTRIES_MAX} credentials")]
    TooMany,
    /// An entry's access key.
    #[error(
        "credential {entry}: access_key must have 1 to {ACCESS_KEY_CHARS_MAX} letters, digits, '_' or '-'"
    )]
    AccessKey {
        /// Counted from 1.
        entry: usize,
    },
    /// An entry's access key is that of an earlier one.
    #[error("credential {entry}: its access_key has an earlier entry")]
    Repeated {
        /// Counted from 1.
        entry: usize,
    },
    /// An entry's secret.
    #[error(
        "credential {entry}: secret_key must have {SECRET_CHARS_MIN} or more printable ASCII characters"
    )]
    Secret {
        /// Counted from 1.
        entry: usize,
    },
    /// An entry's session token.
    #[error("credential {entry}: session_token must be printable ASCII without spaces")]
    SessionToken {
        /// Counted from 1.
        entry: usize,
    },
    /// An entry's end.
    #[error("credential {entry}: expires must be of the form 2027-01-01T00:00:00Z")]
    Expires {
        /// Counted from 1.
        entry: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    credential: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    expires: Option<String>,
}

impl Credentials {
    /// Reads the text of a credentials file.
    ///
    /// # Errors
    /// The text is not of that form, or an entry in it is not usable; nothing of it is used then.
    pub fn from_toml(text: &str) -> Result<Self, CredentialsError> {
        // The parser's own message may quote the line, and in it the secret.
        let file: File = toml::from_str(text).map_err(|error| CredentialsError::Form {
            line: error.span().map_or(0, |span| line_at(text, span.start)),
        })?;
        if file.credential.len() > ENTRIES_MAX {
            return Err(CredentialsError::TooMany);
        }
        let mut by_access_key = BTreeMap::new();
        let mut first = None;
        for (place, entry) in file.credential.into_iter().enumerate() {
            let number = place + 1;
            let credential = checked(entry, number)?;
            let access_key = Arc::clone(&credential.access_key);
            if first.is_none() {
                first = Some(Arc::clone(&access_key));
            }
            if by_access_key.insert(access_key, credential).is_some() {
                return Err(CredentialsError::Repeated { entry: number });
            }
        }
        let first = first.ok_or(CredentialsError::Empty)?;
        Ok(Self {
            by_access_key,
            first,
        })
    }

    /// How many callers are known; at least one.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a list without entries cannot be made"
    )]
    pub fn len(&self) -> usize {
        self.by_access_key.len()
    }

    pub(super) fn get(&self, access_key: &str) -> Option<&Credential> {
        self.by_access_key.get(access_key)
    }

    pub(super) fn first(&self) -> &Credential {
        self.by_access_key
            .get(&self.first)
            .expect("the first entry was put in")
    }
}

fn checked(entry: Entry, number: usize) -> Result<Credential, CredentialsError> {
    // Taken over at once, so that every way out wipes them.
    let secret = Zeroizing::new(entry.secret_key);
    let session_token = entry.session_token.map(Zeroizing::new);
    let key_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let key = entry.access_key;
    if key.is_empty() || key.len() > ACCESS_KEY_CHARS_MAX || !key.bytes().all(key_byte) {
        return Err(CredentialsError::AccessKey { entry: number });
    }
    let printable = |text: &str| {
        text.len() <= SECRET_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if secret.len() < SECRET_CHARS_MIN || !printable(&secret) {
        return Err(CredentialsError::Secret { entry: number });
    }
    let token_is_good = |token: &Zeroizing<String>| !token.is_empty() && printable(token);
    if !session_token.as_ref().is_none_or(token_is_good) {
        return Err(CredentialsError::SessionToken { entry: number });
    }
    let expires = entry
        .expires
        .map(|text| read_expires(&text).ok_or(CredentialsError::Expires { entry: number }));
    Ok(Credential {
        access_key: key.into(),
        secret,
        session_token,
        expires: expires.transpose()?,
    })
}

/// `2027-01-01T00:00:00Z`: the compact form with its separators.
fn read_expires(text: &str) -> Option<Moment> {
    let separated = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    let well_formed = text.len() == 20
        && separated(4, b'-')
        && separated(7, b'-')
        && separated(13, b':')
        && separated(16, b':');
    let compact: String = text.chars().filter(|it| !matches!(it, '-' | ':')).collect();
    well_formed.then(|| Moment::of_basic(&compact)).flatten()
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_access_key.values()).finish()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key", &self.access_key)
            .field("has_session_token", &self.session_token.is_some())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
