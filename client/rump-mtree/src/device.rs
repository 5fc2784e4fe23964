//! Numbers of devices, as systems pack them.
//!
//! A system keeps the numbers of a device in one, each in its own way. What one of them is to find in a file has to be packed in
//! its way; here it is told as the two numbers in which Linux, and this library, take the same one apart.
//!
//! Source: mknod(8) of NetBSD, flag -F; mtree(5), keyword `device`. Judged by libarchive.

/// The formats, by their names.
pub const FORMATS: [&str; 16] = [
    "native", "386bsd", "4bsd", "bsdos", "freebsd", "hpux", "isc", "linux", "netbsd", "osf1", "sco",
    "solaris", "sunos", "svr3", "svr4", "ultrix",
];

/// How many bits a number has, and where they begin.
type Field = (u32, u32);

/// What a system takes two numbers as: a major number, and a minor one.
fn fields(format: &str) -> Option<[Field; 2]> {
    Some(match format {
        "386bsd" | "4bsd" | "isc" | "sco" | "sunos" | "svr3" | "ultrix" => [(8, 8), (8, 0)],
        "bsdos" | "osf1" => [(12, 20), (20, 0)],
        "hpux" => [(8, 24), (24, 0)],
        "solaris" | "svr4" => [(14, 18), (18, 0)],
        _ => return None,
    })
}

/// The two numbers of a device whose numbers in this format are told: a major and a minor one; of `bsdos` also a major one, a
/// unit and a part of it.
///
/// Errors: no such format; the format has not so many numbers, or none so large.
pub fn numbers(format: &str, told: &[u32]) -> Result<(u32, u32), String> {
    if !FORMATS.contains(&format) {
        return Err(format!(
            "{format}: no format of the numbers of devices, which are {}",
            FORMATS.join(", ")
        ));
    }
    match (format, told) {
        ("native", &[major, minor]) => Ok((major, minor)),
        // Both pack them as they are taken apart here.
        ("linux" | "netbsd", &[major, minor]) => {
            fit(format, &[(12, 0), (20, 0)], told).map(|_| (major, minor))
        }
        // The major number lies within the minor one.
        ("freebsd", &[major, minor]) if major < 1 << 8 && minor & 0xff00 == 0 => {
            Ok(apart(major << 8 | minor))
        }
        ("freebsd", [_, _]) => Err(format!("{told:?}: numbers that {format} has not")),
        ("bsdos", [_, _, _]) => fit(format, &[(12, 20), (12, 8), (8, 0)], told).map(apart),
        (_, [_, _]) => fit(format, &fields(format).unwrap_or_default(), told).map(apart),
        _ => Err(format!("{} numbers of a device, which {format} has not", told.len())),
    }
}

/// Packs numbers into these fields. Errors: one is larger than its field.
fn fit(format: &str, fields: &[Field], told: &[u32]) -> Result<u32, String> {
    let packed = fields.iter().zip(told).try_fold(0, |packed, (&(bits, begin), &number)| {
        (number < 1 << bits).then_some(packed | number << begin)
    });
    packed.ok_or_else(|| format!("{told:?}: numbers that {format} has not"))
}

/// Takes the one number of a device apart.
pub fn apart(packed: u32) -> (u32, u32) {
    (packed >> 8 & 0xfff, packed & 0xff | packed >> 12 & 0xf_ff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_libarchive() {
        // `bsdtar -tvf` of a manifest with these devices.
        let told = [
            ("386bsd", &[7, 8][..], (7, 8)),
            ("bsdos", &[7, 8], (0, 1800)),
            ("bsdos", &[7, 8, 9], (8, 1801)),
            ("hpux", &[7, 70_000], (273, 28_784)),
            ("osf1", &[7, 70_000], (273, 1904)),
            ("solaris", &[7, 70_000], (3345, 368)),
            ("netbsd", &[7, 70_000], (7, 70_000)),
            ("linux", &[7, 200], (7, 200)),
            ("svr4", &[7, 8], (3072, 264)),
            ("native", &[300, 70_000], (300, 70_000)),
            ("sunos", &[7, 8], (7, 8)),
        ];
        for (format, told, expected) in told {
            assert_eq!(numbers(format, told), Ok(expected), "{format}");
        }
        assert_eq!(apart(0x0123_4567), (837, 4711));
    }

    #[test]
    fn what_a_format_has_not_is_refused() {
        for (format, told) in [
            ("vms", &[1, 2][..]),
            ("freebsd", &[7, 70_000]),
            ("freebsd", &[256, 0]),
            ("sunos", &[1, 256]),
            ("hpux", &[256, 0]),
            ("netbsd", &[4096, 0]),
            ("bsdos", &[1, 2, 256]),
            ("netbsd", &[1, 2, 3]),
            ("native", &[1]),
            ("native", &[]),
        ] {
            assert!(numbers(format, told).is_err(), "{format} {told:?}");
        }
        let every = FORMATS.iter().all(|format| numbers(format, &[0, 0]) == Ok((0, 0)));
        assert!(every);
    }
}
