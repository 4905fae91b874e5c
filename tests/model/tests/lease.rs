//! No leader that was deposed answers a read, as long as clocks keep within the bound, and only then.

use ana_model::explore;
use ana_model::lease::{AS_BUILT, Lease, NEVER_STALE, PATIENCE};

/// A search that sees fewer states has not seen what it is for.
const STATES_MIN: usize = 5_000;

#[test]
fn a_deposed_leader_reads_nothing() {
    let found = explore::all(AS_BUILT.clone());
    assert!(found.broken.is_empty(), "{found}");
    assert!(found.states >= STATES_MIN, "{found}");
    println!("leases: {found}");
}

#[test]
fn clocks_beyond_the_bound_and_forgotten_promises_are_found() {
    let table = [
        (
            "clocks that differ by a half",
            Lease {
                speeds: (16, 24),
                ..AS_BUILT
            },
        ),
        (
            "a lease as long as the others' patience",
            Lease {
                lease: PATIENCE,
                ..AS_BUILT
            },
        ),
        (
            "a node that votes as soon as it has started",
            Lease {
                silent_after_start: false,
                ..AS_BUILT
            },
        ),
        (
            "a leader that hands over and reads on",
            Lease {
                stops_before_transfer: false,
                ..AS_BUILT
            },
        ),
    ];
    for (name, model) in table {
        let found = explore::until_broken(model, NEVER_STALE);
        assert!(
            found.has_broken(NEVER_STALE),
            "{name} does no harm: {found}"
        );
        println!("{name}: {found}");
    }
}
