//! From the command line to the simulator's, and where its program is looked for.

use clap::Parser as _;

use super::*;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    simulate: Simulate,
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long)]
    i_know: bool,
    #[arg(long)]
    stream: Option<String>,
    #[arg(long)]
    real: bool,
}

fn read(words: &str) -> Result<Simulate, clap::Error> {
    let words = words.split_whitespace();
    Line::try_parse_from(std::iter::once("run").chain(words)).map(|line| line.simulate)
}

#[test]
fn options_become_those_of_the_simulator() {
    let cases = [
        (
            "--sim",
            "drill zone-loss --minimise --events --seeds 20 --first 1",
            "ana drill run zone-loss --sim",
        ),
        (
            "--sim --seeds 3",
            "drill zone-loss --minimise --events --seeds 3 --first 1",
            "ana drill run zone-loss --sim",
        ),
        (
            "--sim --seeds 1 --first 77 --nodes-per-zone 2",
            "drill zone-loss --minimise --events --seeds 1 --first 77 --nodes-per-zone 2",
            "ana drill run zone-loss --sim --nodes-per-zone 2",
        ),
    ];
    for (words, arguments, again) in cases {
        let simulate = read(words).expect("it reads");
        assert!(simulate.is_meant());
        assert_eq!(simulate.arguments("zone-loss").join(" "), arguments);
        assert_eq!(simulate.again("zone-loss"), again);
    }
    assert!(!read("").expect("it reads").is_meant());
}

#[test]
fn what_means_nothing_is_refused() {
    for words in [
        "--seeds 3",
        "--first 3",
        "--nodes-per-zone 1",
        "--sim --seeds 0",
        "--sim --nodes-per-zone 4",
        "--sim --seed 3",
        "--sim --i-know",
        "--sim --real",
        "--sim --stream orders",
    ] {
        assert!(read(words).is_err(), "{words}");
    }
}

#[test]
fn the_program_is_looked_for_where_the_environment_says_or_beside_this_one() {
    let this = || Some(PathBuf::from("/opt/bin/ana"));
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert_eq!(
        candidates(None, this()),
        paths(&["/opt/bin/ana-sim", "ana-sim"])
    );
    assert_eq!(candidates(None, None), paths(&["ana-sim"]));
    let named = Some(PathBuf::from("/x/sim"));
    assert_eq!(candidates(named, this()), paths(&["/x/sim"]));
}
