//! Frames out of the bytes of an answer, for our own client and for tests.

use std::error::Error;
use std::fmt;

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

use super::{
    ERROR_CODE, ERROR_MESSAGE, EVENT_TYPE, EXCEPTION_TYPE, INITIAL_RESPONSE, MESSAGE_TYPE,
};

/// The largest frame that is read: as much payload and as many headers as AWS's own clients take. The
/// largest record, in base64 and alone in its event, takes 14 MiB.
pub const FRAME_BYTES_MAX: usize = FRAME_BYTES_MIN + HEADERS_BYTES_MAX + 24 * 1024 * 1024;

/// More headers are not read: each of two bytes takes fifty times as much in memory.
const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// Two lengths and two checksums.
const FRAME_BYTES_MIN: usize = 16;

/// One frame of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The start of every answer.
    InitialResponse,
    /// An event: its type, and its payload in JSON.
    Event {
        /// `SubscribeToShardEvent` is the only one there is.
        kind: String,
        /// JSON.
        payload: Bytes,
    },
    /// The end, with a fault of a type that the model knows.
    Exception {
        /// AWS's error type.
        kind: String,
        /// AWS's text.
        message: Option<String>,
    },
    /// The end, with any other fault.
    Error {
        /// AWS's error type.
        code: String,
        /// AWS's text.
        message: Option<String>,
    },
}

/// Why an answer cannot be read on. It has lost its place: the connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// A frame announces so many bytes: too few to be one, or more than [`FRAME_BYTES_MAX`].
    Length {
        /// As announced.
        bytes: u32,
    },
    /// A checksum or a header is wrong.
    Damaged {
        /// What was found.
        why: String,
    },
    /// A sound frame that says nothing known.
    Unknown {
        /// Its `:message-type`, when it has one.
        message_type: Option<String>,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { bytes } => write!(
                f,
                "an event frame announces {bytes} bytes; {FRAME_BYTES_MIN} to {FRAME_BYTES_MAX} are allowed"
            ),
            Self::Damaged { why } => write!(f, "an event frame is damaged: {why}"),
            Self::Unknown { message_type } => write!(
                f,
                "an event frame is of the unknown type {:?}",
                message_type.as_deref().unwrap_or_default()
            ),
        }
    }
}

impl Error for FrameError {}

/// Puts frames together out of bytes as they arrive.
///
/// Take frames until there are no more before pushing again: then no more is ever held than one
/// frame and one push.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
}

impl Reader {
    /// A reader at the start of an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame; `None` until all of it has been pushed.
    ///
    /// # Errors
    /// [`FrameError`] when there is none to be had from here on; asked again, it says the same.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let mut start = self.buffer.as_ref();
        let (Ok(bytes), Ok(headers_bytes)) = (start.try_get_u32(), start.try_get_u32()) else {
            return Ok(None);
        };
        let length = match usize::try_from(bytes) {
            Ok(length) if (FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&length) => length,
            _ => return Err(FrameError::Length { bytes }),
        };
        if usize::try_from(headers_bytes).is_ok_and(|bytes| bytes > HEADERS_BYTES_MAX) {
            return Err(FrameError::Damaged {
                why: format!("{headers_bytes} bytes of headers are announced"),
            });
        }
        let Some(whole) = self.buffer.get(..length) else {
            return Ok(None);
        };
        let message = read_message_from(whole).map_err(|error| FrameError::Damaged {
            why: error.to_string(),
        })?;
        let frame = Frame::of_message(&message)?;
        self.buffer.advance(length);
        Ok(Some(frame))
    }

    /// True when the answer may end here: no frame has begun.
    pub fn is_between_frames(&self) -> bool {
        self.buffer.is_empty()
    }
}

impl Frame {
    fn of_message(message: &Message) -> Result<Self, FrameError> {
        let message_type = text(message, MESSAGE_TYPE)?;
        let required = |name| {
            text(message, name)?.ok_or_else(|| FrameError::Damaged {
                why: format!("the header {name} is missing"),
            })
        };
        match message_type.as_deref() {
            Some("event") => {
                let kind = required(EVENT_TYPE)?;
                if kind == INITIAL_RESPONSE {
                    return Ok(Self::InitialResponse);
                }
                let payload = message.payload().clone();
                Ok(Self::Event { kind, payload })
            }
            Some("exception") => Ok(Self::Exception {
                kind: required(EXCEPTION_TYPE)?,
                message: message_of(message.payload()),
            }),
            Some("error") => Ok(Self::Error {
                code: required(ERROR_CODE)?,
                message: text(message, ERROR_MESSAGE)?,
            }),
            _ => Err(FrameError::Unknown { message_type }),
        }
    }
}

/// The text of a header; one that stands twice or is no text is damage.
fn text(message: &Message, name: &str) -> Result<Option<String>, FrameError> {
    let damaged = |what| FrameError::Damaged {
        why: format!("the header {name} {what}"),
    };
    let mut found = message
        .headers()
        .iter()
        .filter(|header| header.name().as_str() == name);
    let Some(header) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(damaged("stands twice"));
    }
    match header.value().as_string() {
        Ok(value) => Ok(Some(value.as_str().to_owned())),
        Err(_) => Err(damaged("is no text")),
    }
}

/// What an exception's payload says; one that cannot be read says nothing.
fn message_of(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    serde_json::from_slice::<Payload>(payload).ok()?.message
}
