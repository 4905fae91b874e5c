//! The two formats of AWS's protocol: AWS JSON 1.1 and AWS CBOR 1.1.
//!
//! A client chooses by its `Content-Type` and is answered in the same format, refusals included.

/// A format of requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Blobs in base64, times as seconds with a fraction.
    Json,
    /// Blobs as they are, times as whole milliseconds under tag 1.
    Cbor,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Json, Self::Cbor];

    /// The `Content-Type` of the format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// The format of a `Content-Type`, whose parameters and surrounding spaces do not count.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|format| format.content_type() == essence)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn parameters_and_spaces_do_not_count() {
        let table = [
            ("application/x-amz-json-1.1", Some(Format::Json)),
            (
                " application/x-amz-json-1.1 ; charset=utf-8",
                Some(Format::Json),
            ),
            ("application/x-amz-cbor-1.1;;", Some(Format::Cbor)),
            ("application/x-amz-cbor-1.0", None),
            ("application/json", None),
            ("application/x-amz-json-1.1x", None),
            (";application/x-amz-json-1.1", None),
            ("", None),
        ];
        for (content_type, format) in table {
            assert_eq!(
                Format::of_content_type(content_type),
                format,
                "{content_type}"
            );
        }
    }
}
