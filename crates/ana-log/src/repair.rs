//! Beginning anew after damage, so that the log can be filled again from the other replicas.
//!
//! A damaged log is not an empty one: until this is called, nothing is written, and what is on the
//! disk stays as it was found. Must stay true: the new segment, with the vote in its header, is
//! durable before an old file is touched; a crash in between is finished by the next start.

use std::io;

use crate::group_commit::Batch;
use crate::recovery::move_aside;
use crate::segment::{Base, FileName, classify, segment_name, snapshot_name};
use crate::writer::{Writer, begin};
use crate::{Health, LogError, snapshot};

impl Writer {
    /// Sets the damaged files aside and begins an empty log that keeps the vote.
    pub(crate) async fn repair(&mut self) -> Result<(), LogError> {
        let refused = {
            let mut state = self.shared.state();
            if !matches!(state.verdict, Health::Corrupt { .. }) {
                return Err(LogError::NotCorrupt);
            }
            Batch::gather(&mut state, usize::MAX)
        };
        if let Some(refused) = refused {
            let refusal = self.shared.state().refusal();
            let what = refusal
                .map(|refusal| refusal.to_string())
                .unwrap_or_default();
            refused.fail(|| LogError::Corrupt { what: what.clone() });
        }
        self.begin_anew()
            .await
            .map_err(LogError::io("repairing the log"))?;
        tracing::warn!(dir = %self.shared.dir.display(), "the damaged log was set aside");
        Ok(())
    }

    async fn begin_anew(&mut self) -> io::Result<()> {
        let (disk, dir) = (&self.shared.disk, &self.shared.dir);
        let mut segments = Vec::new();
        let mut snapshots = Vec::new();
        for entry in disk.list(dir).await? {
            match classify(&entry.name) {
                FileName::Segment(id) => segments.push(id),
                FileName::Snapshot(index) => snapshots.push(index),
                // Those of the repair before: one set is kept.
                FileName::SetAside => disk.remove_file(&dir.join(&entry.name)).await?,
                _ => {}
            }
        }
        let base = Base {
            vote: self.shared.state().vote.clone(),
            ..Base::default()
        };
        let id = segments.iter().max().map_or(1, |newest| newest + 1);
        let tail = begin(&self.shared, id, base, None, (0, 0)).await?;
        for id in segments {
            move_aside(&**disk, dir, &dir.join(segment_name(id))).await?;
        }
        let verified = snapshot::verify_newest(&self.shared, &snapshots).await;
        if verified.map_err(LogError::into_io)?.is_err() {
            for index in snapshots {
                move_aside(&**disk, dir, &dir.join(snapshot_name(index))).await?;
            }
        }
        disk.sync_dir(dir).await?;

        self.shared.indexes.clear();
        self.shared
            .state()
            .begin_anew(tail.base.vote.clone(), tail.activate());
        self.tail = Some(tail);
        Ok(())
    }
}
