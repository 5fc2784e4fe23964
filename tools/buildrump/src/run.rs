//! Other programs: running them, and what they say when they fail.

use crate::Outcome;
use std::process::Command;

/// Runs a program whose output people see.
pub fn succeed(command: &mut Command) -> Outcome {
    let name = name_of(command);
    let status = command.status().map_err(|error| format!("{name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}

/// Runs a program; answers what it printed, or tells with its own words why it failed.
pub fn output(command: &mut Command) -> Outcome<String> {
    let name = name_of(command);
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(format!("{name}: {}: {complaint}", output.status))
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
