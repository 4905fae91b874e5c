//! Where templates and experiments are kept.
//!
//! ```text
//!   DATA/fis/templates/EXT….json      what get-experiment-template answers; `ana drill run` runs it as well
//!   DATA/fis/experiments/EXP….json    an experiment and what has become of it
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ana_drill::fis::api::identity::{EXPERIMENT, TEMPLATE, is_id};
use ana_drill::fis::api::{Experiment, Refusal, Template};
use ana_env::{Disk, Env};

use crate::cluster::layout::{make_dir, save};
use crate::config::read_text;

const SUFFIX: &str = ".json";

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    templates: PathBuf,
    experiments: PathBuf,
}

/// What was kept, by id, and what of it cannot be read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) templates: BTreeMap<String, Template>,
    pub(super) experiments: BTreeMap<String, Experiment>,
    pub(super) unreadable: Vec<String>,
}

impl Files {
    /// The files below the data directory of a cluster.
    pub(super) fn below(env: &Env, data_dir: &Path) -> Files {
        let dir = data_dir.join("fis");
        Files {
            disk: Arc::clone(&env.disk),
            templates: dir.join("templates"),
            experiments: dir.join("experiments"),
        }
    }

    /// Reads all that is there.
    pub(super) async fn read(&self) -> io::Result<Kept> {
        let mut kept = Kept::default();
        for (path, text) in self.texts(&self.templates, TEMPLATE).await? {
            match Template::from_file(&text) {
                Ok(template) => {
                    kept.templates.insert(template.id.clone(), template);
                }
                Err(error) => kept.unreadable.push(format!("{}: {error}", path.display())),
            }
        }
        for (path, text) in self.texts(&self.experiments, EXPERIMENT).await? {
            match serde_json::from_str::<Experiment>(&text) {
                Ok(experiment) => {
                    kept.experiments.insert(experiment.id.clone(), experiment);
                }
                Err(error) => kept.unreadable.push(format!("{}: {error}", path.display())),
            }
        }
        Ok(kept)
    }

    async fn texts(&self, dir: &Path, beginning: &str) -> io::Result<Vec<(PathBuf, String)>> {
        let entries = match self.disk.list(dir).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut texts = Vec::new();
        for entry in entries {
            let id = entry.name.strip_suffix(SUFFIX);
            if id.is_some_and(|id| is_id(id, beginning)) {
                let path = dir.join(&entry.name);
                let text = read_text(self.disk.as_ref(), &path).await?;
                texts.push((path, text));
            }
        }
        Ok(texts)
    }

    /// The file of a template.
    pub(super) fn template(&self, id: &str) -> PathBuf {
        self.templates.join(format!("{id}{SUFFIX}"))
    }

    /// Where experiments are.
    pub(super) fn experiments(&self) -> &Path {
        &self.experiments
    }

    /// Keeps a template.
    pub(super) async fn keep_template(&self, template: &Template) -> Result<(), Refusal> {
        let kept = self.keep(&self.templates, &template.id, template.to_file());
        kept.await.map_err(|error| trouble(&self.templates, &error))
    }

    /// Keeps an experiment as it is now.
    pub(super) async fn keep_experiment(&self, experiment: &Experiment) -> Result<(), Refusal> {
        let kept = async {
            let text = serde_json::to_string_pretty(experiment).map_err(io::Error::other)?;
            self.keep(&self.experiments, &experiment.id, text).await
        };
        kept.await
            .map_err(|error| trouble(&self.experiments, &error))
    }

    /// Removes a template.
    pub(super) async fn remove_template(&self, id: &str) -> Result<(), Refusal> {
        let removed = async {
            match self.disk.remove_file(&self.template(id)).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            self.disk.sync_dir(&self.templates).await
        };
        removed
            .await
            .map_err(|error| trouble(&self.templates, &error))
    }

    async fn keep(&self, dir: &Path, id: &str, text: String) -> io::Result<()> {
        make_dir(self.disk.as_ref(), dir).await?;
        let name = format!("{id}{SUFFIX}");
        save(self.disk.as_ref(), dir, &name, text.into()).await
    }
}

fn trouble(dir: &Path, error: &io::Error) -> Refusal {
    Refusal::internal(format!(
        "{}: {error}; check its permissions and free space",
        dir.display()
    ))
}
