//! Data groups live and die as the metadata says, whichever node lags, restarts or loses power.

use ana_model::explore::{self, Explored};
use ana_model::life::{Bounds, Broken, DELETION, EXPIRY, Life, Rule, SETTLES};

/// A search that sees fewer states has not seen what it is for.
const STATES_MIN: usize = 5_000;

fn all(bounds: &Bounds) -> Explored {
    let found = explore::all(Life::new(bounds.clone()));
    assert!(found.broken.is_empty(), "{}: {found}", bounds.name);
    assert!(found.states >= STATES_MIN, "{}: {found}", bounds.name);
    found
}

#[test]
fn a_stream_that_is_made_and_deleted_holds() {
    println!("{}: {}", DELETION.name, all(&DELETION));
}

#[test]
fn a_group_that_loses_its_last_shard_holds() {
    println!("{}: {}", EXPIRY.name, all(&EXPIRY));
}

#[test]
fn a_node_that_makes_or_deletes_replicas_by_its_own_judgement_is_found() {
    let table = [
        (Broken::OpenUnasked, Rule::Once.name()),
        (Broken::OpenUnasked, Rule::Continues.name()),
        (Broken::OpenUnasked, Rule::Gone.name()),
        (Broken::DeleteUnknown, Rule::Needed.name()),
        (Broken::DeleteEarly, Rule::Needed.name()),
        (Broken::TornDelete, Rule::Continues.name()),
        (Broken::UnsealedDelete, Rule::Gone.name()),
        (Broken::ForgetsAtRestart, SETTLES),
    ];
    for (broken, property) in table {
        let bounds = Bounds { broken, ..DELETION };
        let found = explore::until_broken(Life::new(bounds), property);
        assert!(
            found.has_broken(property),
            "{broken:?} does no harm: {found}"
        );
        println!("{broken:?}: {found}");
    }
}
