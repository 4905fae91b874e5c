//! Ctrl-C and SIGTERM as something a command can wait for.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask the process to end.
#[derive(Debug)]
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    /// Takes over both signals for the rest of the process.
    ///
    /// # Errors
    /// When the runtime has no signal driver.
    pub fn take_over() -> io::Result<EndSignals> {
        Ok(EndSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one. Safe to drop while it waits.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
