//! The man pages of a program, from the description of its command line: `PROGRAM --man FOLDER`, alone.
//!
//! A step of the installation, not for users, and so in no help.

use clap::Command;
use clap_mangen::Man;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Writes a page for each command, if that is asked for; none if it is not.
pub fn asked_for(commands: impl IntoIterator<Item = Command>) -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let (Some(word), Some(folder), None) = (words.next(), words.next(), words.next()) else { return None };
    if word != "--man" {
        return None;
    }
    for command in commands {
        let path = Path::new(&folder).join(format!("{}.1", command.get_name()));
        if let Err(error) = write(command, &path) {
            eprintln!("{}: {error}", path.display());
            return Some(ExitCode::FAILURE);
        }
    }
    Some(ExitCode::SUCCESS)
}

fn write(command: Command, path: &Path) -> io::Result<()> {
    let man =
        Man::new(command).section("1").source(concat!("rump ", env!("CARGO_PKG_VERSION"))).manual("rump");
    let mut page = Vec::new();
    man.render(&mut page)?;
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    std::fs::write(path, page)
}
