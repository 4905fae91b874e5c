//! Has valgrind run cases in processes of their own and reads what it counted.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::Case;

/// What callgrind turns its counting on and off by: the function `measured` of this program.
const TOGGLE: &str = "--toggle-collect=*ana_counts*measured*";

/// Cases counted at a time.
const AT_A_TIME: usize = 2;

/// A limit this much above its count is slack: whoever made the path faster tightens it. In hundredths.
const SLACK: u64 = 200;

/// Counts each case and says whether all keep their limits.
pub(crate) fn check(cases: &[Case]) -> Result<ExitCode> {
    let mut kept = true;
    say(format_args!(
        "{:<24} {:>12} {:>12}  per",
        "case", "counted", "at most"
    ));
    for few in cases.chunks(AT_A_TIME) {
        let counts = thread::scope(|scope| {
            let running: Vec<_> = few
                .iter()
                .map(|case| scope.spawn(|| count(*case)))
                .collect();
            running
                .into_iter()
                .map(|it| it.join().expect("a thread that counts does not panic"))
                .collect::<Vec<_>>()
        });
        for (case, counted) in few.iter().zip(counts) {
            let each = counted? / case.units;
            let verdict = match each {
                _ if each > case.at_most => "  TOO MANY",
                _ if each * SLACK / 100 < case.at_most => "  far below: lower its limit",
                _ => "",
            };
            kept &= verdict.is_empty();
            let Case {
                name,
                unit,
                at_most,
                ..
            } = case;
            say(format_args!(
                "{name:<24} {each:>12} {at_most:>12}  {unit}{verdict}"
            ));
        }
    }
    Ok(if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Leaves callgrind's own file of one case and says how to read it.
pub(crate) fn profile(case: Case) -> Result<ExitCode> {
    let file = format!("callgrind.{}.out", case.name);
    let counted = run(case, Path::new(&file))? / case.units;
    say(format_args!("{counted} instructions per {}", case.unit));
    say(format_args!("callgrind_annotate --inclusive=yes {file}"));
    Ok(ExitCode::SUCCESS)
}

fn count(case: Case) -> Result<u64> {
    let dir = tempfile::tempdir()?;
    run(case, &dir.path().join("out"))
}

/// Instructions of the measured part of a case.
fn run(case: Case, file: &Path) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", TOGGLE])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["run", case.name])
        .output()
        .context(
            "valgrind counts the instructions: install it (Debian: apt-get install valgrind)",
        )?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}: {}\n{said}", case.name, output.status);
    }
    collected(&said).with_context(|| format!("{}: valgrind counted nothing:\n{said}", case.name))
}

/// The figure of callgrind's line `==7== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let (_, figure) = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    figure.trim().parse().ok().filter(|count| *count > 0)
}

#[expect(clippy::print_stdout, reason = "a command's output is its purpose")]
fn say(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn callgrind_says_what_it_collected() {
        for (said, counted) in [
            (
                "==7== Events    : Ir\n==7== Collected : 1234\n==7==\n",
                Some(1234),
            ),
            // The function was never entered.
            ("==7== Events    : Ir\n==7== Collected : 0\n", None),
            ("==7== Collected : \n", None),
            ("", None),
        ] {
            assert_eq!(collected(said), counted, "{said:?}");
        }
    }
}
