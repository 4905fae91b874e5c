//! Reports as files: `--html` and `--junit`, each with a path or for standard output.
//!
//! Must stay true: at most one document goes to standard output; whether a file can be written is asked before the
//! drill begins.

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ana_env::{Disk, Open};
use bytes::Bytes;

use crate::commands::Context;
use crate::drill::record::Record;
use crate::drill::report;
use crate::drill::simulated::{self, Simulation};
use crate::error::{CliError, Exit};
use crate::output::{self, Format};

/// Where a document goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Printed,
    File(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text {
            "" => Err("it is empty; leave it out to print the document".to_owned()),
            "-" => Ok(Place::Printed),
            path => Ok(Place::File(path.into())),
        }
    }
}

/// What a report is made of.
pub(super) trait Reported {
    /// The report as one HTML file.
    fn html(&self) -> String;
    /// The report as JUnit's XML.
    fn junit(&self) -> String;
}

impl Reported for Record {
    fn html(&self) -> String {
        report::html(self)
    }

    fn junit(&self) -> String {
        report::junit(self)
    }
}

impl Reported for Simulation {
    fn html(&self) -> String {
        simulated::html(self)
    }

    fn junit(&self) -> String {
        simulated::junit(self)
    }
}

/// The documents that were asked for.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// Make the report as one HTML file that needs nothing else; printed without PATH.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    html: Option<Place>,
    /// Make the report as JUnit's XML, a test for each check; printed without PATH.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "-")]
    junit: Option<Place>,
}

impl Files {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let places = [&self.html, &self.junit].into_iter().flatten();
        places.filter_map(|place| match place {
            Place::File(path) => Some(path.as_path()),
            Place::Printed => None,
        })
    }

    /// Whether all of it can be done.
    ///
    /// # Errors
    /// When more than one document would be printed, or a file has no directory to be in.
    pub(super) async fn check(&self, context: &Context) -> Result<(), CliError> {
        let places = [&self.html, &self.junit].into_iter().flatten();
        let printed = places.filter(|place| **place == Place::Printed).count();
        let json = usize::from(printed > 0 && context.format == Format::Json);
        if printed + json > 1 {
            return Err(
                CliError::new(Exit::Usage, "only one document can go to standard output").advice(
                    "give --html or --junit a path: ana drill report --html report.html --junit",
                ),
            );
        }
        let mut paths = self.paths();
        if let (Some(one), Some(other)) = (paths.next(), paths.next())
            && one == other
        {
            return Err(
                CliError::new(Exit::Usage, "--html and --junit name the same file")
                    .context(format!("file {}", one.display()))
                    .advice("give each a path of its own"),
            );
        }
        for path in self.paths() {
            let checked = check_place(context.env.disk.as_ref(), path).await;
            checked.map_err(|error| {
                CliError::new(
                    Exit::Usage,
                    format!("the report cannot be written: {error}"),
                )
                .context(format!("file {}", path.display()))
                .advice("give it a path in a directory that is there")
            })?;
        }
        Ok(())
    }

    /// Whether a path was meant as what to report of: `ana drill report --html zone-loss`.
    ///
    /// # Errors
    /// When a path is one of the names.
    pub(super) fn check_no_path_is<'a>(
        &self,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Result<(), CliError> {
        let Some(name) = names.find(|name| self.paths().any(|path| path == Path::new(name))) else {
            return Ok(());
        };
        Err(CliError::new(
            Exit::Usage,
            format!("{name} is a run or a drill, and stands where a path is meant"),
        )
        .advice(format!(
            "try: ana drill report {name} --html (for a file of that name: --html ./{name})"
        )))
    }

    /// The document that is printed instead of the usual report.
    pub(super) fn printed(&self, of: &impl Reported) -> Option<String> {
        match (&self.html, &self.junit) {
            (Some(Place::Printed), _) => Some(of.html()),
            (_, Some(Place::Printed)) => Some(of.junit()),
            _ => None,
        }
    }

    /// Writes the files.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) async fn write(
        &self,
        context: &Context,
        of: &impl Reported,
    ) -> Result<(), CliError> {
        if let Some(Place::File(path)) = &self.html {
            write(context, path, of.html()).await?;
        }
        if let Some(Place::File(path)) = &self.junit {
            write(context, path, of.junit()).await?;
        }
        Ok(())
    }

    /// Writes what there is to say of a run that was refused: whoever collects tests is not to find an old file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn write_refusal(
        &self,
        context: &Context,
        drill: &str,
        why: &str,
        advice: &str,
    ) -> Result<(), CliError> {
        let text = || report::junit_of_refusal(drill, why, advice);
        match &self.junit {
            Some(Place::File(path)) => write(context, path, text()).await,
            Some(Place::Printed) => output::data(&text()),
            None => Ok(()),
        }
    }
}

/// Whether a file can be at `path`.
async fn check_place(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("it has no name"))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let entries = disk.list(dir.unwrap_or_else(|| Path::new("."))).await?;
    let taken = |entry: &ana_env::DirEntry| entry.is_dir && name == entry.name.as_str();
    if entries.iter().any(taken) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(())
}

async fn write(context: &Context, path: &Path, text: String) -> Result<(), CliError> {
    let written = write_over(context.env.disk.as_ref(), path, text.into()).await;
    written.map_err(|error| CliError::file("write the report", path, &error))?;
    output::say(&format!("wrote {}", path.display()));
    Ok(())
}

/// In place, and not by a new file that takes the name: the path may be a device, and a report can be made again.
async fn write_over(disk: &dyn Disk, path: &Path, bytes: Bytes) -> io::Result<()> {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let file = disk.open(path, Open::CREATE).await?;
    file.write_at(0, vec![bytes]).await?;
    if file.len().await? > len {
        file.truncate(len).await?;
    }
    Ok(())
}

#[cfg(test)]
mod files_test;
