//! Partition tables made by `sfdisk`, `sgdisk` and `fdisk`, read by them and by us; some damaged afterwards.
//!
//! Number, start and size of every partition must be the same, and with GPT its type and name. What the tools
//! refuse or repair differently is judged by what was written, and says so. At the end files are read through
//! `IMAGE@N:/path`.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::program::{lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::{Check, context, rump};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const SECTOR: u64 = 512;
const LIMIT: Duration = Duration::from_secs(10);

/// Tables that `sfdisk` makes and reads: name, size in MiB, script.
const SFDISK: &[(&str, u64, &str)] = &[
    ("mbr_one", 16, "label: dos\n2048,,83\n"),
    ("mbr_four_primary", 16, "label: dos\n2048,2048,83\n4096,2048,82\n6144,2048,b\n8192,2048,7\n"),
    (
        "mbr_gap_in_the_numbers",
        16,
        "label: dos\n1: start=2048,size=2048,type=83\n3: start=8192,size=2048,type=82\n",
    ),
    ("mbr_last_number_only", 16, "label: dos\n4: start=2048,size=2048,type=83\n"),
    ("mbr_not_in_disk_order", 16, "label: dos\n8192,2048,83\n2048,2048,82\n"),
    ("mbr_from_sector_1", 16, "label: dos\n1,63,83\n"),
    ("mbr_to_the_last_sector", 16, "label: dos\n2048,30720,83\n"),
    ("mbr_adjoining", 16, "label: dos\n2048,1,83\n2049,1,83\n2050,1,83\n"),
    ("mbr_bootable", 16, "label: dos\n2048,2048,83,*\n"),
    ("mbr_every_type", 16, "label: dos\n2048,8,c\n2056,8,8e\n2064,8,fd\n2072,8,ef\n"),
    ("mbr_beyond_2_tib_less_one", 2 << 20, "label: dos\n2048,4294960000,83\n"),
    ("mbr_one_logical", 16, "label: dos\n2048,,5\n5: start=4096,size=2048,type=83\n"),
    ("mbr_extended_lba", 16, "label: dos\n2048,,f\n5: start=4096,size=2048,type=83\n"),
    ("mbr_extended_linux", 16, "label: dos\n2048,,85\n5: start=4096,size=2048,type=83\n"),
    ("mbr_empty_extended", 16, "label: dos\n2048,2048,83\n4096,8192,5\n"),
    ("mbr_extended_first", 16, "label: dos\n2048,8192,5\n20480,2048,83\n5: start=4096,size=2048,type=82\n"),
    (
        "mbr_three_and_extended",
        16,
        "label: dos\n2048,100,83\n3000,100,83\n4000,100,83\n5000,,5\n5: start=6000,size=100,type=83\n",
    ),
    (
        "mbr_logical_with_gaps",
        16,
        "label: dos\n2048,,5\n5: start=4096,size=100,type=83\n6: start=9000,size=100,type=82\n7: start=20000,size=100,type=83\n",
    ),
    ("gpt_one", 16, "label: gpt\n2048,2048,L\n"),
    ("gpt_many_types", 16, "label: gpt\n2048,100,U\n3000,100,S\n4000,100,H\n5000,100,R\n6000,100,V\n"),
    (
        "gpt_gap_in_the_numbers",
        16,
        "label: gpt\n1: start=2048,size=100,type=L\n7: start=3000,size=100,type=L\n128: start=4000,size=100,type=L\n",
    ),
    ("gpt_not_in_disk_order", 16, "label: gpt\n9000,100,L\n3000,100,L\n"),
    ("gpt_from_the_first_usable", 16, "label: gpt\nfirst-lba: 34\n34,100,L\n"),
    ("gpt_empty", 16, "label: gpt\n"),
    (
        "gpt_long_array",
        16,
        "label: gpt\ntable-length: 512\n1: start=4096,size=100,type=L\n512: start=5000,size=100,type=L\n",
    ),
    (
        "gpt_short_array",
        16,
        "label: gpt\ntable-length: 4\n1: start=4096,size=100,type=L\n4: start=5000,size=100,type=L\n",
    ),
    (
        "gpt_name_of_36_letters",
        16,
        "label: gpt\nstart=2048,size=9,name=\"abcdefghijklmnopqrstuvwxyz0123456789\"\n",
    ),
    ("gpt_name_not_ascii", 16, "label: gpt\nstart=2048,size=9,name=\"Größe façade Привет 日本語\"\n"),
    ("gpt_name_beyond_16_bits", 16, "label: gpt\nstart=2048,size=9,name=\"key 🔑 and 𝄞\"\n"),
    ("gpt_names_alike", 16, "label: gpt\nstart=2048,size=9,name=\"a\"\nstart=4096,size=9,name=\"a\"\n"),
    ("gpt_on_3_tib", 3 << 20, "label: gpt\n2048,6000000000,L\n"),
];

/// Damage to a GPT of two partitions that leaves it readable: name, offsets to change from the begin (or, below
/// zero, from the end), how many warnings we give.
const GPT_DAMAGE: &[(&str, &[i64])] = &[
    ("gpt_primary_signature", &[512]),
    ("gpt_primary_checksum", &[512 + 16]),
    ("gpt_primary_place_of_the_array", &[512 + 72]),
    ("gpt_primary_size_of_entries", &[512 + 84]),
    ("gpt_primary_array", &[1024 + 40]),
    ("gpt_backup_signature", &[-512]),
    ("gpt_backup_checksum", &[-512 + 17]),
    ("gpt_backup_array", &[-33 * 512 + 3]),
];

fn main() {
    let mut suite = Suite::default();
    let lacking = lacks(&["sfdisk", "prlimit"]);
    for (name, mebibytes, script) in SFDISK {
        suite.add(*name, lacking, move || same_as_sfdisk(&made(name, *mebibytes, script)?));
    }
    for logical in [1_u64, 2, 11, 56] {
        let name = format!("mbr_{logical}_logical_partitions");
        suite.add(name, lacking, move || same_as_sfdisk(&made("logical", 200, &many_logical(logical))?));
    }
    suite.add("gpt_128_partitions", lacking, || same_as_sfdisk(&made("gpt", 16, &full_gpt())?));
    for (name, offsets) in GPT_DAMAGE {
        suite.add(format!("{name}_is_damaged"), lacks(&["sfdisk", "sgdisk", "prlimit"]), || {
            damaged_gpt(offsets)
        });
    }
    let lacking = lacks(&["sgdisk", "prlimit"]);
    suite.add("gpt_as_sgdisk_tells_it", lacking, same_as_sgdisk);
    suite.add("gpt_with_a_hybrid_mbr", lacking, hybrid_mbr);
    suite.add("gpt_without_a_protective_mbr", lacks(&["sfdisk", "prlimit"]), without_protective_mbr);
    suite.add("gpt_with_both_headers_damaged", lacks(&["sfdisk", "prlimit"]), both_headers_damaged);
    suite.add("gpt_with_sectors_of_4096_bytes", lacks_large_sectors(), large_sectors);
    suite.add("mbr_of_an_image_that_was_cut", lacks(&["sfdisk", "prlimit"]), cut_image);
    suite.add("mbr_extended_chain_in_a_loop", lacks(&["sfdisk", "prlimit"]), chain_in_a_loop);
    suite.add("mbr_extended_chain_beyond_the_end", lacks(&["sfdisk", "prlimit"]), chain_beyond_the_end);
    suite.add("mbr_overlapping_entries", lacks(&["sfdisk", "prlimit"]), overlapping_entries);
    let lacking = lacks(&["fdisk", "sfdisk", "prlimit"]);
    for (name, kind) in [("freebsd", "a5"), ("openbsd", "a6"), ("netbsd", "a9")] {
        suite.add(format!("disklabel_in_a_{name}_partition"), lacking, || disklabel(kind));
    }
    suite.add(
        "files_in_every_partition",
        lacks(&["sfdisk", "sgdisk", "mke2fs", "prlimit"]),
        files_in_partitions,
    );
    suite.run();
}

/// A disk in a scratch folder.
struct Disk(Scratch);

/// What both sides tell of a partition: number, start and size in bytes, type and name where they are compared.
type Row = (u64, u64, u64, String, String);

impl Disk {
    fn new(name: &str, bytes: u64) -> Check<Self> {
        let disk = Self(Scratch::new(name)?);
        context(File::create(disk.path()).and_then(|file| file.set_len(bytes)), "disk")?;
        Ok(disk)
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path("disk")
    }

    fn file(&self) -> Check<File> {
        context(File::options().read(true).write(true).open(self.path()), "disk")
    }

    /// Inverts a byte; below zero, the offset counts from the end.
    fn damage(&self, offset: i64) -> Check {
        let file = self.file()?;
        let len = context(file.metadata(), "disk")?.len();
        let at = if offset < 0 { len - offset.unsigned_abs() } else { offset as u64 };
        let mut byte = [0];
        context(file.read_exact_at(&mut byte, at), "disk")?;
        context(file.write_all_at(&[!byte[0]], at), "disk")
    }

    fn put(&self, bytes: &[u8], at: u64) -> Check {
        context(self.file()?.write_all_at(bytes, at), "disk")
    }

    /// Our table of this scheme, with its warnings, and the exit status.
    fn ours(&self, scheme: &str) -> Check<(Option<Vec<Row>>, Vec<String>)> {
        let finished = rump::run(&["info", "--json", &self.path().to_string_lossy()], LIMIT)?;
        if finished.timed_out || !matches!(finished.status, Some(0 | 1 | 3)) {
            return Err(format!("rump info: {}", finished.verdict()));
        }
        if finished.stdout.is_empty() {
            return Ok((None, Vec::new()));
        }
        let info: Value = context(serde_json::from_slice(&finished.stdout), "rump info")?;
        let tables = info["tables"].as_array().ok_or("rump info: no tables")?;
        let Some(table) = tables.iter().find(|table| table["scheme"] == scheme) else {
            return Ok((None, Vec::new()));
        };
        let rows: Option<Vec<Row>> =
            table["partitions"].as_array().into_iter().flatten().map(our_row).collect();
        let warnings = table["warnings"].as_array().into_iter().flatten();
        let warnings = warnings.filter_map(|text| text.as_str().map(str::to_string)).collect();
        Ok((Some(rows.ok_or("rump info: a row lacks a field")?), warnings))
    }

    fn ours_without_warnings(&self, scheme: &str) -> Check<Vec<Row>> {
        let (rows, warnings) = self.ours(scheme)?;
        if !warnings.is_empty() {
            return Err(format!("warnings: {warnings:?}"));
        }
        rows.ok_or_else(|| format!("no {scheme} table"))
    }
}

fn our_row(row: &Value) -> Option<Row> {
    let kind = row["kind"].as_str()?.split(' ').next()?.trim_start_matches("0x").to_lowercase();
    let label = row["label"].as_str()?.to_string();
    Some((row["number"].as_u64()?, row["start"].as_u64()?, row["size"].as_u64()?, kind, label))
}

fn made(name: &str, mebibytes: u64, script: &str) -> Check<Disk> {
    let disk = Disk::new(name, mebibytes << 20)?;
    feed("sfdisk", &["-q".as_ref(), "--no-reread".as_ref(), disk.path().as_path()], script)?;
    Ok(disk)
}

/// Runs a program that reads a script.
fn feed(program: &str, arguments: &[&Path], script: &str) -> Check {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Names are not ASCII, and sfdisk reads them in the locale.
    command.env("LC_ALL", "C.UTF-8");
    let mut child = context(command.spawn(), program)?;
    if let Some(mut pipe) = child.stdin.take() {
        context(pipe.write_all(script.as_bytes()), program)?;
    }
    let ended = context(child.wait_with_output(), program)?;
    if ended.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr)))
}

fn sfdisk_rows(path: &Path) -> Check<Vec<Row>> {
    let mut command = Command::new("sfdisk");
    command.env("LC_ALL", "C.UTF-8").arg("--json").arg(path);
    let finished = run_within(&mut command, LIMIT)?;
    if finished.status != Some(0) {
        return Err(format!("sfdisk --json: {}", finished.verdict()));
    }
    let json: Value = context(serde_json::from_slice(&finished.stdout), "sfdisk")?;
    let table = &json["partitiontable"];
    let sector = table["sectorsize"].as_u64().unwrap_or(SECTOR);
    let mut rows = Vec::new();
    for part in table["partitions"].as_array().into_iter().flatten() {
        let node = part["node"].as_str().ok_or("sfdisk: no node")?;
        let digits = node.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |at| at + 1);
        let number = context(node[digits..].parse(), node)?;
        let sectors = |key: &str| part[key].as_u64().ok_or_else(|| format!("sfdisk: no {key}"));
        let kind = part["type"].as_str().unwrap_or_default().to_lowercase();
        let name = part["name"].as_str().unwrap_or_default().to_string();
        rows.push((number, sectors("start")? * sector, sectors("size")? * sector, two_digits(kind), name));
    }
    rows.retain(|row| !matches!(row.3.as_str(), "05" | "0f" | "85"));
    Ok(rows)
}

fn two_digits(kind: String) -> String {
    if kind.len() == 1 { format!("0{kind}") } else { kind }
}

fn same(oracle: &[Row], ours: &[Row]) -> Check {
    if oracle == ours {
        return Ok(());
    }
    let differing = oracle.iter().zip(ours).find(|(one, other)| one != other);
    Err(format!("{} partitions, ours {}; first difference: {differing:?}", oracle.len(), ours.len()))
}

fn same_as_sfdisk(disk: &Disk) -> Check {
    let (mbr, gpt) = (disk.ours("mbr")?.0, disk.ours("gpt")?.0);
    let scheme = if gpt.is_some() { "gpt" } else { "mbr" };
    if mbr.is_some() == gpt.is_some() {
        return Err(format!("tables: mbr {}, gpt {}", mbr.is_some(), gpt.is_some()));
    }
    same(&sfdisk_rows(&disk.path())?, &disk.ours_without_warnings(scheme)?)
}

fn many_logical(count: u64) -> String {
    let logical =
        (0..count).map(|index| format!("{}: start={},size=100,type=83\n", index + 5, 4096 + index * 4096));
    format!("label: dos\n2048,,5\n{}", logical.collect::<String>())
}

fn full_gpt() -> String {
    let rows = (1..=128).map(|number| format!("{number}: start={},size=8\n", 2048 + number * 16));
    format!("label: gpt\n{}", rows.collect::<String>())
}

fn two_in_gpt() -> Check<Disk> {
    made("gpt", 16, "label: gpt\nstart=2048,size=2048,name=one\nstart=8192,size=100,name=two\n")
}

/// Reads a damaged table as `sgdisk` does, which takes what is sound, and says that something is wrong.
fn damaged_gpt(offsets: &[i64]) -> Check {
    let disk = two_in_gpt()?;
    let expected = sfdisk_rows(&disk.path())?;
    offsets.iter().try_for_each(|offset| disk.damage(*offset))?;
    let told = sgdisk_rows(&disk)?;
    let (rows, warnings) = disk.ours("gpt")?;
    if warnings.len() != 1 {
        return Err(format!("warnings: {warnings:?}"));
    }
    let rows = rows.ok_or("no table")?;
    same(&expected, &rows)?;
    let ours: Vec<(u64, u64)> = rows.iter().map(|row| (row.0, row.1 / SECTOR)).collect();
    if told == ours { Ok(()) } else { Err(format!("sgdisk: {told:?}, ours: {ours:?}")) }
}

/// Number and first sector of each row that `sgdisk -p` prints.
fn sgdisk_rows(disk: &Disk) -> Check<Vec<(u64, u64)>> {
    let text = run_ok("sgdisk", &["-p".as_ref(), disk.path().as_path()])?;
    let table = text.lines().skip_while(|line| !line.starts_with("Number"));
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    Ok(table.skip(1).filter_map(row).collect())
}

fn same_as_sgdisk() -> Check {
    let disk = Disk::new("sgdisk", 16 << 20)?;
    let make =
        "-a 1 -n 1:2048:4095 -t 1:8300 -c 1:root -n 5:5000:5999 -t 5:ef00 -c 5:boot -n 9:7000:7000 -t 9:8200";
    let path = disk.path().to_string_lossy().into_owned();
    let arguments: Vec<&str> = make.split(' ').chain([path.as_str()]).collect();
    run_ok("sgdisk", &arguments)?;
    let rows = disk.ours_without_warnings("gpt")?;
    if rows.len() != 3 {
        return Err(format!("{rows:?}"));
    }
    for (number, start, size, kind, name) in rows {
        let told = run_ok("sgdisk", &["-i", &number.to_string(), &path])?.to_lowercase();
        let last = (start + size) / SECTOR - 1;
        let first = format!("first sector: {} ", start / SECTOR);
        let wanted = [first, format!("last sector: {last} "), kind, format!("partition name: '{name}'")];
        if let Some(missing) = wanted.iter().find(|text| !told.contains(text.as_str())) {
            return Err(format!("partition {number}: {missing} is not in {told}"));
        }
    }
    Ok(())
}

/// A hybrid MBR names partitions of the GPT again; the GPT decides, as it does for sgdisk.
fn hybrid_mbr() -> Check {
    let disk = two_in_gpt()?;
    let expected = sfdisk_rows(&disk.path())?;
    run_ok("sgdisk", &["-h".as_ref(), "1:2".as_ref(), disk.path().as_path()])?;
    same(&expected, &disk.ours_without_warnings("gpt")?)
}

fn without_protective_mbr() -> Check {
    let disk = two_in_gpt()?;
    let expected = sfdisk_rows(&disk.path())?;
    disk.put(&[0; 512], 0)?;
    same(&expected, &disk.ours_without_warnings("gpt")?)
}

fn both_headers_damaged() -> Check {
    let disk = two_in_gpt()?;
    disk.damage(512)?;
    disk.damage(-512)?;
    match disk.ours("gpt")? {
        (None, _) => Ok(()),
        (Some(rows), _) => Err(format!("{rows:?}")),
    }
}

fn lacks_large_sectors() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("root, for a loop device with sectors of 4096 bytes");
    }
    lacks(&["losetup", "sfdisk", "prlimit"])
}

/// The judge sees the disk through a loop device with large sectors.
fn large_sectors() -> Check {
    let disk = Disk::new("large", 64 << 20)?;
    let attach: [&Path; 5] =
        ["--find".as_ref(), "--show".as_ref(), "--sector-size".as_ref(), "4096".as_ref(), &disk.path()];
    let device = run_ok("losetup", &attach)?.trim().to_string();
    let script = "label: gpt\nstart=256,size=1000,name=\"grand\"\nstart=2000,size=1\n";
    let rows = feed("sfdisk", &["-q".as_ref(), "--no-reread".as_ref(), device.as_ref()], script)
        .and_then(|()| sfdisk_rows(device.as_ref()));
    run_ok("losetup", &["--detach", &device])?;
    same(&rows?, &disk.ours_without_warnings("gpt")?)
}

/// The front of a disk: what begins in it is there, cut, and the rest is told.
fn cut_image() -> Check {
    let disk = made("cut", 16, "label: dos\n2048,2048,83\n4096,8192,83\n20480,2048,83\n")?;
    context(disk.file()?.set_len(3 << 20), "cut")?;
    let (rows, warnings) = disk.ours("mbr")?;
    let rows = rows.ok_or("no table")?;
    let kept: Vec<_> = rows.iter().map(|row| (row.0, row.1, row.2)).collect();
    if warnings.len() == 2 && kept == [(1, 1 << 20, 1 << 20), (2, 2 << 20, 1 << 20)] {
        return Ok(());
    }
    Err(format!("{kept:?}, {warnings:?}"))
}

/// Sector and second entry of the record behind logical partition 5 of [`many_logical`].
fn with_next(next: (u32, u32)) -> Check<Disk> {
    let disk = made("chain", 16, &many_logical(3))?;
    let mut entry = [0; 16];
    entry[4] = 5;
    entry[8..12].copy_from_slice(&next.0.to_le_bytes());
    entry[12..].copy_from_slice(&next.1.to_le_bytes());
    disk.put(&entry, 2048 * SECTOR + 446 + 16)?;
    Ok(disk)
}

fn chain_in_a_loop() -> Check {
    let disk = with_next((0, 2048))?;
    expect_one_logical(&disk)
}

fn chain_beyond_the_end() -> Check {
    let disk = with_next((0x00ff_0000, 2048))?;
    expect_one_logical(&disk)
}

fn expect_one_logical(disk: &Disk) -> Check {
    let (rows, warnings) = disk.ours("mbr")?;
    let rows = rows.ok_or("no table")?;
    if (rows.len(), warnings.len()) == (1, 1) && rows[0].0 == 5 {
        return Ok(());
    }
    Err(format!("{rows:?}, {warnings:?}"))
}

/// A boot sector's code looks like overlapping entries: no table rather than a wrong one.
fn overlapping_entries() -> Check {
    let disk = made("overlap", 16, "label: dos\n2048,2048,83\n4096,2048,83\n")?;
    disk.put(&3000_u32.to_le_bytes(), 446 + 16 + 8)?;
    match disk.ours("mbr")? {
        (None, _) => Ok(()),
        (Some(rows), _) => Err(format!("{rows:?}")),
    }
}

/// A label that `fdisk` writes into an MBR partition, and its own list of it.
fn disklabel(kind: &str) -> Check {
    let disk = made("bsd", 32, &format!("label: dos\n2048,40000,{kind}\n"))?;
    let script = "b\ny\nn\na\n\n+9000\nn\nb\n20000\n\nt\na\n7\nt\nb\n1\nw\nq\n";
    feed("fdisk", &[disk.path().as_path()], script)?;
    let listing = Command::new("sh")
        .args(["-c", "printf 'b\\np\\nq\\n' | fdisk \"$0\""])
        .arg(disk.path())
        .output()
        .map_err(|error| format!("fdisk: {error}"))?;
    let text = String::from_utf8_lossy(&listing.stdout).into_owned();
    let expected: Vec<(u64, u64, u64)> = text.lines().filter_map(disklabel_row).collect();
    let rows = disk.ours_without_warnings("disklabel")?;
    let ours: Vec<_> = rows.iter().map(|row| (row.0, row.1 / SECTOR, row.2 / SECTOR)).collect();
    if expected.len() == 2 && expected == ours {
        return Ok(());
    }
    Err(format!("fdisk: {expected:?}, ours: {ours:?}\n{text}"))
}

/// A row of `fdisk`: letter, start, end, sectors, size, type; unused ones are left out, as we do.
fn disklabel_row(line: &str) -> Option<(u64, u64, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [letter, start, _, sectors, _, kind, ..] = words[..] else { return None };
    let letter = letter.as_bytes().first().filter(|_| letter.len() == 1 && kind != "unused")?;
    Some((u64::from(letter.checked_sub(b'a')?) + 1, start.parse().ok()?, sectors.parse().ok()?))
}

/// Reads a file in each of several partitions of each scheme.
fn files_in_partitions() -> Check {
    let scripts = [
        "label: dos\n2048,8192,83\n12288,,5\n5: start=14336,size=8192,type=83\n6: start=24576,size=8192,type=83\n",
        "label: gpt\nstart=2048,size=8192,name=one\nstart=14336,size=8192,name=two\n7: start=24576,size=8192\n",
    ];
    for script in scripts {
        let disk = made("files", 24, script)?;
        let rows = sfdisk_rows(&disk.path())?;
        for (number, start, _, _, _) in &rows {
            let source = Scratch::new("source")?;
            let text = format!("in partition {number}");
            context(std::fs::write(source.path("file"), &text), "source")?;
            let volume = Image::make("part", 4, &["-t", "ext4", "-b", "1024"], source.path("file").parent())?;
            disk.put(&context(std::fs::read(volume.path()), "volume")?, *start)?;
        }
        for (number, ..) in &rows {
            let place = format!("{}@{number}:/file", disk.path().display());
            let finished = rump::run(&["cat", &place], LIMIT)?;
            let text = format!("in partition {number}");
            if finished.status != Some(0) || finished.stdout != text.as_bytes() {
                return Err(format!("{script}{number}: {}", finished.verdict()));
            }
        }
        if rows.len() != 3 {
            return Err(format!("{} partitions", rows.len()));
        }
    }
    Ok(())
}
