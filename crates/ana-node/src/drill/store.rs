//! Where runs are kept: a directory for each, which another process can watch, and stop the run by.
//!
//! ```text
//!   DATA/drills/ana.lock                     held while a run is under way
//!   DATA/drills/20261128-042110-zone-loss/   one run
//!       drill.toml      the drill as it was run
//!       events.jsonl    what happened, a line each, as it happens
//!       stop            somebody asked for the end, and how
//!       record.json     what became of it; there when the run is over
//! ```
//! Must stay true: a run that is over has a record, whatever ended it; names sort by the time of the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_env::{Disk, Env, File, Open};
use bytes::Bytes;

use super::record::{Event, Record};
use crate::cluster::layout::{make_dir, save};
use crate::cluster::lock::{DirLock, LockError};
use crate::config::read_text;
use crate::output::iso_time;

/// Runs of one second, drill and directory that can be told apart.
const SAME_NAME_MAX: u32 = 100;

const DRILL: &str = "drill.toml";
const EVENTS: &str = "events.jsonl";
const STOP: &str = "stop";
const RECORD: &str = "record.json";

/// All runs of a cluster.
#[derive(Debug, Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// One run.
#[derive(Debug, Clone)]
pub struct RunDir {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    id: String,
}

/// The events of a run as they are written.
#[derive(Debug)]
pub struct EventLog {
    file: Arc<dyn File>,
    len: u64,
}

impl Store {
    /// The runs below `data_dir`.
    pub fn below(env: &Env, data_dir: &Path) -> Store {
        Store {
            disk: Arc::clone(&env.disk),
            dir: data_dir.join("drills"),
        }
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps every other run from beginning for as long as the value lives.
    ///
    /// # Errors
    /// When one is under way, or the directory cannot be made.
    pub async fn lock(&self) -> Result<DirLock, LockError> {
        let made = make_dir(self.disk.as_ref(), &self.dir).await;
        made.map_err(|source| LockError::Io {
            dir: self.dir.clone(),
            source,
        })?;
        DirLock::take(&self.dir)
    }

    /// Makes the directory of a run that begins at `now_ms`. To be called under the lock.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn begin(&self, drill: &str, now_ms: u64) -> io::Result<RunDir> {
        let time: String = iso_time(now_ms)
            .chars()
            .take("2026-11-28T04:21:10".len())
            .map(|c| if c == 'T' { '-' } else { c })
            .enumerate()
            .filter(|(place, c)| c.is_ascii_digit() || *place == "2026-11-28".len())
            .map(|(_, c)| c)
            .collect();
        let taken = self.runs().await?;
        for number in 1..=SAME_NAME_MAX {
            let id = match number {
                1 => format!("{time}-{drill}"),
                number => format!("{time}-{drill}-{number}"),
            };
            if taken.contains(&id) {
                continue;
            }
            let run = self.run(&id);
            make_dir(self.disk.as_ref(), &run.dir).await?;
            return Ok(run);
        }
        Err(io::Error::other("too many runs began in this second"))
    }

    /// The ids of all runs, the oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn runs(&self) -> io::Result<Vec<String>> {
        let entries = match self.disk.list(&self.dir).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let dirs = entries.into_iter().filter(|entry| entry.is_dir);
        Ok(dirs.map(|entry| entry.name).collect())
    }

    /// The run of an id, which may not exist.
    pub fn run(&self, id: &str) -> RunDir {
        RunDir {
            disk: Arc::clone(&self.disk),
            dir: self.dir.join(id),
            id: id.to_owned(),
        }
    }
}

impl RunDir {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps the drill as it was run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_drill(&self, text: String) -> io::Result<()> {
        save(self.disk.as_ref(), &self.dir, DRILL, text.into()).await
    }

    /// Keeps what became of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_record(&self, record: &Record) -> io::Result<()> {
        let text = serde_json::to_string_pretty(record).map_err(io::Error::other)?;
        save(self.disk.as_ref(), &self.dir, RECORD, text.into()).await
    }

    /// What became of it; `None` while it is not over.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub async fn record(&self) -> io::Result<Option<Record>> {
        let text = match read_text(self.disk.as_ref(), &self.dir.join(RECORD)).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(io::Error::other)
    }

    /// Asks for the end of the run; `how` is told in its report.
    ///
    /// # Errors
    /// When that cannot be written.
    pub async fn ask_stop(&self, how: &str) -> io::Result<()> {
        save(self.disk.as_ref(), &self.dir, STOP, how.to_owned().into()).await
    }

    /// How somebody asked for the end, if somebody did.
    pub async fn stop_asked(&self) -> Option<String> {
        let text = read_text(self.disk.as_ref(), &self.dir.join(STOP)).await;
        text.ok().filter(|how| !how.is_empty())
    }

    /// Begins the log of its events.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn log(&self) -> io::Result<EventLog> {
        let file = self.disk.open(&self.dir.join(EVENTS), Open::CREATE).await?;
        let len = file.len().await?;
        Ok(EventLog { file, len })
    }

    /// The events from byte `from` on, and where the next ones will begin. Nothing while there is no log.
    ///
    /// # Errors
    /// When the log is there and cannot be read.
    pub async fn events_from(&self, from: u64) -> io::Result<(Vec<Event>, u64)> {
        let file = match self.disk.open(&self.dir.join(EVENTS), Open::READ).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), from)),
            Err(error) => return Err(error),
        };
        let more = usize::try_from(file.len().await?.saturating_sub(from));
        let bytes = file.read_at(from, more.unwrap_or(0)).await?;
        // A line that is being written has no end yet.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let lines = bytes.slice(..whole);
        let events = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .filter_map(|line| serde_json::from_slice(line).ok());
        let next = from + u64::try_from(whole).unwrap_or(0);
        Ok((events.collect(), next))
    }
}

impl EventLog {
    /// Adds events. What a crash of the machine loses of them is lost.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn add(&mut self, events: &[Event]) -> io::Result<()> {
        let mut text = Vec::new();
        for event in events {
            serde_json::to_writer(&mut text, event).map_err(io::Error::other)?;
            text.push(b'\n');
        }
        let len = u64::try_from(text.len()).unwrap_or(0);
        self.file
            .write_at(self.len, vec![Bytes::from(text)])
            .await?;
        self.len += len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ana_env::memory::{MemoryDisk, MemoryDiskOptions};

    use super::super::record::What;
    use super::*;

    fn note(at_ms: i64) -> Event {
        let text = "a word".to_owned();
        Event {
            at_ms,
            what: What::Note { text },
        }
    }

    #[tokio::test]
    async fn a_run_can_be_followed_and_stopped_by_its_files() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new(1, MemoryDiskOptions::default()));
        let store = Store {
            disk,
            dir: PathBuf::from("/data/drills"),
        };
        assert_eq!(store.runs().await.expect("none"), Vec::<String>::new());
        let now = 1_795_840_870_123;
        let run = store.begin("leader-kill", now).await.expect("a directory");
        assert_eq!(run.id(), "20261128-044110-leader-kill");
        let twin = store.begin("leader-kill", now).await.expect("another");
        assert_eq!(twin.id(), "20261128-044110-leader-kill-2");
        assert_eq!(store.runs().await.expect("two").len(), 2);

        assert_eq!(run.events_from(0).await.expect("none"), (vec![], 0));
        let mut log = run.log().await.expect("a log");
        log.add(&[note(-5), note(0)]).await.expect("written");
        let (events, next) = run.events_from(0).await.expect("two");
        assert_eq!(events, [note(-5), note(0)]);
        assert_eq!(run.events_from(next).await.expect("none"), (vec![], next));
        log.add(&[note(7)]).await.expect("written");
        assert_eq!(run.events_from(next).await.expect("one").0, [note(7)]);

        assert_eq!(run.stop_asked().await, None);
        run.ask_stop("by a test").await.expect("written");
        assert_eq!(run.stop_asked().await.as_deref(), Some("by a test"));
        assert_eq!(run.record().await.expect("none"), None);
    }
}
