//! Answers in HTTP: status, AWS's headers, body.

use std::pin::Pin;
use std::task::{Context, Poll};

use ana_wire::{Fault, Format, Response, event_stream};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use hyper::body::{Body, Frame, SizeHint};

use crate::exchange::Exchange;
use crate::ids::RequestIds;
use crate::service::AdminReply;
use crate::subscribe::EventFrames;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");

/// How much of an answer is handed on at once: the exchange of a slow reader lasts as long as it reads.
const PIECE_BYTES: usize = 256 * 1024;

/// An answer before it is put into HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
    /// The connection cannot go on: the request was not read to its end.
    close: bool,
    with_id_2: bool,
}

impl Reply {
    pub(crate) fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let headers = HeaderMap::new();
        Self {
            status,
            headers,
            body: Content::Whole(body.into()),
            close: false,
            with_id_2: true,
        }
    }

    /// A subscription that has begun.
    pub(crate) fn events(frames: EventFrames) -> Self {
        let mut reply = Self::new(StatusCode::OK, "").of_type(event_stream::CONTENT_TYPE);
        reply.body = Content::Events(frames);
        reply
    }

    /// An operation's answer.
    pub(crate) fn answer(format: Format, response: &Response) -> Self {
        let body = ana_wire::encode_response(format, response);
        Self::new(StatusCode::OK, body).of_type(format.content_type())
    }

    /// A refusal in the format of the request.
    pub(crate) fn fault(format: Format, fault: &Fault) -> Self {
        let status =
            StatusCode::from_u16(fault.http()).expect("faults have the statuses 400, 500 and 503");
        Self::new(status, fault.body(format)).of_type(format.content_type())
    }

    /// A refusal in XML, as AWS answers what is no call of its protocol: no content type.
    pub(crate) fn xml(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, body)
    }

    pub(crate) fn admin(reply: AdminReply) -> Self {
        let status =
            StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, reply.body).of_type(reply.content_type)
    }

    pub(crate) fn of_type(self, content_type: &'static str) -> Self {
        self.with(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn of_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub(crate) fn without_id_2(mut self) -> Self {
        self.with_id_2 = false;
        self
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    #[cfg(test)]
    pub(crate) fn body(&self) -> &Bytes {
        match &self.body {
            Content::Whole(body) => body,
            Content::Events(frames) => panic!("{frames:?} is no whole body"),
        }
    }

    /// The HTTP response; `exchange` ends when the body has been handed on.
    pub(crate) fn into_http(
        self,
        ids: RequestIds,
        version: Version,
        exchange: Exchange,
    ) -> http::Response<ReplyBody> {
        if let Content::Whole(_) = self.body {
            exchange.awaits_taker();
        }
        let body = ReplyBody {
            content: self.body,
            exchange,
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let headers = response.headers_mut();
        let request_id = HeaderValue::try_from(ids.request_id.to_string())
            .expect("a UUID is a legal header value");
        headers.insert(REQUEST_ID, request_id);
        if self.with_id_2 {
            headers.insert(ID_2, ids.id_2);
        }
        if self.close && version < Version::HTTP_2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An answer's body, handed on in pieces.
#[derive(Debug)]
pub(crate) struct ReplyBody {
    content: Content,
    exchange: Exchange,
}

#[derive(Debug)]
enum Content {
    /// All of it; its length is told beforehand.
    Whole(Bytes),
    /// Frames as they come.
    Events(EventFrames),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let piece = match &mut this.content {
            Content::Whole(left) => {
                let length = left.len().min(PIECE_BYTES);
                let piece = (length > 0).then(|| left.split_to(length));
                if !left.is_empty() {
                    this.exchange.awaits_taker();
                }
                piece
            }
            Content::Events(frames) => {
                let Poll::Ready(piece) = frames.poll_piece(cx) else {
                    this.exchange.awaits_event();
                    return Poll::Pending;
                };
                this.exchange.awaits_reader();
                piece
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(left) => left.is_empty(),
            Content::Events(frames) => frames.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(left) => {
                SizeHint::with_exact(u64::try_from(left.len()).unwrap_or(u64::MAX))
            }
            Content::Events(_) => SizeHint::new(),
        }
    }
}
