//! How files are shown: a line each, with columns of what is asked for, names in columns, or records.

use super::walk::Listing;
use super::{Args, Row};
use rump_cli::escape::escaped;
use rump_cli::file::Record;
use rump_cli::mode::mode_text;
use rump_cli::units;
use rump_client::abi::{FileType, Stat, TimeSpec};
use std::io;

impl Listing<'_> {
    /// Shows files. Errors: those of writing.
    pub fn rows(&mut self, rows: &[Row]) -> io::Result<()> {
        if self.args.json {
            return rows.iter().try_for_each(|row| {
                let name = row.name.rsplit(|byte| *byte == b'/').next().unwrap_or(&row.name);
                let record = Record::new(&row.path, name, &row.stat, row.target.as_deref());
                writeln!(self.out, "{}", serde_json::to_string(&record)?)
            });
        }
        let columns: Vec<&Column> = COLUMNS.iter().filter(|column| (column.is_there)(self.args)).collect();
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|column| (column.text)(self, row)).collect()).collect();
        let width = |at: usize| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let placed = columns.iter().zip(row).zip(&widths);
            placed.map(|((column, cell), width)| (column.place)(cell, *width)).collect::<String>()
        };
        let lines: Vec<String> = cells.iter().map(line).collect();
        self.form.write(&lines, self.out)
    }

    fn time(&self, time: TimeSpec) -> String {
        if self.args.full_time { units::listed_in_full(time) } else { units::listed(time, self.now) }
    }

    fn size(&self, stat: &Stat) -> String {
        match stat.file_type {
            FileType::CharDevice | FileType::BlockDevice => {
                format!("{}, {}", stat.rdev.major, stat.rdev.minor)
            }
            _ if self.args.human => units::human(stat.size),
            _ => stat.size.to_string(),
        }
    }

    fn name(&self, row: &Row) -> String {
        let sign = match row.stat.file_type {
            _ if !self.args.classify => "",
            FileType::Directory => "/",
            FileType::Symlink => "@",
            FileType::Fifo => "|",
            FileType::Socket => "=",
            FileType::Regular if row.stat.mode.bits() & 0o111 != 0 => "*",
            _ => "",
        };
        let target = row.target.as_ref().map_or(String::new(), |target| format!(" -> {}", escaped(target)));
        format!("{}{sign}{target}", escaped(&row.name))
    }
}

/// A column of a listing.
struct Column {
    is_there: fn(&Args) -> bool,
    text: fn(&Listing<'_>, &Row) -> String,
    /// Within its width, with what separates it from the next.
    place: fn(&str, usize) -> String,
}

const COLUMNS: &[Column] = &[
    Column { is_there: |args| args.inode, text: |_, row| row.stat.ino.0.to_string(), place: right },
    Column { is_there: |args| args.blocks, text: |_, row| row.stat.blocks.to_string(), place: right },
    Column {
        is_there: Args::is_long,
        text: |_, row| String::from_utf8_lossy(&mode_text(&row.stat)).into_owned(),
        place: left,
    },
    Column { is_there: Args::is_long, text: |_, row| row.stat.nlink.to_string(), place: right },
    Column { is_there: Args::is_long, text: |_, row| row.stat.uid.to_string(), place: left },
    Column { is_there: Args::is_long, text: |_, row| row.stat.gid.to_string(), place: left },
    Column { is_there: Args::is_long, text: |listing, row| listing.size(&row.stat), place: right },
    Column { is_there: Args::is_long, text: |listing, row| listing.time(row.stat.mtime), place: right },
    Column { is_there: |_| true, text: |listing, row| listing.name(row), place: |text, _| text.into() },
];

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$} ")
}

fn left(text: &str, width: usize) -> String {
    format!("{text:<width$}  ")
}
