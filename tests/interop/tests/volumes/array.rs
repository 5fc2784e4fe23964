//! MD: arrays that `mdadm` made in a Linux of its own, with all their members and without some.

use crate::{empty, expected, sum, told};
use interop::Check;
use interop::image::Scratch;
use interop::suite::Suite;
use interop::uml::Machine;

/// Level, options of `mdadm`, members, and how many may be missing.
const KINDS: &[(&str, &str, usize, usize)] = &[
    ("linear", "--metadata=1.2", 3, 0),
    ("0", "--metadata=1.2 --chunk=16", 3, 0),
    ("1", "--metadata=1.0", 2, 1),
    ("1", "--metadata=0.90", 2, 1),
    ("4", "--metadata=1.1 --chunk=16", 4, 1),
    ("5", "--metadata=1.2 --chunk=16", 4, 1),
    ("5", "--metadata=0.90 --chunk=32", 3, 1),
    ("5", "--metadata=1.2 --chunk=16 --layout=right-asymmetric", 4, 1),
    ("5", "--metadata=1.2 --chunk=16 --layout=left-asymmetric", 4, 1),
    ("6", "--metadata=1.2 --chunk=16", 5, 2),
    ("6", "--metadata=1.1 --chunk=16 --layout=right-asymmetric", 5, 2),
    ("6", "--metadata=1.2 --chunk=16 --layout=left-symmetric-6", 5, 2),
    ("10", "--metadata=1.2 --chunk=16", 4, 0),
    ("10", "--metadata=1.2 --chunk=16", 5, 0),
    ("10", "--metadata=1.2 --chunk=16 --layout=f2", 4, 0),
    ("10", "--metadata=1.2 --chunk=16 --layout=o2", 4, 0),
];

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    for (level, options, members, losses) in KINDS {
        let words = options.replace("--", "").replace([' ', '=', '-', '.'], "_");
        let name = format!("md_level_{level}_of_{members}_is_read_{words}");
        suite.add(name, lacking, move || read(level, options, *members, *losses));
    }
}

fn read(level: &str, options: &str, members: usize, losses: usize) -> Check {
    let scratch = Scratch::new("array")?;
    let mut machine = Machine::new(&["md-mod", "linear", "raid0", "raid1", "raid456", "raid10"])?;
    let mut images = Vec::new();
    for number in 0..members {
        let image = scratch.path(&format!("member-{number}"));
        // Members of different lengths, where the level makes use of that.
        let longer = if matches!(level, "0" | "linear") { number as u64 * 2 } else { 0 };
        empty(&image, 8 + longer)?;
        machine.disk(&image)?;
        images.push(image.display().to_string());
    }
    let devices: Vec<String> = ('a'..).take(members).map(|letter| format!("/dev/ubd{letter}")).collect();
    // The oldest superblocks have a number and no name.
    let name = if options.contains("0.90") { "" } else { "--homehost=none --name=0" };
    let step = machine.step(&format!(
        "set -e
        mount -t tmpfs tmpfs /run
        mkdir -p /run/mdadm
        mdadm --create /dev/md0 --run {name} --level={level} {options} \
            --raid-devices={members} {devices}
        dd if=/dev/urandom of=/dev/md0 bs=64k || true
        sync
        mdadm --wait /dev/md0 || true
        sha256sum /dev/md0
        mdadm --stop /dev/md0",
        devices = devices.join(" "),
    ))?;
    let wanted = expected(&machine.run()?.output(step)?, "/dev/md0")?;
    let check = |present: &[&String]| {
        let mut arguments: Vec<&str> =
            present[1..].iter().flat_map(|image| ["--with", image.as_str()]).collect();
        let place = format!("{}@md0", present[0]);
        arguments.extend(["cat", &place]);
        let found = sum(&scratch, &arguments)?;
        if found == wanted { Ok(()) } else { Err(format!("{arguments:?}: {found} is not {wanted}")) }
    };
    let all: Vec<&String> = images.iter().collect();
    check(&all)?;
    // Without each of them, or each two of them; and without one more.
    for first in 0..members {
        for second in first..members {
            let lost = if first == second { 1 } else { 2 };
            if lost <= losses {
                let left = (0..members).filter(|number| *number != first && *number != second);
                check(&left.map(|number| &images[number]).collect::<Vec<_>>())?;
            }
        }
    }
    if losses > 0 && losses + 1 < members {
        told(&["cat", &format!("{}@md0", images[0])], 3).map(drop)?;
    }
    Ok(())
}
