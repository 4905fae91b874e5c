//! The third condition of determinism: tokio's task ids must start at the same residue in every run.
//!
//! A dropped runtime drops its tasks shard by shard, and the shard follows from the task id, a counter of the whole
//! process. So before each run we spawn empty tasks until the counter stands at a fixed residue.

/// More than the four shards of a current-thread runtime, so that a change of their number does no harm.
const RESIDUE: u64 = 64;

/// Brings tokio's task counter to a fixed residue. Only one thread of the process may use tokio.
///
/// # Panics
/// When tokio cannot build a runtime or prints task ids as something else than a number.
pub fn align() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a plain runtime");
    loop {
        let handle = runtime.spawn(async {});
        let id: u64 = handle
            .id()
            .to_string()
            .parse()
            .expect("tokio prints task ids as numbers");
        runtime.block_on(handle).expect("an empty task ends");
        if id % RESIDUE == RESIDUE - 1 {
            return;
        }
    }
}
