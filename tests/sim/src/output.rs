//! What the simulator prints: its results, on standard output.

use crate::run::Report;

/// Prints a line.
#[expect(
    clippy::print_stdout,
    reason = "what a run came to is this program's output"
)]
pub fn say(text: &str) {
    println!("{text}");
}

/// Prints what a run came to.
pub fn tell(report: &Report) {
    say(&format!(
        "seed {}: acknowledged {} unknown {} read {} reshards {} elections {} simulated {:?} events {} fingerprint {:016x}",
        report.seed,
        report.acknowledged,
        report.unknown,
        report.read,
        report.reshards,
        report.elections,
        report.simulated,
        report.events,
        report.fingerprint,
    ));
    for broken in &report.broken {
        say(&format!("  BROKEN {}: {}", broken.promise, broken.what));
    }
}
