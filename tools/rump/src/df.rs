//! `rump df`: size and free space of file systems.

use crate::output::{Output, escaped};
use crate::record::Format;
use crate::session::{Failure, Place, Session, is_type};
use crate::unit::Unit;
use crate::units;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::StatVfs;
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;

/// Arguments of `rump df`.
#[derive(ClapArgs)]
#[command(after_help = "Example:\n  rump df -h disk.img@1 disk.img@2
Records of --json: image, type, block_size, inodes, inodes_free, and in bytes size, used, free, available.")]
pub struct Args {
    #[command(flatten)]
    unit: Unit,
    /// All that the file system tells of itself, instead of a table
    #[arg(short = 'G', conflicts_with = "inodes")]
    everything: bool,
    /// Inodes instead of space
    #[arg(short = 'i', long)]
    inodes: bool,
    /// The columns of POSIX
    #[arg(short = 'P', long)]
    portability: bool,
    /// All that are named (always so)
    #[arg(short = 'a')]
    all: bool,
    /// Those of this host (always so)
    #[arg(short = 'l')]
    local: bool,
    /// Without asking the device anew (always so)
    #[arg(short = 'n')]
    no_update: bool,
    /// Only file systems of these types, with commas between them
    #[arg(short = 't', long = "type", value_name = "TYPES", value_delimiter = ',')]
    types: Vec<String>,
    /// Without the column of types
    #[arg(long, hide = true)]
    without_type: bool,
    #[command(flatten)]
    format: Format,
    /// Images
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

#[derive(Serialize)]
struct Space {
    image: String,
    #[serde(skip)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
    block_size: u32,
    #[serde(skip)]
    blocks: [u64; 3],
    #[serde(skip)]
    name_max: u32,
    size: u64,
    used: u64,
    free: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
}

impl Space {
    fn new(place: &Place, vfs: &StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(u64::from(vfs.block_size));
        Self {
            image: place.volume.clone(),
            path: escaped(&place.path),
            kind: place.image().info().kind.clone(),
            block_size: vfs.block_size,
            blocks: [vfs.blocks, vfs.blocks_free, vfs.blocks_available],
            name_max: vfs.name_max,
            size: bytes(vfs.blocks),
            used: bytes(vfs.blocks.saturating_sub(vfs.blocks_free)),
            free: bytes(vfs.blocks_free),
            available: bytes(vfs.blocks_available),
            inodes: vfs.files,
            inodes_free: vfs.files_free,
        }
    }

    /// All of it, in lines.
    fn write_all(&self, out: &mut Output) -> Result<(), Failure> {
        let [blocks, free, available] = self.blocks;
        writeln!(out, "{} ({}): {:>12} block size", self.path, self.image, self.block_size)?;
        writeln!(out, "{blocks:>12} total blocks {free:>12} free blocks {available:>12} available")?;
        writeln!(out, "{:>12} total files  {:>12} free files", self.inodes, self.inodes_free)?;
        Ok(writeln!(out, "{:>12} fstype       {:>12} name max", self.kind, self.name_max)?)
    }

    /// What is shown of it, column by column.
    fn cells(&self, args: &Args) -> Vec<String> {
        let mut cells = vec![self.image.clone()];
        cells.extend((!args.without_type).then(|| self.kind.clone()));
        if args.inodes {
            let used = self.inodes.saturating_sub(self.inodes_free);
            let counts = [self.inodes, used, self.inodes_free].map(|count| args.count(count));
            cells.extend(counts.into_iter().chain([percent(used, self.inodes_free)]));
        } else {
            let sizes = [self.size, self.used, self.available].map(|bytes| args.unit.text(bytes));
            cells.extend(sizes.into_iter().chain([percent(self.used, self.available)]));
        }
        cells.push(self.path.clone());
        cells
    }
}

/// The share of `used` in the whole, rounded up.
fn percent(used: u64, free: u64) -> String {
    match u128::from(used) + u128::from(free) {
        0 => "-".into(),
        total => format!("{}%", (u128::from(used) * 100).div_ceil(total)),
    }
}

impl Args {
    fn count(&self, count: u64) -> String {
        if self.unit.human_readable { units::human(count) } else { count.to_string() }
    }

    fn heads(&self) -> Vec<&'static str> {
        let blocks = match (&self.unit, self.portability) {
            (Unit { human_readable: true, .. }, _) => "Size",
            (Unit { gibibytes: true, .. }, _) => "1G-blocks",
            (Unit { mebibytes: true, .. }, true) => "1048576-blocks",
            (Unit { mebibytes: true, .. }, false) => "1M-blocks",
            (_, true) => "1024-blocks",
            (_, false) => "1K-blocks",
        };
        let (available, share) = match (self.unit.human_readable, self.portability) {
            (true, false) => ("Avail", "Use%"),
            (_, true) => ("Available", "Capacity"),
            _ => ("Available", "Use%"),
        };
        let mut heads = vec!["Filesystem"];
        heads.extend((!self.without_type).then_some("Type"));
        match self.inodes {
            true => heads.extend(["Inodes", "IUsed", "IFree", "IUse%"]),
            false => heads.extend([blocks, "Used", available, share]),
        }
        heads.push("Mounted on");
        heads
    }
}

/// The least width of the first column, and of one that has a number.
const FIRST: usize = 14;
const NUMBER: usize = 5;

/// Writes rows of cells, texts at the left of their columns and numbers at the right.
fn write_table(out: &mut Output, rows: &[Vec<String>], texts: usize) -> Result<(), Failure> {
    let last = rows.first().map_or(0, |row| row.len() - 1);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let least = |column: usize| match column {
        0 => FIRST,
        _ if column < texts => 0,
        // The share is never wide.
        _ if column + 1 == last => 4,
        _ => NUMBER,
    };
    let widths: Vec<usize> = (0..last).map(|column| width(column).max(least(column))).collect();
    for row in rows {
        for (column, width) in widths.iter().enumerate() {
            match column < texts {
                true => write!(out, "{:<width$} ", row[column])?,
                false => write!(out, "{:>width$} ", row[column])?,
            }
        }
        writeln!(out, "{}", row[last])?;
    }
    Ok(())
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let mut json = args.format.writer();
    let mut rows = Vec::new();
    for place in session.places(&args.addresses)? {
        match place.process().statvfs(&place.path) {
            Ok(vfs) => {
                let space = Space::new(&place, &vfs);
                if args.types.is_empty() || args.types.iter().any(|wanted| is_type(&space.kind, wanted)) {
                    rows.push(space);
                }
            }
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    if args.format.is_json() {
        for row in &rows {
            json.write(out, row)?;
        }
        return Ok(json.finish(out)?);
    }
    if args.everything {
        return rows.iter().try_for_each(|row| row.write_all(out));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = vec![args.heads().into_iter().map(String::from).collect()];
    table.extend(rows.iter().map(|row| row.cells(args)));
    write_table(out, &table, if args.without_type { 1 } else { 2 })
}
