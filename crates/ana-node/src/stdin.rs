//! Standard input, read on a thread of its own because a terminal's read cannot be waited for.
//!
//! The thread may outlive the command; the program does not wait for it at its end.

use std::io::{self, BufRead as _, Read as _};

use ana_env::runtime::{self, Tasks};
use tokio::sync::mpsc;

/// Lines read ahead.
const LINES_AHEAD: usize = 1024;

/// The lines of standard input, without their ends.
#[derive(Debug)]
pub struct Lines {
    lines: mpsc::Receiver<io::Result<Vec<u8>>>,
    _reader: Tasks,
}

impl Lines {
    /// Begins to read.
    pub fn start() -> Lines {
        let (sender, lines) = mpsc::channel(LINES_AHEAD);
        let reader = Tasks::new();
        reader.spawn(async move {
            if runtime::spawn_blocking(move || read_lines(&sender))
                .await
                .is_err()
            {
                // The runtime is ending.
            }
        });
        Lines {
            lines,
            _reader: reader,
        }
    }

    /// The next line; `None` at the end. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.lines.recv().await
    }

    /// The next line if it has been read already.
    pub fn next_at_hand(&mut self) -> Option<io::Result<Vec<u8>>> {
        self.lines.try_recv().ok()
    }
}

fn read_lines(lines: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let next = match read {
            Ok(0) => return,
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Ok(line)
            }
            Err(error) => Err(error),
        };
        let failed = next.is_err();
        if lines.blocking_send(next).is_err() || failed {
            return;
        }
    }
}

/// All of standard input.
///
/// # Errors
/// When it cannot be read.
pub async fn read_all() -> io::Result<Vec<u8>> {
    let read = runtime::spawn_blocking(|| {
        let mut data = Vec::new();
        io::stdin().lock().read_to_end(&mut data).map(|_| data)
    });
    read.await.map_err(io::Error::other)?
}
