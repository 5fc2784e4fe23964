//! Names, attributes and times, one by one.

use crate::volume::{Volume, get, names, put};
use interop::{Check, context};
use rumpkit::kpi::SetTime;
use rumpkit::{AtFlags, Mode, TimeSpec};
use std::fs;
use std::time::{Duration, SystemTime};

fn volume() -> Check<Volume> {
    Volume::make_with(16 << 10, &["-F", "16"])
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Check {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}

pub fn attributes() -> Check {
    let volume = volume()?;
    volume.write("", |process| {
        put(process, "writable.txt", b"x")?;
        put(process, "locked.txt", b"x")?;
        context(process.chmod("locked.txt", Mode::new(0o555)), "chmod")?;
        let refused = process.chmod("writable.txt", Mode::new(0o600)).map_err(|error| error.errno);
        equal("chmod of what cannot be stored", refused, Err(rumpkit::Errno::EPERM))?;
        let refused = process.chown("writable.txt", Some(5), None).map_err(|error| error.errno);
        equal("chown", refused, Err(rumpkit::Errno::EPERM))
    })?;
    let said = volume.mtools("mattrib", &["::/locked.txt", "::/writable.txt"])?;
    let has = |name: &str, letter: char| {
        said.lines().any(|line| line.ends_with(name) && line.trim_end_matches(name).contains(letter))
    };
    let found = (has("locked.txt", 'R'), has("writable.txt", 'R'), has("writable.txt", 'A'));
    equal(&format!("mattrib says {said}"), found, (true, false, true))?;
    volume.mtools("mattrib", &["+r", "+h", "+s", "-a", "::/writable.txt"])?;
    volume.write("umask=027,uid=7,gid=8,quiet", |process| {
        let stat = context(process.stat("writable.txt"), "stat")?;
        equal("owner and mode", (stat.uid, stat.gid, stat.mode.bits()), (7, 8, 0o550))?;
        context(process.chmod("writable.txt", Mode::new(0o604)), "chmod in silence")?;
        context(process.chmod("writable.txt", Mode::new(0o750)), "chmod")?;
        put(process, "writable.txt", b"changed")
    })?;
    let said = volume.mtools("mattrib", &["::/writable.txt"])?;
    let letters = said.trim_end().trim_end_matches("::/writable.txt").to_string();
    equal(
        "attributes after a change",
        ["R", "H", "S", "A"].map(|letter| letters.contains(letter)),
        [false, true, true, true],
    )
}

pub fn times() -> Check {
    let volume = volume()?;
    let source = volume.beside("dated");
    context(fs::write(&source, b"x"), &source)?;
    // 2021-06-05 04:03:02 UTC.
    let moment = 1_622_865_782;
    let file = context(fs::File::options().write(true).open(&source), &source)?;
    context(file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(moment)), &source)?;
    volume.mtools("mcopy", &["-m", &source, "::/dated"])?;
    for (options, ahead) in [("", 0), ("tz=UTC", 0), ("tz=+02:30", 9000), ("time_offset=-60", -3600)] {
        volume.read(options, |process| {
            let mtime = context(process.stat("dated"), "stat")?.mtime.sec;
            equal(options, mtime, moment as i64 - ahead)
        })?;
    }
    volume.write("tz=+01:00", |process| {
        put(process, "set", b"")?;
        let time = |sec| Some(SetTime::To(TimeSpec { sec, nsec: 0 }));
        let moments = [time(moment as i64 - 86_400), time(moment as i64)];
        context(process.utimensat(None, "set", moments, AtFlags::empty()), "utimens")
    })?;
    let listing = volume.mtools("mdir", &["-a", "::/set"])?;
    let expected = "2021-06-05   5:03";
    if listing.contains(expected) { Ok(()) } else { Err(format!("mdir does not say {expected}: {listing}")) }
}

/// What mtools finds by a short name, and what it lists beside a long one.
pub fn aliases() -> Check {
    let volume = volume()?;
    let cases = [
        ("The quick brown.fox", "THEQUI~1.FOX"),
        ("The quick red.fox", "THEQUI~2.FOX"),
        (".profile", "PROFIL~1"),
        ("archive.tar.gz", "ARCHIV~1.GZ"),
        ("Readme.txt", "README.TXT"),
        ("lower.txt", "LOWER.TXT"),
        ("a+b", "A_B~1"),
        ("日本.txt", "__~1.TXT"),
        ("😀", "_~1"),
    ];
    volume.write("", |process| cases.iter().try_for_each(|(long, _)| put(process, long, long.as_bytes())))?;
    volume.check()?;
    for (long, short) in cases {
        let content = volume.mtools("mtype", &[&format!("::/{short}")])?;
        equal(short, content.as_str(), long)?;
    }
    volume.write("", |process| {
        for (long, short) in cases {
            equal("by the short name", get(process, short)?, long.as_bytes().to_vec())?;
            equal("in another case", get(process, &long.to_uppercase())?, long.as_bytes().to_vec())?;
        }
        context(process.rename("Readme.txt", "README.txt"), "another spelling")?;
        context(process.rename("lower.txt", "a much longer name than it had.txt"), "a longer name")?;
        context(process.rename("a+b", ".profile"), "over another")
    })?;
    volume.check()?;
    volume.read("", |process| {
        let expected = [
            ".profile",
            "README.txt",
            "The quick brown.fox",
            "The quick red.fox",
            "a much longer name than it had.txt",
            "archive.tar.gz",
            "日本.txt",
            "😀",
        ];
        equal("names", names(process, ".")?, expected.map(String::from).to_vec())?;
        equal("what was moved", get(process, ".profile")?, b"a+b".to_vec())
    })
}
