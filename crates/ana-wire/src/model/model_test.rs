//! The committed model and the code agree.

use std::collections::BTreeSet;

use super::{CHOICE_ORDER, Kind, MODEL_JSON, Model, REQUIRED_HERE, RawModel};
use crate::operation::Operation;

fn raw() -> RawModel {
    serde_json::from_str(MODEL_JSON).expect("the committed model is well-formed")
}

#[test]
fn every_operation_of_the_model_has_a_variant_and_no_other() {
    let of_model: BTreeSet<String> = raw().operations.into_keys().collect();
    let of_code: BTreeSet<String> = Operation::ALL.iter().map(|o| o.name().to_owned()).collect();
    assert_eq!(of_model, of_code);
    assert_eq!(of_code.len(), 57);
}

#[test]
fn names_and_targets_lead_to_their_operation() {
    for operation in Operation::ALL {
        assert_eq!(Operation::of_name(operation.name()), Some(operation));
        let target = format!("Kinesis_20131202.{}", operation.name());
        assert_eq!(Operation::of_target(&target), Some(operation));
    }
    for target in [
        "",
        ".",
        "PutRecord",
        "Kinesis_20131202",
        "Kinesis_20131202.",
        "Kinesis_20131202.putRecord",
        "Kinesis_20131202.PutRecord.x",
        "DynamoDB_20120810.PutRecord",
    ] {
        assert_eq!(Operation::of_target(target), None, "{target}");
    }
}

#[test]
fn our_differences_name_things_that_exist_and_differ() {
    let raw = raw();
    for (structure, member) in REQUIRED_HERE {
        let shape = &raw.shapes[structure];
        assert!(shape.members.contains_key(member));
        assert!(
            !shape.required.iter().any(|r| r == member),
            "the model requires {member} by itself now"
        );
    }
    for (shape, names) in CHOICE_ORDER {
        let of_model: BTreeSet<&str> = raw.shapes[shape]
            .choices
            .iter()
            .map(String::as_str)
            .collect();
        assert_eq!(of_model, names.into_iter().collect());
    }
}

/// Reading descends by shape: a recursive shape would let the client choose the depth.
#[test]
fn no_input_is_recursive() {
    fn depth(model: &Model, kind: &Kind, left: usize) -> usize {
        assert!(left > 0, "a recursive shape");
        let below = match kind {
            Kind::List(member) => vec![*member],
            Kind::Map(key, value) => vec![*key, *value],
            Kind::Structure(structure) => structure.members.iter().map(|m| m.shape).collect(),
            _ => vec![],
        };
        below
            .iter()
            .map(|id| depth(model, &model.shape(*id).kind, left - 1) + 1)
            .max()
            .unwrap_or(0)
    }
    let model = Model::get();
    for operation in Operation::ALL {
        let input = &model.shape(model.inputs[&operation]).kind;
        assert!(depth(model, input, 16) < 16);
    }
}
