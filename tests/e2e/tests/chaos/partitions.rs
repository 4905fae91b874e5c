//! Partitions in every shape, one after another. Whoever has a majority goes on; a node that is let back in causes no
//! election.

use std::collections::BTreeMap;
use std::time::Duration;

use ana_e2e::cluster::{GroupStatus, Status, now, pause, rounds};
use ana_e2e::replicas::get;
use ana_e2e::verdict::{percentiles_ms, told};
use anyhow::{Context, Result, ensure};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::{HEALED_WITHIN, NODES, Scene};

/// With a majority left, every shard is writable within this.
const AROUND_WITHIN: Duration = Duration::from_secs(8);
/// How long a partition is held when nobody can write, and how long after writing went on when somebody can.
const HELD_MS: u64 = 1200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One node, both ways.
    TwoWay,
    /// One node hears nobody.
    Deaf,
    /// One node is heard by nobody.
    Mute,
    /// No two nodes hear one another: each link in one way.
    Ring,
    /// Two nodes do not hear one another; the third hears both.
    Bridge,
    /// Nodes are cut off one after another, and let back in in another order.
    Swizzle,
}

const SHAPES: [Shape; 6] = [
    Shape::TwoWay,
    Shape::Deaf,
    Shape::Mute,
    Shape::Ring,
    Shape::Bridge,
    Shape::Swizzle,
];

impl Shape {
    fn leaves_a_majority(self) -> bool {
        !matches!(self, Shape::Ring | Shape::Swizzle)
    }

    /// One node is cut off and the others are not.
    fn isolates(self) -> bool {
        matches!(self, Shape::TwoWay | Shape::Deaf | Shape::Mute)
    }
}

/// From, to, both ways.
type Cut = (u64, u64, bool);

fn cuts(shape: Shape, [x, y, z]: [u64; 3]) -> Vec<Cut> {
    match shape {
        Shape::TwoWay => vec![(x, y, true), (x, z, true)],
        Shape::Deaf => vec![(y, x, false), (z, x, false)],
        Shape::Mute => vec![(x, y, false), (x, z, false)],
        Shape::Ring => vec![(x, y, false), (y, z, false), (z, x, false)],
        Shape::Bridge => vec![(x, y, true)],
        Shape::Swizzle => vec![(x, y, true), (x, z, true), (y, z, true)],
    }
}

fn cut(scene: &Scene, id: &str, (from, to, both): Cut) -> Result<()> {
    let (from, to) = (from.to_string(), to.to_string());
    let mut words = vec!["fault", "add", "link.cut", "--id", id, "--for", "60s"];
    words.extend(["--from", &from, "--to", &to]);
    words.extend(both.then_some("--both"));
    scene.cluster.ana_ok(&words).map(drop)
}

/// Term and leader of every group, as this node sees it. One that is cut off may still take itself for a leader.
fn elections(scene: &Scene, node: u64) -> Result<BTreeMap<u64, (u64, Option<u64>)>> {
    let nodes = scene.cluster.status()?.nodes;
    let node = nodes.iter().find(|it| it.id == node).context("a node")?;
    let groups = get::<Status>(&node.api, "/_ana/status")?.groups;
    let of = |it: &GroupStatus| (it.id, (it.term, it.leader));
    Ok(groups.iter().map(of).collect())
}

/// What the rounds measured.
#[derive(Debug, Default)]
struct Seen {
    /// Who led the groups of records at first.
    homes: BTreeMap<u64, Option<u64>>,
    around: Vec<Duration>,
    healed: Vec<Duration>,
    rejoined: u32,
    elections: u32,
}

async fn round(scene: &mut Scene, shape: Shape, seen: &mut Seen) -> Result<()> {
    let mut nodes = NODES;
    nodes.shuffle(&mut scene.dice);
    let mut cuts: Vec<(usize, Cut)> = cuts(shape, nodes).into_iter().enumerate().collect();
    let begun = now();
    for (number, each) in &cuts {
        cut(scene, &format!("cut-{number}"), *each)?;
        if shape == Shape::Swizzle {
            pause(scene.dice.random_range(50..400)).await;
        }
    }
    if shape.leaves_a_majority() {
        let all_cut = now();
        let around = scene.resumed(all_cut, AROUND_WITHIN).await;
        around.with_context(|| format!("around {nodes:?}"))?;
        seen.around.push(begun.elapsed());
    }
    pause(HELD_MS).await;
    // Asked in this order: terms only rise, so one that is ahead was ahead.
    let (own, before) = (elections(scene, nodes[0])?, elections(scene, nodes[1])?);
    if shape.isolates() {
        // Whoever stood for election on its own would come back with a term that deposes the others' leader.
        let is_ahead = |(id, it): (&u64, &(u64, Option<u64>))| {
            before.get(id).is_none_or(|others| others.0 < it.0)
        };
        ensure!(!own.iter().any(is_ahead), "{nodes:?}: {own:?}, {before:?}");
    }
    cuts.shuffle(&mut scene.dice);
    for (number, _) in &cuts {
        let id = format!("cut-{number}");
        scene.cluster.ana_ok(&["fault", "stop", &id])?;
    }
    let healed = now();
    let gap = scene.resumed(healed, HEALED_WITHIN).await;
    seen.healed.push(gap.context("after it was healed")?);
    scene.cluster.wait_healthy(HEALED_WITHIN).await?;
    if shape.isolates() {
        seen.rejoined += 1;
        let after = elections(scene, nodes[1])?;
        // A group that goes back to where it was at first is handed over by its leader, not taken from it.
        let elected = after.iter().filter(|(id, (term, leader))| {
            let home = seen.homes.get(id).copied().flatten();
            let is_back = *leader == home && home.is_some();
            let was = before.get(id);
            was.is_some_and(|was| was.0 < *term && !(is_back && was.1 != home))
        });
        seen.elections += u32::try_from(elected.count())?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_of_every_shape_lose_nothing() -> Result<()> {
    let rounds = rounds("ANA_PARTITION_ROUNDS", 10);
    let mut scene = Scene::start(20_261_128).await?;
    let readers = scene.read().await?;
    let first = elections(&scene, 1)?.into_iter().filter(|(id, _)| *id > 0);
    let mut seen = Seen {
        homes: first.map(|(id, (_, leader))| (id, leader)).collect(),
        ..Seen::default()
    };
    for number in 0..rounds {
        let shape = SHAPES[usize::try_from(number)? % SHAPES.len()];
        round(&mut scene, shape, &mut seen)
            .await
            .with_context(|| format!("round {number}, {shape:?}"))?;
        let around = seen.around.last().filter(|_| shape.leaves_a_majority());
        let healed = seen.healed.last();
        println!("partitions: round {number}, {shape:?}, around it {around:?}, healed {healed:?}");
    }
    let polled = readers.stop().await?;
    let (equal, verdict) = scene.judge(&polled, Vec::new()).await?;
    let ms = |times: &[Duration]| {
        let (p50, p99, max) = percentiles_ms(times);
        format!("p50 {p50} p99 {p99} max {max}")
    };
    println!(
        "partitions: {rounds} rounds, {} | ms until all shards were written around it {} | after it healed {} | {} nodes \
         came back, none ahead of the others, {} elections meanwhile | {equal}",
        told(&verdict),
        ms(&seen.around),
        ms(&seen.healed),
        seen.rejoined,
        seen.elections,
    );
    ensure!(verdict.is_clean(), "{verdict}");
    Ok(())
}
