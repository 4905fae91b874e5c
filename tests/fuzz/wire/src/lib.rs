//! What must hold for any input of the formats: shared by the targets, which only name their format.

use std::fmt::Debug;

use ana_wire::{Fault, FaultKind, Format, Operation, decode_request, refuse_unknown_operation};

/// An answer to a refused request is never larger, whatever the request was.
const FAULT_BYTES_MAX: usize = 200_000;

/// The first byte says which operation, the rest is the body.
pub fn request(format: Format, input: &[u8]) {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let operations = Operation::ALL;
    let operation = operations[usize::from(*first) % operations.len()];
    match decode_request(operation, format, body) {
        Ok(request) => {
            assert_eq!(request.operation(), operation);
            let unknown = refuse_unknown_operation(format, body);
            must(unknown.kind == FaultKind::UnknownOperation, &unknown);
        }
        Err(fault) => check(&fault),
    }
}

fn check(fault: &Fault) {
    let allowed = matches!(
        fault.kind,
        FaultKind::Serialization | FaultKind::Validation | FaultKind::UnknownOperation
    );
    must(allowed, fault);
    for format in Format::ALL {
        must(fault.body(format).len() <= FAULT_BYTES_MAX, fault);
    }
}

fn must(holds: bool, of: &impl Debug) {
    assert!(holds, "{of:?}");
}
