//! Texts and types of faults.

use ana_types::{AccountId, KinesisError, Region};

use super::{Fault, FaultKind};
use crate::format::Format;
use crate::operation::Operation;

fn fault_of(error: &KinesisError) -> Fault {
    Fault::from((error, &AccountId::default(), &Region::default()))
}

#[test]
fn bodies_have_the_form_of_their_type() {
    let table = [
        (
            Fault::not_an_object(),
            r#"{"__type":"SerializationException"}"#,
        ),
        (
            Fault::serialization("a \"b\""),
            r#"{"__type":"SerializationException","Message":"a \"b\""}"#,
        ),
        (
            Fault::validation("v"),
            r#"{"__type":"ValidationException","message":"v"}"#,
        ),
        (
            Fault::unknown_operation(),
            r#"{"__type":"UnknownOperationException"}"#,
        ),
        (
            Fault::internal(),
            r#"{"__type":"InternalFailure","message":"Internal service failure."}"#,
        ),
    ];
    for (fault, body) in table {
        assert_eq!(
            String::from_utf8(fault.body(Format::Json)).expect("UTF-8"),
            body
        );
    }
    let refused = Fault::not_offered(Operation::CreateQueue);
    assert_eq!(refused.kind, FaultKind::UnknownOperation);
    assert!(
        refused
            .message
            .is_some_and(|text| text.contains("CreateQueue"))
    );
}

#[test]
fn our_own_reasons_stay_inside() {
    let why = || "node 3 at 10.0.0.7".to_owned();
    for (error, http) in [
        (KinesisError::Unavailable { why: why() }, 503),
        (KinesisError::OutcomeUnknown { why: why() }, 500),
        (KinesisError::Internal { why: why() }, 500),
    ] {
        let fault = fault_of(&error);
        assert_eq!(fault.http(), http);
        let body = String::from_utf8(fault.body(Format::Json)).expect("UTF-8");
        assert!(!body.contains("10.0.0.7"), "{body}");
    }
}

#[test]
fn every_kind_has_its_name_and_status() {
    use FaultKind as K;
    let table = [
        (K::ResourceNotFound, "ResourceNotFoundException", 400),
        (K::ResourceInUse, "ResourceInUseException", 400),
        (K::LimitExceeded, "LimitExceededException", 400),
        (K::InvalidArgument, "InvalidArgumentException", 400),
        (K::Validation, "ValidationException", 400),
        (
            K::ProvisionedThroughputExceeded,
            "ProvisionedThroughputExceededException",
            400,
        ),
        (K::ExpiredIterator, "ExpiredIteratorException", 400),
        (K::ExpiredNextToken, "ExpiredNextTokenException", 400),
        (K::AccessDenied, "AccessDeniedException", 400),
        (K::Serialization, "SerializationException", 400),
        (K::UnknownOperation, "UnknownOperationException", 400),
        (K::InternalFailure, "InternalFailure", 500),
        (K::ServiceUnavailable, "ServiceUnavailable", 503),
        (
            K::MissingAuthenticationToken,
            "MissingAuthenticationTokenException",
            400,
        ),
        (K::IncompleteSignature, "IncompleteSignatureException", 400),
        (K::InvalidSignature, "InvalidSignatureException", 400),
        (K::UnrecognizedClient, "UnrecognizedClientException", 400),
        (K::ExpiredToken, "ExpiredTokenException", 400),
        (K::Throttling, "ThrottlingException", 400),
        (K::KmsDisabled, "KMSDisabledException", 400),
        (K::KmsInvalidState, "KMSInvalidStateException", 400),
        (K::KmsAccessDenied, "KMSAccessDeniedException", 400),
        (K::KmsNotFound, "KMSNotFoundException", 400),
        (K::KmsOptInRequired, "KMSOptInRequired", 400),
        (K::KmsThrottling, "KMSThrottlingException", 400),
        (K::DryRunOperation, "DryRunOperationException", 400),
    ];
    for (kind, name, http) in table {
        let fault = Fault {
            kind,
            message: None,
        };
        assert_eq!((kind.name(), fault.http()), (name, http));
        let body = String::from_utf8(fault.body(Format::Json)).expect("UTF-8");
        assert_eq!(body, format!(r#"{{"__type":"{name}"}}"#));
    }
}
