//! A damaged replica is evicted, emptied and taken back without harm, and not otherwise.

use ana_model::explore;
use ana_model::repair::{Bounds, Broken, KEPT, ONE_ENTRY, ONE_LEADER, RETURNS, Repair};

const ONE_DAMAGE: Bounds = Bounds {
    terms_max: 3,
    data_max: 1,
    damages_max: 1,
    broken: Broken::Nothing,
};

/// A search that sees fewer states has not seen what it is for.
const STATES_MIN: usize = 5_000;

#[test]
fn the_repair_of_one_replica_holds() {
    let found = explore::all(Repair::new(ONE_DAMAGE));
    assert!(found.broken.is_empty(), "{found}");
    assert!(found.states >= STATES_MIN, "{found}");
    println!("one damage: {found}");
}

#[test]
fn a_repair_that_skips_a_step_is_found() {
    let table = [
        (Broken::SelfEmptied, KEPT),
        (Broken::SelfEmptied, ONE_LEADER),
        (Broken::NotEvicted, ONE_ENTRY),
        (Broken::EvictionNotCommitted, KEPT),
        (Broken::NeverPromoted, RETURNS),
    ];
    for (broken, property) in table {
        let bounds = Bounds {
            broken,
            ..ONE_DAMAGE
        };
        let found = explore::until_broken(Repair::new(bounds), property);
        assert!(
            found.has_broken(property),
            "{broken:?} does no harm: {found}"
        );
        println!("{broken:?}: {found}");
    }
}
