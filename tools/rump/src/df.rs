//! `rump df`: size and free space of file systems.

use crate::output::Output;
use crate::record::Format;
use crate::session::{Failure, Session};
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
    /// Sizes for people: 1.5K, 12M
    #[arg(short = 'h', long)]
    human_readable: bool,
    #[command(flatten)]
    format: Format,
    /// Images
    #[arg(value_name = "IMAGE", value_hint = ValueHint::AnyPath, required = true)]
    addresses: Vec<OsString>,
}

#[derive(Serialize)]
struct Space {
    image: String,
    #[serde(rename = "type")]
    kind: String,
    block_size: u32,
    size: u64,
    used: u64,
    free: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
}

impl Space {
    fn new(image: &str, kind: &str, vfs: &StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(u64::from(vfs.block_size));
        Self {
            image: image.into(),
            kind: kind.into(),
            block_size: vfs.block_size,
            size: bytes(vfs.blocks),
            used: bytes(vfs.blocks.saturating_sub(vfs.blocks_free)),
            free: bytes(vfs.blocks_free),
            available: bytes(vfs.blocks_available),
            inodes: vfs.files,
            inodes_free: vfs.files_free,
        }
    }

    /// Share in use of what users may fill, in percent, rounded up.
    fn percent(&self) -> u64 {
        let total = u128::from(self.used) + u128::from(self.available);
        (u128::from(self.used) * 100).div_ceil(total.max(1)) as u64
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let mut json = args.format.writer();
    let mut rows = Vec::new();
    for place in session.places(&args.addresses)? {
        match place.process().statvfs(&place.path) {
            Ok(vfs) => rows.push(Space::new(&place.volume, &place.image().info().kind, &vfs)),
            Err(error) => session.report(&place, &place.path, &error),
        }
    }
    if args.format.is_json() {
        for row in &rows {
            json.write(out, row)?;
        }
        return Ok(json.finish(out)?);
    }
    if rows.is_empty() {
        return Ok(());
    }
    let size =
        |bytes: u64| if args.human_readable { units::human(bytes) } else { bytes.div_ceil(1024).to_string() };
    let width = rows.iter().map(|row| row.image.chars().count()).max().unwrap_or(0).max(5);
    let unit = if args.human_readable { "Size" } else { "1K-blocks" };
    writeln!(out, "{:<width$} Type  {unit:>12} {:>12} {:>12} Use%", "Image", "Used", "Available")?;
    for row in &rows {
        write!(out, "{:<width$} {:<5} {:>12} ", row.image, row.kind, size(row.size))?;
        writeln!(out, "{:>12} {:>12} {:>3}%", size(row.used), size(row.available), row.percent())?;
    }
    Ok(())
}
