//! A drill as TOML: what clicks and FIS templates are turned into.

use super::{Drill, Step};
use crate::check::Check;
use std::fmt::{self, Display, Formatter};

impl Display for Drill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "drill = {}", text(self.name.as_str()))?;
        writeln!(f, "about = {}", text(&self.about))?;
        if let Some(seed) = self.seed {
            writeln!(f, "seed = {seed}")?;
        }
        if !self.steady.is_empty() {
            writeln!(f, "steady = {}", list(&self.steady))?;
        }
        if let Some(load) = &self.load {
            let (least, most) = load.record_bytes;
            writeln!(f, "\n[load]\nstream = {}", text(load.stream.as_str()))?;
            writeln!(f, "puts_per_second = {}", load.puts_per_second)?;
            writeln!(f, "record_bytes = [{}, {}]", least.0, most.0)?;
            writeln!(f, "keys = {}\nconsumers = {}", load.keys, load.consumers)?;
            writeln!(f, "shards = {}", load.shards)?;
        }
        for step in &self.steps {
            write_step(f, step)?;
        }
        if !self.stop.is_empty() {
            writeln!(f, "\n[stop]\nwhen = {}", list(&self.stop))?;
        }
        if !self.expect.is_empty() {
            writeln!(f, "\n[expect]\nall = {}", list(&self.expect))?;
        }
        Ok(())
    }
}

fn write_step(f: &mut Formatter<'_>, step: &Step) -> fmt::Result {
    writeln!(f, "\n[[step]]")?;
    if let Some(name) = &step.name {
        writeln!(f, "name = {}", text(name))?;
    }
    writeln!(f, "at = {}", text(&step.at.to_string()))?;
    writeln!(f, "do = {}", text(step.action.spec().name))?;
    writeln!(f, "on = {}", text(&step.on.to_string()))?;
    for (key, value) in step.action.parameters() {
        // A count is written as a number. A zone may be called 7 and is a text all the same.
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parameters = step.action.spec().parameters.iter();
        let count = parameters.any(|each| each.key == key && digits(each.like));
        let number = count && digits(&value);
        let value = if number { value } else { text(&value) };
        writeln!(f, "{key} = {value}")?;
    }
    if let Some(lasts) = step.lasts {
        writeln!(f, "for = {}", text(&lasts.to_string()))?;
    }
    Ok(())
}

fn list(checks: &[Check]) -> String {
    let lines: Vec<String> = checks
        .iter()
        .map(|check| format!("  {},\n", text(&check.to_string())))
        .collect();
    format!("[\n{}]", lines.concat())
}

/// A basic string of TOML, on one line.
fn text(plain: &str) -> String {
    let mut quoted = String::from("\"");
    for c in plain.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
