//! `ana up --real`: whether this machine and this data directory can have it, and what is made for it.
//!
//! Must stay true: a data directory is either of the one kind or of the other, because its addresses and its files are.

use std::path::Path;
use std::sync::Arc;

use crate::cluster::layout::Layout;
use crate::cluster::real::{Names, Real, missing};
use crate::commands::Context;
use crate::error::{CliError, Exit};
use crate::output;

/// The names of the cluster in `dir`, where it is to be one of this kind.
pub(super) async fn names(
    wanted: bool,
    context: &Context,
    dir: &Path,
) -> Result<Option<Names>, CliError> {
    let env = &context.env;
    let known = Names::read(env, dir).await;
    let known = known.map_err(|error| CliError::file("read real.toml", dir, &error))?;
    if !wanted {
        return match known {
            None => Ok(None),
            Some(_) => Err(of_the_other_kind("with --real", dir, "add --real")),
        };
    }
    if let Some(why) = missing().await {
        let what = format!("--real cannot be done on this machine: {why}");
        return Err(CliError::new(Exit::Usage, what)
            .context("each node gets a network namespace, a loop-mounted ext4 image and a cgroup")
            .advice("as root on Linux with iproute2, nftables, util-linux and e2fsprogs; or leave --real out"));
    }
    if let Some(known) = known {
        return Ok(Some(known));
    }
    let plan = dir.join("cluster.toml").try_exists();
    if plan.map_err(|error| CliError::file("look for the cluster's plan", dir, &error))? {
        return Err(of_the_other_kind("without --real", dir, "leave --real out"));
    }
    let drawn = Names::draw(env, dir).await;
    drawn
        .map(Some)
        .map_err(|error| CliError::file("write real.toml", dir, &error))
}

fn of_the_other_kind(how: &str, dir: &Path, what: &str) -> CliError {
    CliError::new(
        Exit::Usage,
        format!(
            "this cluster was first started {how}, and its addresses and files are of that kind"
        ),
    )
    .context(format!("data directory {}", dir.display()))
    .advice(format!("try: {what}, or another --data-dir"))
}

/// Makes what the nodes are to live in.
pub(super) async fn set_up(
    context: &Context,
    layout: &Layout,
    names: Option<Names>,
) -> Result<Option<Arc<Real>>, CliError> {
    let Some(names) = names else {
        return Ok(None);
    };
    let nodes = layout.nodes().iter().map(|node| node.id).collect();
    let real = Real::new(names, layout.dir(), nodes);
    real.set_up(&context.env).await.map_err(|why| {
        CliError::new(
            Exit::Failed,
            format!("the nodes' places cannot be made: {why}"),
        )
        .context(format!(
            "names are kept in {}",
            layout.dir().join("real.toml").display()
        ))
        .advice("try: the same again, which first removes what was left; or leave --real out")
    })?;
    Ok(Some(Arc::new(real)))
}

/// Removes it again; what cannot be removed is told, and removed by the next start.
pub(super) async fn take_away(real: Option<&Real>) {
    let Some(real) = real else {
        return;
    };
    if let Err(left) = real.take_away().await {
        output::say(&format!(
            "left behind until the next `ana up --real` on this data directory: {left}"
        ));
    }
}
