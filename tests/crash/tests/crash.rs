//! Formats by seeds. `RUMP_CRASH_SEEDS=N` runs N seeds for each format, `RUMP_CRASH_CUTS=N` looks at N instants of each.

use crash::{judge, workload};
use interop::suite::Suite;

/// Name, size in KiB, and what mke2fs is told.
const FORMATS: &[(&str, u64, &[&str])] = &[
    ("ext4", 16 << 10, &["-t", "ext4"]),
    ("ext4-1k", 12 << 10, &["-t", "ext4", "-b", "1024"]),
    ("ext4-orphan-file", 16 << 10, &["-t", "ext4", "-O", "orphan_file,metadata_csum_seed"]),
    ("ext4-inline", 16 << 10, &["-t", "ext4", "-O", "inline_data"]),
    ("ext4-bigalloc", 16 << 10, &["-t", "ext4", "-O", "bigalloc", "-C", "16384"]),
    ("ext4-no-checksums", 16 << 10, &["-t", "ext4", "-O", "^metadata_csum,^64bit"]),
    ("ext3", 12 << 10, &["-t", "ext3", "-b", "1024"]),
];

/// The operations of one workload.
const OPERATIONS: u64 = 400;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    let lacking = interop::program::lacks(&["mke2fs", "e2fsck"]);
    let seeds = number("RUMP_CRASH_SEEDS", 1);
    let cuts = number("RUMP_CRASH_CUTS", 320) as usize;
    let mut suite = Suite::default();
    for (name, size, arguments) in FORMATS {
        for seed in 1..=seeds {
            suite.add(format!("{name}-seed-{seed}"), lacking, move || {
                let image = judge::make_image(*size, arguments)?;
                let record = workload::run(image, seed, OPERATIONS)?;
                let account = judge::judge(&record, seed, cuts)?;
                println!("{name}, seed {seed}: {account:?}");
                Ok(())
            });
        }
    }
    suite.run()
}
