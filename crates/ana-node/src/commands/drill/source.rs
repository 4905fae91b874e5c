//! Which drill is meant by a word: a built-in one, or a file; what is wrong with it, with the line.

use std::path::Path;

use ana_drill::error::DrillError;
use ana_drill::fis::Import;
use ana_drill::library;

use crate::commands::Context;
use crate::config::read_text;
use crate::error::{CliError, Exit};

/// A drill and where it came from.
#[derive(Debug)]
pub(super) struct Source {
    /// The drill, and what of a template could not be carried over.
    pub(super) import: Import,
    /// The word that named it.
    pub(super) word: String,
}

/// Reads the drill that `word` names.
pub(super) async fn read(context: &Context, word: &str) -> Result<Source, CliError> {
    let (text, place) = match library::find(word) {
        Some(entry) => (entry.text.to_owned(), format!("the built-in drill {word}")),
        None => {
            let path = Path::new(word);
            let text = read_text(context.env.disk.as_ref(), path).await;
            let text = text.map_err(|error| no_such(word, &error))?;
            (text, format!("file {}", path.display()))
        }
    };
    match ana_drill::Drill::from_text(&text) {
        Ok(import) => Ok(Source {
            import,
            word: word.to_owned(),
        }),
        Err(error) => Err(explain(&error, &text, &place)),
    }
}

fn no_such(word: &str, error: &std::io::Error) -> CliError {
    if error.kind() != std::io::ErrorKind::NotFound {
        return CliError::new(Exit::Usage, format!("cannot read {word}: {error}"))
            .advice("check the path and its permissions");
    }
    let what = format!("there is no built-in drill and no file {word}");
    let error = CliError::new(Exit::Usage, what);
    match library::nearest(word) {
        Some(near) => error.advice(format!("did you mean {}? try: ana drill ls", near.name)),
        None => error.advice("try: ana drill ls"),
    }
}

fn explain(error: &DrillError, text: &str, place: &str) -> CliError {
    let line = line_of(&error.place, text);
    let place = match line {
        Some(line) => format!("{place}, line {line}"),
        None => place.to_owned(),
    };
    CliError::new(Exit::Usage, error.to_string())
        .context(place)
        .advice(
            "the format is described in docs/DRILLS.md; ana drill ls names drills to start from",
        )
}

/// The line at which a place of a TOML file begins: `step 2 (api.error)`, `[load]`, `steady`.
fn line_of(place: &str, text: &str) -> Option<usize> {
    let mut numbered = (1..).zip(text.lines().map(str::trim_start));
    if let Some(rest) = place.strip_prefix("step ") {
        let number: usize = rest.split_whitespace().next()?.parse().ok()?;
        let mut steps = numbered.filter(|(_, line)| line.starts_with("[[step]]"));
        return steps.nth(number.checked_sub(1)?).map(|(line, _)| line);
    }
    let begins = |line: &str| line.starts_with(place);
    numbered
        .find(|(_, line)| begins(line))
        .map(|(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_line() {
        let text = "drill = \"t\"\nsteady = [\"x\"]\n\n[load]\nstream = \"s\"\n[[step]]\n\n  [[step]]\nat = \"x\"\n";
        let cases = [
            ("step 1 (node.kill)", Some(6)),
            ("step 2", Some(8)),
            ("step 3", None),
            ("[load]", Some(4)),
            ("steady", Some(2)),
            ("the file", None),
        ];
        for (place, line) in cases {
            assert_eq!(line_of(place, text), line, "{place}");
        }
        let broken = "drill = \"t\"\nabout = \"t\"\n[[step]]\nat = \"1s\"\ndo = \"node.kil\"\non = \"node 1\"\n";
        let error = ana_drill::Drill::from_text(broken).expect_err("no such action");
        let told = explain(&error, broken, "file f").to_string();
        assert!(told.contains("file f, line 3"), "{told}");
    }
}
