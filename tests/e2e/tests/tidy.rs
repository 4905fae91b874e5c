//! Rules of the repository that a glance cannot keep: which crate may depend on which, what a file looks like, and
//! what never stands in a tracked file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The arrows of docs/ARCHITECTURE.md. A crate may depend on the crates named after it and on no other of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("ana-types", &[]),
    ("ana-env", &[]),
    ("ana-wire", &["ana-types"]),
    ("ana-proto", &["ana-types"]),
    ("ana-state", &["ana-types"]),
    ("ana-drill", &["ana-types"]),
    ("ana-check", &["ana-types"]),
    ("ana-log", &["ana-types", "ana-env"]),
    (
        "ana-raft",
        &["ana-types", "ana-env", "ana-log", "ana-state", "ana-proto"],
    ),
    (
        "ana-router",
        &["ana-types", "ana-env", "ana-raft", "ana-state", "ana-proto"],
    ),
    ("ana-gateway", &["ana-types", "ana-env", "ana-wire"]),
    ("ana-model", &["ana-types", "ana-state"]),
];

/// Packages that may see everything.
const UNRESTRICTED: &[&str] = &["ana-node", "ana-counts", "ana-e2e", "ana-sim"];

/// Libraries that only some crates may name, so that a boundary cannot leak.
const GUARDED: &[(&str, &[&str])] = &[
    ("openraft", &["ana-raft"]),
    ("sled", &["ana-raft"]),
    ("hyper", &["ana-gateway", "ana-node", "ana-raft"]),
    ("tonic", &["ana-proto", "ana-raft"]),
    ("turmoil", &["ana-counts", "ana-sim"]),
    ("stateright", &["ana-model"]),
];

const FILE_LINES_MAX: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository's root")
}

fn metadata() -> cargo_metadata::Metadata {
    cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

/// Direct dependencies of every package of the workspace, development ones left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let direct = |package: &cargo_metadata::Package| {
        let product = |kind| kind != cargo_metadata::DependencyKind::Development;
        let listed = package
            .dependencies
            .iter()
            .filter(|each| product(each.kind));
        (
            package.name.to_string(),
            listed.map(|each| each.name.clone()).collect(),
        )
    };
    metadata.packages.iter().map(direct).collect()
}

fn tracked(suffix: &str) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .expect("git ls-files");
    let listed = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let names = listed
        .split('\0')
        .filter(|name| !name.is_empty() && name.ends_with(suffix));
    names
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn crates_depend_only_on_what_the_picture_allows() {
    let found = dependencies();
    for (name, depends) in &found {
        let ours: BTreeSet<&str> = depends
            .iter()
            .map(String::as_str)
            .filter(|each| each.starts_with("ana-"))
            .collect();
        if UNRESTRICTED.contains(&name.as_str()) {
            continue;
        }
        let allowed = ARROWS
            .iter()
            .find(|(each, _)| each == name)
            .unwrap_or_else(|| panic!("{name} is not in the picture"));
        for each in ours {
            assert!(
                allowed.1.contains(&each),
                "{name} may not depend on {each} (docs/ARCHITECTURE.md)"
            );
        }
    }
    for (library, users) in GUARDED {
        for (name, depends) in &found {
            assert!(
                !depends.contains(*library) || users.contains(&name.as_str()),
                "{name} may not name {library}"
            );
        }
    }
}

/// Mistakes planted on purpose (`ana_types::planted`) are for the simulator alone, and it has to ask for them.
#[test]
fn only_the_simulator_can_plant_mistakes() {
    const FEATURE: &str = "planted";
    for package in &metadata().packages {
        let name = package.name.as_str();
        let asked = |names: &[String]| names.iter().any(|each| each.contains(FEATURE));
        let has = package.features.contains_key(FEATURE);
        assert_eq!(
            has,
            ["ana-types", "ana-sim"].contains(&name),
            "{name} has the feature, or lacks it"
        );
        for (feature, enables) in &package.features {
            assert!(
                !asked(enables) || (name == "ana-sim" && feature == FEATURE),
                "{name} asks for it with its feature {feature}"
            );
        }
        for dependency in &package.dependencies {
            assert!(
                !asked(&dependency.features),
                "{name} asks for it of {}",
                dependency.name
            );
        }
    }
}

#[test]
fn every_source_file_opens_with_its_purpose_and_stays_short() {
    let mut wrong = Vec::new();
    for path in tracked(".rs") {
        let text = fs::read_to_string(&path).expect("a tracked file is readable");
        let head: String = text.lines().take(3).collect::<Vec<_>>().join("\n");
        if !head.contains("//!") {
            wrong.push(format!("{} does not open with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!(
                "{} has {lines} lines, more than {FILE_LINES_MAX}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone_and_no_test_is_ignored() {
    // Spelt in two halves so that this file does not find itself.
    let banned = [
        ["todo", "!("],
        ["unimplemented", "!("],
        ["#[ig", "nore"],
        ["FIX", "ME"],
    ]
    .map(|parts| parts.concat());
    for path in tracked(".rs") {
        let text = fs::read_to_string(&path).expect("a tracked file is readable");
        for each in &banned {
            assert!(
                !text.contains(each.as_str()),
                "{} contains {each}",
                path.display()
            );
        }
    }
}

#[test]
fn state_machines_have_no_clock_no_chance_no_hash_order() {
    let banned = [
        "HashMap",
        "HashSet",
        "Instant",
        "SystemTime",
        "rand::",
        "async fn",
        ".await",
        "f64",
        "f32",
    ];
    for path in tracked(".rs")
        .iter()
        .filter(|path| path.starts_with(root().join("crates/ana-state/src")))
    {
        let text = fs::read_to_string(path).expect("a tracked file is readable");
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for each in banned {
                assert!(
                    !line.contains(each),
                    "{}:{number}: {each} in a replicated state machine",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_one_place_files_files_away() {
    // ana-env is the seam; ana-node's commands handle a user's own files (configuration, logs of child processes).
    let allowed = [
        "crates/ana-env/",
        "crates/ana-node/",
        "tests/",
        "crates/ana-proto/build.rs",
        "crates/ana-raft/src/checkpoint",
    ];
    for path in tracked(".rs") {
        let relative = path
            .strip_prefix(root())
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        if allowed.iter().any(|each| relative.starts_with(each)) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a tracked file is readable");
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for each in [
            "std::fs::",
            "tokio::fs::",
            "TcpListener::bind",
            "TcpStream::connect",
        ] {
            assert!(
                relative.contains("/tests/")
                    || relative.ends_with("_test.rs")
                    || !product.contains(each),
                "{relative} goes round the seams with {each}"
            );
        }
    }
}
