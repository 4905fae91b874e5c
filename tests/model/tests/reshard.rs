//! Splits, merges and deletion hold in every order of events; each property is lost by a protocol that is broken for it.

use ana_model::explore::{self, Explored};
use ana_model::reshard::rules::{FINISHES, Rule};
use ana_model::reshard::scopes::{
    DELETE, EARLY_DELETE, EXPIRY, FOLLOW, MERGE, MERGES, RESIZE, SPLIT, SPLIT_MERGE,
};
use ana_model::reshard::{Broken, Reshard, Scope};

/// A search that sees fewer states has not seen what it is for.
const STATES_MIN: usize = 5_000;

fn all(scope: &Scope) -> Explored {
    let found = explore::all(Reshard::new(scope.clone()));
    assert!(found.broken.is_empty(), "{}: {found}", scope.name);
    assert!(found.states >= STATES_MIN, "{}: {found}", scope.name);
    found
}

fn broken(scope: &Scope, broken: Broken, property: &'static str) -> String {
    let scope = Scope {
        broken,
        ..scope.clone()
    };
    let found = explore::until_broken(Reshard::new(scope), property);
    assert!(
        found.has_broken(property),
        "{broken:?} does no harm: {found}"
    );
    format!("{broken:?}: {found}")
}

#[test]
fn a_split_in_one_group_holds() {
    println!("{}: {}", SPLIT.name, all(&SPLIT));
}

#[test]
fn a_merge_over_two_groups_holds() {
    println!("{}: {}", MERGE.name, all(&MERGE));
}

#[test]
fn a_split_and_then_a_merge_hold() {
    println!("{}: {}", SPLIT_MERGE.name, all(&SPLIT_MERGE));
}

#[test]
fn two_merges_over_three_groups_hold() {
    println!("{}: {}", MERGES.name, all(&MERGES));
}

#[test]
fn a_resize_into_a_new_group_holds() {
    println!("{}: {}", RESIZE.name, all(&RESIZE));
}

#[test]
fn a_reader_at_a_replica_that_lags_holds() {
    println!("{}: {}", FOLLOW.name, all(&FOLLOW));
}

#[test]
fn a_deletion_while_a_stream_splits_by_itself_holds() {
    println!("{}: {}", DELETE.name, all(&DELETE));
}

#[test]
fn a_deletion_during_the_creation_holds() {
    println!("{}: {}", EARLY_DELETE.name, all(&EARLY_DELETE));
}

#[test]
fn the_expiry_of_parents_and_their_group_holds() {
    println!("{}: {}", EXPIRY.name, all(&EXPIRY));
}

#[test]
fn a_driver_that_goes_ahead_is_found() {
    let table = [
        (MERGE, Broken::OpenBeforeFence, Rule::OneOpen),
        (MERGE, Broken::MetadataBeforeFence, Rule::Fenced),
        (MERGE, Broken::MetadataBeforeFence, Rule::Closed),
        (MERGE, Broken::FinishBeforeOpen, Rule::Agrees),
        (MERGE, Broken::FinishBeforeOpen, Rule::ChildThere),
        (MERGES, Broken::UnnamedFinish, Rule::Agrees),
        (SPLIT, Broken::OwnClosingTime, Rule::Agrees),
        (DELETE, Broken::UnsealedDelete, Rule::Gone),
        (DELETE, Broken::ClientsRepeat, Rule::Repeats),
    ];
    for (scope, how, rule) in table {
        println!("{}", broken(&scope, how, rule.name()));
    }
}

#[test]
fn a_driver_that_stands_still_is_found() {
    println!("{}", broken(&MERGE, Broken::OneClosing, FINISHES));
}

#[test]
fn an_acknowledgement_or_an_end_out_of_turn_is_found() {
    let table = [
        (SPLIT, Broken::AckUnheard, Rule::Closed),
        (MERGE, Broken::EndByGroupAlone, Rule::ChildThere),
        (SPLIT_MERGE, Broken::EndOfUnlisted, Rule::ChildThere),
        (FOLLOW, Broken::EndByMetadataAlone, Rule::EndEarly),
    ];
    for (scope, how, rule) in table {
        println!("{}", broken(&scope, how, rule.name()));
    }
}
