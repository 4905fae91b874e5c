//! Directories and files: names as seen now, names as durable, and the operations between the two.
//!
//! Nodes live in one table and point to each other by number. A node is dropped when neither picture leads to
//! it and no handle is open.
//!
//! A rename within one directory is one operation. A rename between two directories is two, one in each:
//! a crash may leave the file under both names or under none, which is all POSIX promises.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::content::Content;
use super::crash::Lottery;
use super::{DiskImage, MemoryDiskOptions};
use crate::disk::DirEntry;

/// Number of a node; never reused.
pub(super) type Ino = u64;

const ROOT: Ino = 0;

#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    Now,
    Durable,
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<Ino, Node>,
    next_id: Ino,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// Open handles.
    handles: u32,
}

#[derive(Debug)]
enum Kind {
    Dir(Dir),
    File(Content),
}

#[derive(Debug, Default)]
struct Dir {
    now: BTreeMap<String, Ino>,
    durable: BTreeMap<String, Ino>,
    /// In the order made; the numbers grow.
    pending: Vec<(u64, DirOp)>,
}

#[derive(Debug)]
enum DirOp {
    Link { name: String, id: Ino },
    Unlink { name: String },
    Rename { from: String, to: String, id: Ino },
}

impl Dir {
    fn make(&mut self, number: u64, op: DirOp) {
        apply(&mut self.now, &op);
        self.pending.push((number, op));
    }

    fn take_pending(&mut self, covered: u64) -> Vec<DirOp> {
        let count = self.pending.partition_point(|(op, _)| *op < covered);
        self.pending.drain(..count).map(|(_, op)| op).collect()
    }

    fn sync(&mut self, covered: u64) {
        for op in self.take_pending(covered) {
            apply(&mut self.durable, &op);
        }
    }

    fn sync_failed(&mut self, covered: u64, lottery: &mut Lottery) {
        for op in self.take_pending(covered) {
            if lottery.coin() {
                apply(&mut self.durable, &op);
            }
        }
    }
}

fn apply(names: &mut BTreeMap<String, Ino>, op: &DirOp) {
    match op {
        DirOp::Link { name, id } => {
            names.insert(name.clone(), *id);
        }
        DirOp::Unlink { name } => {
            names.remove(name);
        }
        DirOp::Rename { from, to, id } => {
            // Where an earlier operation was lost there is nothing to rename.
            if names.get(from) == Some(id) {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        let root = Node {
            kind: Kind::Dir(Dir::default()),
            handles: 0,
        };
        Tree {
            nodes: BTreeMap::from([(ROOT, root)]),
            next_id: ROOT + 1,
        }
    }

    // ---- looking ----

    pub(super) fn find(&self, path: &Path) -> io::Result<Ino> {
        names_of(path)?.iter().try_fold(ROOT, |dir, name| {
            let found = self.dir(dir)?.now.get(name);
            found.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    pub(super) fn find_dir(&self, path: &Path) -> io::Result<Ino> {
        let id = self.find(path)?;
        self.dir(id)?;
        Ok(id)
    }

    pub(super) fn find_file(&self, path: &Path) -> io::Result<Ino> {
        let id = self.find(path)?;
        match self.node(id).kind {
            Kind::File(_) => Ok(id),
            Kind::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// The directory a path lies in, and its last name.
    fn place_of(&self, path: &Path) -> io::Result<(Ino, String)> {
        let mut names = names_of(path)?;
        let name = names.pop().ok_or(io::ErrorKind::InvalidInput)?;
        let dir = self.find_dir(&names.iter().collect::<PathBuf>())?;
        Ok((dir, name))
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = self.dir(self.find(path)?)?;
        let entry = |(name, id): (&String, &Ino)| match &self.node(*id).kind {
            Kind::Dir(_) => DirEntry {
                name: name.clone(),
                len: 0,
                is_dir: true,
            },
            Kind::File(file) => DirEntry {
                name: name.clone(),
                len: file.len(),
                is_dir: false,
            },
        };
        Ok(dir.now.iter().map(entry).collect())
    }

    /// Room taken by what programs can still reach.
    pub(super) fn used_bytes(&self) -> u64 {
        let reachable = self.reachable(View::Now);
        let used = |(id, node): (&Ino, &Node)| match &node.kind {
            Kind::File(file) if node.handles > 0 || reachable.contains(id) => file.used_bytes(),
            Kind::File(_) | Kind::Dir(_) => 0,
        };
        self.nodes.iter().map(used).sum()
    }

    pub(super) fn image(&self, view: View) -> DiskImage {
        let mut image = DiskImage::new();
        self.walk(view, ROOT, &PathBuf::from("/"), &mut |path, _, node| {
            if let Kind::File(file) = &node.kind {
                let bytes = match view {
                    View::Now => file.now(),
                    View::Durable => file.durable(),
                };
                image.insert(path.to_owned(), bytes.clone());
            }
        });
        image
    }

    pub(super) fn file(&self, id: Ino) -> &Content {
        match &self.node(id).kind {
            Kind::File(file) => file,
            Kind::Dir(_) => unreachable!("handles are of files"),
        }
    }

    pub(super) fn file_mut(&mut self, id: Ino) -> &mut Content {
        match &mut self.node_mut(id).kind {
            Kind::File(file) => file,
            Kind::Dir(_) => unreachable!("handles are of files"),
        }
    }

    // ---- changing ----

    pub(super) fn create_dir_all(&mut self, path: &Path, op: u64) -> io::Result<()> {
        let mut dir = ROOT;
        for name in names_of(path)? {
            dir = match self.dir(dir)?.now.get(&name) {
                Some(id) => *id,
                None => self.link_new(dir, name, Kind::Dir(Dir::default()), op),
            };
        }
        self.dir(dir).map(drop)
    }

    pub(super) fn open(&mut self, path: &Path, create: bool, op: u64) -> io::Result<Ino> {
        let id = match self.find_file(path) {
            Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                let (dir, name) = self.place_of(path)?;
                self.link_new(dir, name, Kind::File(Content::default()), op)
            }
            found => found?,
        };
        self.node_mut(id).handles += 1;
        Ok(id)
    }

    pub(super) fn close(&mut self, id: Ino) {
        self.node_mut(id).handles -= 1;
        self.drop_unreachable();
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, op: u64) -> io::Result<()> {
        if to.starts_with(from) && to != from {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let id = self.find(from)?;
        let (from_dir, from_name) = self.place_of(from)?;
        let (to_dir, to_name) = self.place_of(to)?;
        if let Some(target) = self.dir(to_dir)?.now.get(&to_name) {
            if *target == id {
                return Ok(());
            }
            if matches!(self.node(*target).kind, Kind::Dir(_)) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
        }
        if from_dir == to_dir {
            let rename = DirOp::Rename {
                from: from_name,
                to: to_name,
                id,
            };
            self.dir_mut(from_dir).make(op, rename);
        } else {
            self.dir_mut(to_dir)
                .make(op, DirOp::Link { name: to_name, id });
            self.dir_mut(from_dir)
                .make(op, DirOp::Unlink { name: from_name });
        }
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path, op: u64) -> io::Result<()> {
        self.find_file(path)?;
        let (dir, name) = self.place_of(path)?;
        self.dir_mut(dir).make(op, DirOp::Unlink { name });
        Ok(())
    }

    /// Removes entry by entry, as programs do: a crash may leave any part of it.
    pub(super) fn remove_dir_all(&mut self, path: &Path, op: u64) -> io::Result<()> {
        let top = self.find_dir(path)?;
        let (parent, name) = self.place_of(path)?;
        let mut dirs = Vec::new();
        self.walk(View::Now, top, Path::new(""), &mut |_, id, node| {
            if matches!(node.kind, Kind::Dir(_)) {
                dirs.push(id);
            }
        });
        dirs.push(top);
        for id in dirs {
            let dir = self.dir_mut(id);
            let names: Vec<String> = dir.now.keys().cloned().collect();
            for name in names {
                dir.make(op, DirOp::Unlink { name });
            }
        }
        self.dir_mut(parent).make(op, DirOp::Unlink { name });
        Ok(())
    }

    // ---- forgetting ----

    /// Takes the entry of `path` out of every picture.
    pub(super) fn lose(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        let (dir, _) = self.place_of(path)?;
        let dir = self.dir_mut(dir);
        dir.now.retain(|_, each| *each != id);
        dir.durable.retain(|_, each| *each != id);
        // Both operations that could bring it back name it.
        dir.pending.retain(|(_, op)| match op {
            DirOp::Link { id: each, .. } | DirOp::Rename { id: each, .. } => *each != id,
            DirOp::Unlink { .. } => true,
        });
        self.drop_unreachable();
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, id: Ino, covered: u64) {
        // The directory may have been removed while the sync was under way.
        if self.nodes.contains_key(&id) {
            self.dir_mut(id).sync(covered);
            self.drop_unreachable();
        }
    }

    pub(super) fn sync_dir_failed(&mut self, id: Ino, covered: u64, lottery: &mut Lottery) {
        if self.nodes.contains_key(&id) {
            self.dir_mut(id).sync_failed(covered, lottery);
            self.drop_unreachable();
        }
    }

    pub(super) fn crash(&mut self, lottery: &mut Lottery, options: &MemoryDiskOptions) {
        for node in self.nodes.values_mut() {
            node.handles = 0;
            match &mut node.kind {
                Kind::Dir(dir) => {
                    dir.sync_failed(u64::MAX, lottery);
                    dir.now = dir.durable.clone();
                }
                Kind::File(file) => file.crash(lottery, options),
            }
        }
        self.drop_unreachable();
    }

    fn drop_unreachable(&mut self) {
        let mut keep = self.reachable(View::Now);
        keep.extend(self.reachable(View::Durable));
        // Pending operations may yet bring back what no picture shows.
        let mut queue: Vec<Ino> = keep.iter().copied().collect();
        queue.extend(
            self.nodes
                .iter()
                .filter(|(_, node)| node.handles > 0)
                .map(|(id, _)| *id),
        );
        while let Some(id) = queue.pop() {
            keep.insert(id);
            if let Some(Node {
                kind: Kind::Dir(dir),
                ..
            }) = self.nodes.get(&id)
            {
                let named = dir.pending.iter().filter_map(|(_, op)| match op {
                    DirOp::Link { id, .. } | DirOp::Rename { id, .. } => Some(*id),
                    DirOp::Unlink { .. } => None,
                });
                let below = named
                    .chain(dir.now.values().copied())
                    .chain(dir.durable.values().copied());
                queue.extend(below.filter(|id| !keep.contains(id)));
            }
        }
        self.nodes.retain(|id, _| keep.contains(id));
    }

    // ---- small helpers ----

    fn reachable(&self, view: View) -> BTreeSet<Ino> {
        let mut ids = BTreeSet::from([ROOT]);
        self.walk(view, ROOT, Path::new(""), &mut |_, id, _| {
            ids.insert(id);
        });
        ids
    }

    /// Visits everything below directory `top`, parents first, names in order.
    fn walk(&self, view: View, top: Ino, at: &Path, visit: &mut impl FnMut(&Path, Ino, &Node)) {
        let mut queue = vec![(top, at.to_owned())];
        while let Some((id, at)) = queue.pop() {
            let Kind::Dir(dir) = &self.node(id).kind else {
                continue;
            };
            let names = match view {
                View::Now => &dir.now,
                View::Durable => &dir.durable,
            };
            for (name, id) in names {
                let path = at.join(name);
                visit(&path, *id, self.node(*id));
                queue.push((*id, path));
            }
        }
    }

    fn link_new(&mut self, dir: Ino, name: String, kind: Kind, op: u64) -> Ino {
        let id = self.next_id;
        self.next_id += 1;
        self.nodes.insert(id, Node { kind, handles: 0 });
        self.dir_mut(dir).make(op, DirOp::Link { name, id });
        id
    }

    fn dir(&self, id: Ino) -> io::Result<&Dir> {
        match &self.node(id).kind {
            Kind::Dir(dir) => Ok(dir),
            Kind::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn dir_mut(&mut self, id: Ino) -> &mut Dir {
        match &mut self.node_mut(id).kind {
            Kind::Dir(dir) => dir,
            Kind::File(_) => unreachable!("looked up as a directory"),
        }
    }

    fn node(&self, id: Ino) -> &Node {
        self.nodes
            .get(&id)
            .expect("a node lives as long as something points to it")
    }

    fn node_mut(&mut self, id: Ino) -> &mut Node {
        self.nodes
            .get_mut(&id)
            .expect("a node lives as long as something points to it")
    }
}

/// The names of a path from the root. Relative paths start at the root too.
fn names_of(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => {
                names.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?.to_owned());
            }
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}
