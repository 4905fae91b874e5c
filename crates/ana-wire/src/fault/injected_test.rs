//! Every error type can be injected, in the words of the real one where it has some.

use std::collections::BTreeSet;

use ana_types::{AccountId, Region, ShardIndex, StreamName};

use super::{Fault, FaultKind, RefusedRequest};
use crate::operation::Operation;

fn inject(kind: FaultKind, stream: Option<&StreamName>) -> Fault {
    let (account, region) = (AccountId::default(), Region::default());
    Fault::injected(
        kind,
        RefusedRequest {
            operation: Operation::GetRecords,
            stream,
            shard: stream.map(|_| ShardIndex(3)),
            now_ms: 1_700_000_000_000,
            account: &account,
            region: &region,
        },
    )
}

#[test]
fn every_type_is_listed_once_and_found_by_its_name() {
    let names: BTreeSet<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), FaultKind::ALL.len());
    assert!(FaultKind::ALL.is_sorted());
    assert_eq!(
        FaultKind::ALL.len(),
        FaultKind::DryRunOperation as usize + 1,
        "the last one declared"
    );
    for kind in FaultKind::ALL {
        assert_eq!(FaultKind::of_name(kind.name()), Some(kind));
    }
    assert_eq!(FaultKind::of_name("Throttling"), None);
}

#[test]
fn every_type_can_be_injected_with_and_without_a_stream() {
    let orders = StreamName::new("orders").expect("a name");
    for kind in FaultKind::ALL {
        for stream in [None, Some(&orders)] {
            let fault = inject(kind, stream);
            assert_eq!(fault.kind, kind);
            let silent = matches!(kind, FaultKind::Serialization | FaultKind::UnknownOperation);
            assert_eq!(fault.message.is_none(), silent, "{fault:?}");
        }
    }
}

#[test]
fn texts_are_those_of_the_real_errors() {
    let orders = StreamName::new("orders").expect("a name");
    let cases = [
        (
            FaultKind::ProvisionedThroughputExceeded,
            "Rate exceeded for shard shardId-000000000003 in stream orders under account 000000000000.",
        ),
        (
            FaultKind::ResourceNotFound,
            "Stream orders under account 000000000000 not found.",
        ),
        (
            FaultKind::ResourceInUse,
            "Stream orders under account 000000000000 not ACTIVE, instead in state UPDATING",
        ),
        (FaultKind::InternalFailure, "Internal service failure."),
        (FaultKind::Throttling, "Rate exceeded"),
        (
            FaultKind::KmsDisabled,
            "KMSDisabledException was injected into GetRecords by a fault of this cluster.",
        ),
    ];
    for (kind, text) in cases {
        assert_eq!(inject(kind, Some(&orders)).message.as_deref(), Some(text));
    }
    let expired = inject(FaultKind::ExpiredIterator, None);
    let expired = expired.message.unwrap_or_default();
    assert!(
        expired.starts_with("Iterator expired. The iterator was created at time "),
        "{expired}"
    );
}
