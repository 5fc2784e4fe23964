//! `rump.df`, as df(1) of NetBSD.

use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::escape::escaped;
use rump_cli::units;
use rump_client::kern::MountedFs;
use serde_json::json;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// Arguments of `rump.df`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.df -h
Records of --json: special, node, type, block_size, inodes, inodes_used, inodes_free, and in bytes size, used, available.")]
pub struct Args {
    /// Sizes for people: 1.5K, 12M
    #[arg(short = 'h')]
    human: bool,
    /// In kilobytes; if nothing is said, in blocks of 512 bytes
    #[arg(short = 'k', overrides_with_all = ["mega", "giga"])]
    kilo: bool,
    /// In megabytes
    #[arg(short = 'm', overrides_with_all = ["kilo", "giga"])]
    mega: bool,
    /// In gigabytes
    #[arg(short = 'g', overrides_with_all = ["kilo", "mega"])]
    giga: bool,
    /// Inodes, too
    #[arg(short = 'i')]
    inodes: bool,
    /// File systems of this type alone
    #[arg(short = 't', value_name = "TYPE")]
    fs_type: Option<String>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Those that these files are in; else all
    files: Vec<OsString>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let process = session.connect()?;
        let mut all = Vec::new();
        if self.files.is_empty() {
            all = process.getvfsstat().map_err(of("what is mounted"))?;
        }
        for file in self.files.iter().map(|file| file.as_bytes()) {
            match process.mounted(file) {
                Ok(one) => all.push(one),
                Err(error) => session.report(file, &error),
            }
        }
        all.retain(|one| self.fs_type.as_deref().is_none_or(|wanted| wanted == one.info.fs_type));
        let rows: Vec<Row> = all.iter().map(Row::new).collect();
        if self.json {
            rows.iter().try_for_each(|row| writeln!(out, "{}", row.record()))?;
        } else if !rows.is_empty() {
            self.table(&rows, out)?;
        }
        Ok(())
    }
}

struct Row {
    special: String,
    node: String,
    fs_type: &'static str,
    block_size: u32,
    /// In bytes.
    size: u64,
    used: u64,
    available: u64,
    inodes: u64,
    inodes_free: u64,
}

impl Row {
    fn new(one: &MountedFs) -> Self {
        let (info, facts) = (&one.info, &one.facts);
        let bytes = |blocks: u64| blocks.saturating_mul(facts.block_size.into());
        let special = if info.source.is_empty() { info.fs_type.as_bytes() } else { &info.source };
        Self {
            special: escaped(special),
            node: escaped(&info.target),
            fs_type: info.fs_type,
            block_size: facts.block_size,
            size: bytes(facts.blocks),
            used: bytes(facts.blocks.saturating_sub(facts.blocks_free)),
            available: bytes(facts.blocks_available),
            inodes: facts.files,
            inodes_free: facts.files_free,
        }
    }

    fn inodes_used(&self) -> u64 {
        self.inodes.saturating_sub(self.inodes_free)
    }

    fn record(&self) -> serde_json::Value {
        json!({"special": self.special, "node": self.node, "type": self.fs_type, "block_size": self.block_size,
            "size": self.size, "used": self.used, "available": self.available, "inodes": self.inodes,
            "inodes_used": self.inodes_used(), "inodes_free": self.inodes_free})
    }
}

/// The share in use of what can be, in percent; of nothing all is in use.
fn percent(used: u64, rest: u64) -> String {
    let whole = u128::from(used) + u128::from(rest);
    let share = if whole == 0 { 100 } else { (u128::from(used) * 200 + whole) / (whole * 2) };
    format!("{share}%")
}

impl Args {
    /// What a number of bytes is in the unit, rounded up.
    fn size(&self, bytes: u64) -> String {
        if self.human { units::human(bytes) } else { bytes.div_ceil(self.unit().0).to_string() }
    }

    fn unit(&self) -> (u64, &'static str) {
        match self {
            _ if self.human => (1, "Size"),
            Self { kilo: true, .. } => (1 << 10, "1K-blocks"),
            Self { mega: true, .. } => (1 << 20, "1M-blocks"),
            Self { giga: true, .. } => (1 << 30, "1G-blocks"),
            _ => (512, "512-blocks"),
        }
    }

    fn table(&self, rows: &[Row], out: &mut dyn Write) -> io::Result<()> {
        let width = rows.iter().map(|row| row.special.chars().count()).max().unwrap_or(0).max(10);
        let unit = self.unit().1;
        write!(out, "{:<width$} {unit:>12} {:>12} {:>12} %Cap", "Filesystem", "Used", "Avail")?;
        if self.inodes {
            write!(out, " {:>10} {:>10} %iCap", "iUsed", "iAvail")?;
        }
        writeln!(out, " Mounted on")?;
        for row in rows {
            let [size, used, available] = [row.size, row.used, row.available].map(|bytes| self.size(bytes));
            let share = percent(row.used, row.available);
            write!(out, "{:<width$} {size:>12} {used:>12} {available:>12} {share:>4}", row.special)?;
            if self.inodes {
                let (used, free) = (row.inodes_used(), row.inodes_free);
                write!(out, " {used:>10} {free:>10} {:>5}", percent(used, free))?;
            }
            writeln!(out, " {}", row.node)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_rounded_to_the_nearest() {
        for (used, rest, expected) in
            [(0, 0, "100%"), (0, 9, "0%"), (1, 199, "1%"), (1, 200, "0%"), (2, 1, "67%"), (5, 0, "100%")]
        {
            assert_eq!(percent(used, rest), expected, "{used} of {rest}");
        }
        assert_eq!(percent(u64::MAX, u64::MAX), "50%");
    }
}
