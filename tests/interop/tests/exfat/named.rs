//! Names, attributes and times, one by one.

use crate::layout;
use crate::volume::{Volume, get, names, put};
use interop::{Check, context};
use rumpkit::kpi::SetTime;
use rumpkit::{AtFlags, Errno, Mode, TimeSpec};
use std::fs;
use std::os::unix::fs::MetadataExt;

fn volume() -> Check<Volume> {
    Volume::make_with(16, &["-c", "4K"])
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
        equal("chmod of what cannot be stored", refused, Err(Errno::EPERM))?;
        let refused = process.chown("writable.txt", Some(5), None).map_err(|error| error.errno);
        equal("chown", refused, Err(Errno::EPERM))?;
        let refused = process.link("writable.txt", "another").map_err(|error| error.errno);
        equal("link", refused, Err(Errno::EPERM))?;
        let refused = process.symlink("writable.txt", "symbolic").map_err(|error| error.errno);
        equal("symlink", refused, Err(Errno::EPERM))
    })?;
    let bytes = volume.bytes()?;
    let attributes = |name: &str| Ok::<u8, String>(bytes[layout::set_of(&bytes, name)?.start + 4]);
    equal("attributes", [attributes("locked.txt")?, attributes("writable.txt")?], [0x21, 0x20])?;
    volume.write("umask=027,uid=7,gid=8,quiet", |process| {
        let stat = context(process.stat("locked.txt"), "stat")?;
        equal("owner and mode", (stat.uid, stat.gid, stat.mode.bits()), (7, 8, 0o550))?;
        context(process.chmod("locked.txt", Mode::new(0o604)), "chmod in silence")?;
        context(process.chmod("locked.txt", Mode::new(0o750)), "chmod")?;
        put(process, "locked.txt", b"changed")
    })?;
    volume.check()
}

/// 2021-06-05 04:03:02 UTC.
const MOMENT: i64 = 1_622_865_782;

/// What exfat-fuse stored is read, and what this stored it reads.
pub fn times() -> Check {
    let volume = volume()?;
    volume.foreign("rw", |point| {
        let path = point.join("dated");
        context(fs::write(&path, b"x"), "dated")?;
        // By its path: a descriptor that is closed takes the present for the time.
        interop::source::set_times(&path, MOMENT, 0)
    })?;
    volume.read("", |process| equal("foreign", context(process.stat("dated"), "stat")?.mtime.sec, MOMENT))?;
    for zone in ["tz=UTC", "tz=+02:30", "time_offset=-60"] {
        volume.write(zone, |process| {
            put(process, "set", b"")?;
            let time = |sec, nsec| Some(SetTime::To(TimeSpec { sec, nsec }));
            let moments = [time(MOMENT - 86_400, 0), time(MOMENT + 1, 370_000_000)];
            context(process.utimensat(None, "set", moments, AtFlags::empty()), "utimens")
        })?;
        volume.check()?;
        let found = volume.foreign("ro", |point| {
            let stat = context(fs::metadata(point.join("set")), "set")?;
            Ok((stat.mtime(), stat.atime()))
        })?;
        equal(zone, found, (MOMENT + 1, MOMENT - 86_400))?;
        volume.read("tz=-05:00", |process| {
            let stat = context(process.stat("set"), "stat")?;
            let expected = (TimeSpec { sec: MOMENT + 1, nsec: 370_000_000 }, MOMENT - 86_400);
            equal("whatever the zone of the reader", (stat.mtime, stat.atime.sec), expected)
        })?;
    }
    // A stamp that does not say is of the zone of the mount.
    let mut bytes = volume.bytes()?;
    let set = layout::set_of(&bytes, "dated")?;
    bytes[set.start + 23] = 0;
    layout::repair_set(&mut bytes[set]);
    volume.replace(&bytes)?;
    volume.read("tz=+02:30", |process| {
        equal("local", context(process.stat("dated"), "stat")?.mtime.sec, MOMENT - 9000)
    })
}

/// Case by the table that mkfs.exfat made; names that cannot be; the longest.
pub fn cases() -> Check {
    let volume = volume()?;
    let cases = [
        ("Readme.TXT", "rEADME.txt"),
        ("Ελληνικά", "ΕΛΛΗΝΙΚΆ"),
        ("ÄÖÜ ñ", "äöü Ñ"),
        ("Ж", "ж"),
        ("ǆ", "Ǆ"),
        ("😀", "😀"),
        ("a.b.", "A.B."),
        (" both ends ", " BOTH ENDS "),
    ];
    volume.write("", |process| {
        cases.iter().try_for_each(|(name, _)| put(process, name, name.as_bytes()))?;
        for (name, other) in cases {
            equal("in another case", get(process, other)?, name.as_bytes().to_vec())?;
        }
        let absent = ["straSSe", "ß", "ı", "😁", "a.b"];
        let there: Vec<&str> = absent.into_iter().filter(|name| process.stat(*name).is_ok()).collect();
        equal("what is not there", there, Vec::new())?;
        for name in ["a:b", "a\\b", "tab\there", "que?", "st*r", "l|ne", "<", "\"", "\u{7}"] {
            let refused = process.mkdir(name, Mode::new(0o755)).map_err(|error| error.errno);
            equal(name, refused, Err(Errno::EINVAL))?;
        }
        put(process, &"ж".repeat(255), b"longest")?;
        let refused = process.mkdir("ж".repeat(256), Mode::new(0o755)).map_err(|error| error.errno);
        equal("longer", refused, Err(Errno::ENAMETOOLONG))?;
        context(process.rename("Readme.TXT", "README.txt"), "another spelling")?;
        context(process.rename("Ж", "a much longer name than it had, of five entries in all.txt"), "longer")?;
        context(process.rename("ÄÖÜ ñ", "ΕΛΛΗΝΙΚΆ"), "over another")?;
        equal("in another case", get(process, &"Ж".repeat(255))?, b"longest".to_vec())
    })?;
    volume.check()?;
    volume.read("", |process| {
        let mut expected = [
            "README.txt",
            "Ελληνικά",
            "a much longer name than it had, of five entries in all.txt",
            "ǆ",
            "😀",
            "a.b.",
            " both ends ",
            &"ж".repeat(255),
        ]
        .map(String::from)
        .to_vec();
        expected.sort();
        equal("names", names(process, ".")?, expected)?;
        equal("what was moved", get(process, "Ελληνικά")?, "ÄÖÜ ñ".as_bytes().to_vec())
    })
}

/// Files of one name after another, in a root that others wrote: sets that lie in two sectors are read, moved, removed.
pub fn renames() -> Check {
    let volume = volume()?;
    let name = |number: usize| format!("{number:03} {}", "x".repeat(number * 7 % 120));
    volume.foreign("rw", |point| {
        (0..150).try_for_each(|number| context(fs::write(point.join(name(number)), name(number)), "write"))
    })?;
    volume.write("", |process| {
        context(process.mkdir("d", Mode::new(0o755)), "mkdir")?;
        for number in 0..150 {
            let (old, content) = (name(number), name(number));
            let new = match number % 4 {
                0 => name(number).replace('x', "y"),
                1 => format!("{number:03}"),
                2 => format!("d/{}", name(number)),
                _ => format!("{} and much more than it had before", name(number)),
            };
            context(process.rename(&old, &new), &old)?;
            put(process, &new, content.repeat(2).as_bytes())?;
            equal("content", get(process, &new)?, content.repeat(2).into_bytes())?;
        }
        Ok(())
    })?;
    volume.check()?;
    volume.foreign("ro", |point| {
        for number in 0..150 {
            let path = match number % 4 {
                0 => name(number).replace('x', "y"),
                1 => format!("{number:03}"),
                2 => format!("d/{}", name(number)),
                _ => format!("{} and much more than it had before", name(number)),
            };
            let content = context(fs::read_to_string(point.join(&path)), &path)?;
            equal(&path, content, name(number).repeat(2))?;
        }
        Ok(())
    })
}
