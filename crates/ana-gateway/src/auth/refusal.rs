//! Every text with which the verifier refuses. They are AWS's where AWS's is known; the others say so.
//!
//! Must stay true: no text holds more of a secret than the caller sent.

use ana_wire::{Fault, FaultKind};

/// Nothing that looks like a signature.
pub(super) fn missing() -> Fault {
    Fault::new(
        FaultKind::MissingAuthenticationToken,
        "Missing Authentication Token",
    )
}

/// Signed twice over; which of the two counts would be a guess.
pub(super) fn both_forms() -> Fault {
    invalid(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
}

/// Parts of an `Authorization` header are missing; `missing` are the parameters, `value` is the header.
pub(super) fn incomplete_header(missing: &[&str], has_date: bool, value: &str) -> Fault {
    let mut text = String::new();
    for parameter in missing {
        text.push_str("Authorization header requires '");
        text.push_str(parameter);
        text.push_str("' parameter. ");
    }
    if !has_date {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.push_str("Authorization=");
    text.push_str(value);
    incomplete(text)
}

/// Parameters of a query form are missing.
pub(super) fn incomplete_query(missing: &[&str]) -> Fault {
    let mut text = String::new();
    for parameter in missing {
        text.push_str("AWS query-string parameters must include '");
        text.push_str(parameter);
        text.push_str("'. ");
    }
    text.push_str("Re-examine the query-string parameters.");
    incomplete(text)
}

/// The signature is not the one we calculate.
pub(super) fn mismatch() -> Fault {
    invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details.",
    )
}

/// Nobody has this access key, or the session token is not his.
pub(super) fn unknown_caller() -> Fault {
    Fault::new(
        FaultKind::UnrecognizedClient,
        "The security token included in the request is invalid.",
    )
}

/// The credentials were good until a while ago.
pub(super) fn expired_credentials() -> Fault {
    Fault::new(
        FaultKind::ExpiredToken,
        "The security token included in the request is expired",
    )
}

/// Signed too long ago.
pub(super) fn too_old(signed: &str, earliest: &str, now: &str, window: &str) -> Fault {
    invalid(format!(
        "Signature expired: {signed} is now earlier than {earliest} ({now} - {window}.)"
    ))
}

/// Signed in the future.
pub(super) fn too_new(signed: &str, latest: &str, now: &str, window: &str) -> Fault {
    invalid(format!(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {window}.)"
    ))
}

/// The form is known and complete, but the request may not be so. Text ours or AWS's.
pub(super) fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::InvalidSignature, text)
}

/// The form of the signature cannot be read. Text ours or AWS's.
pub(super) fn incomplete(text: impl Into<String>) -> Fault {
    Fault::new(FaultKind::IncompleteSignature, text)
}

/// A refusal as AWS writes it to what is no POST: no content type, status 403.
pub(crate) fn fault_as_xml(fault: &Fault) -> String {
    let name = fault.kind.name();
    match &fault.message {
        None => format!("<{name}/>\n"),
        Some(message) => {
            let message = escaped(message);
            format!("<{name}>\n  <Message>{message}</Message>\n</{name}>\n")
        }
    }
}

/// Text for XML 1.0. Characters that XML cannot have at all become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => out.push(character),
            '\u{10000}'.. => out.push(character),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use ana_wire::{Fault, FaultKind};

    use super::{fault_as_xml, missing};

    #[test]
    fn faults_in_xml() {
        assert_eq!(
            fault_as_xml(&missing()),
            "<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n\
             </MissingAuthenticationTokenException>\n"
        );
        assert_eq!(
            fault_as_xml(&Fault::unknown_operation()),
            "<UnknownOperationException/>\n"
        );
        let hostile = Fault::new(
            FaultKind::AccessDenied,
            "</Message><b a=\"1\">&\u{0}\u{1f600}",
        );
        assert_eq!(
            fault_as_xml(&hostile),
            "<AccessDeniedException>\n  <Message>&lt;/Message&gt;&lt;b a=\"1\"&gt;&amp;\u{fffd}\u{1f600}</Message>\n\
             </AccessDeniedException>\n"
        );
    }
}
