//! What a person who watches a measurement is told on the way: one line on standard error, once a second.
//!
//! Must stay true: nothing is told where nobody watches, nor with `--quiet`; the line is gone when the answer comes.

use std::time::Duration;

use ana_env::time;

use crate::output;

const EVERY: Duration = Duration::from_secs(1);

/// Does the work, and tells how it goes.
pub(super) async fn told<T>(
    quiet: bool,
    mut line: impl FnMut() -> String,
    work: impl Future<Output = T>,
) -> T {
    if quiet || !output::person_is_watching() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut every = time::interval(EVERY);
    // The first one comes at once, and there is nothing to tell yet.
    every.tick().await;
    let done = loop {
        tokio::select! {
            biased;
            done = &mut work => break done,
            _ = every.tick() => output::sketch(&line()),
        }
    };
    output::sketch("");
    done
}
