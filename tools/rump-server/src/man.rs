//! The man page of a program, from the description of its command line: `PROGRAM --man FOLDER`, alone.
//!
//! A step of the installation, not for users, and so in no help.

use clap_mangen::Man;
use std::path::Path;
use std::process::ExitCode;

/// Writes it, if that is asked for; none if it is not.
pub fn asked_for(command: clap::Command) -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let (Some(word), Some(folder), None) = (words.next(), words.next(), words.next()) else { return None };
    if word != "--man" {
        return None;
    }
    let path = Path::new(&folder).join(format!("{}.1", command.get_name()));
    let man =
        Man::new(command).section("1").source(concat!("rump ", env!("CARGO_PKG_VERSION"))).manual("rump");
    let mut page = Vec::new();
    let written = man
        .render(&mut page)
        .and_then(|()| std::fs::create_dir_all(&folder))
        .and_then(|()| std::fs::write(&path, page));
    Some(match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    })
}
