//! `ListStreams`: names and summaries, ordered by name.

use crate::shapes::common::StreamFacts;
use crate::tree::Fields;
use crate::writer::Writer;

/// Request of `ListStreams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamsInput {
    /// 1 to 10,000; the service never returns more than 100.
    pub limit: Option<u32>,
    /// The page starts after this name.
    pub exclusive_start_stream_name: Option<String>,
    /// A sealed token of an earlier page.
    pub next_token: Option<String>,
}

/// Answer of `ListStreams`. `StreamNames` is written from `streams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamsOutput {
    /// One page, ordered by name (byte order).
    pub streams: Vec<StreamFacts>,
    /// True when a further page exists.
    pub has_more_streams: bool,
    /// Present exactly when a further page exists.
    pub next_token: Option<String>,
}

impl ListStreamsInput {
    pub(crate) fn from_fields(mut fields: Fields<'_>) -> Self {
        Self {
            limit: fields.count("Limit"),
            exclusive_start_stream_name: fields.text("ExclusiveStartStreamName"),
            next_token: fields.text("NextToken"),
        }
    }
}

impl ListStreamsOutput {
    pub(crate) fn write<W: Writer>(&self, out: &mut W) {
        out.open_structure();
        out.member("StreamNames").open_list();
        for stream in &self.streams {
            out.text(&stream.name);
        }
        out.close_list();
        out.member("HasMoreStreams").boolean(self.has_more_streams);
        if let Some(token) = &self.next_token {
            out.member("NextToken").text(token);
        }
        out.member("StreamSummaries").open_list();
        for stream in &self.streams {
            out.open_structure();
            stream.write_members(out);
            out.close_structure();
        }
        out.close_list();
        out.close_structure();
    }
}
