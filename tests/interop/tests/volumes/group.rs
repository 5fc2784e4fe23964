//! LVM2: volumes that its tools made in a Linux of its own, over several disks.

use crate::{contains, empty, expected, sum, told};
use interop::Check;
use interop::image::Scratch;
use interop::suite::Suite;
use interop::uml::Machine;

/// Volumes, and how they are made.
const VOLUMES: &[(&str, &str)] = &[
    ("root", "-L 5M"),
    ("striped", "-i 3 -I 16k -L 6M"),
    ("mirror", "--type mirror -m 1 --mirrorlog core -L 2M"),
    ("raid1", "--type raid1 -m 1 -L 2M"),
    ("raid5", "--type raid5 -i 3 -I 16k -L 6M"),
    ("raid6", "--type raid6 -i 3 -I 16k -L 6M"),
];
const DISKS: usize = 5;

/// What lvm wants to find in a Linux whose root is not written.
pub const SETUP: &str = r#"set -e
    export LVM_SUPPRESS_FD_WARNINGS=1 LVM_SYSTEM_DIR=/run/lvm
    mount -t tmpfs tmpfs /run
    mkdir -p /run/lvm /run/lock
    cat >/run/lvm/lvm.conf <<END
    devices { scan=["/dev"] use_devicesfile=0 filter=["a|/dev/ubd.*|","r|.*|"] }
    global { use_lvmlockd=0 use_lvmpolld=0 locking_dir="/run/lock" }
    activation { udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=0 }
    backup { backup=0 archive=0 }
END
"#;

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("volumes_of_lvm_are_read_with_all_disks_and_without_one", lacking, read);
}

fn read() -> Check {
    let scratch = Scratch::new("group")?;
    let mut machine = Machine::new(&["dm-mod", "raid1", "raid456", "dm-raid", "dm-mirror"])?;
    let mut images = Vec::new();
    for number in 0..DISKS {
        let image = scratch.path(&format!("disk-{number}"));
        empty(&image, 24)?;
        machine.disk(&image)?;
        images.push(image.display().to_string());
    }
    let devices: Vec<String> = ('a'..).take(DISKS).map(|letter| format!("/dev/ubd{letter}")).collect();
    let devices = devices.join(" ");
    let mut script = format!(
        "{SETUP}
        pvcreate -q -y {devices}
        vgcreate -q -y -s 1M a-group {devices}\n"
    );
    for (name, options) in VOLUMES {
        script.push_str(&format!("lvcreate -q -y -W n -Z n -n {name} {options} a-group\n"));
    }
    // What follows the others on the disk is a second segment.
    script.push_str("lvextend -q -y -L 8M a-group/root\n");
    for (name, _) in VOLUMES {
        let device = format!("/dev/mapper/a--group-{name}");
        script
            .push_str(&format!("dd if=/dev/urandom of={device} bs=64k || true\nsync\nsha256sum {device}\n"));
    }
    script.push_str("sleep 2\nvgchange -q -an a-group\n");
    let step = machine.step(&script)?;
    let output = machine.run()?.output(step)?;
    let check = |present: &[&String], name: &str| {
        let wanted = expected(&output, &format!("/dev/mapper/a--group-{name}"))?;
        let mut arguments: Vec<&str> =
            present[1..].iter().flat_map(|image| ["--with", image.as_str()]).collect();
        let place = format!("{}@a-group/{name}", present[0]);
        arguments.extend(["cat", &place]);
        let found = sum(&scratch, &arguments)?;
        if found == wanted { Ok(()) } else { Err(format!("{arguments:?}: {found} is not {wanted}")) }
    };
    let all: Vec<&String> = images.iter().collect();
    for (name, _) in VOLUMES {
        check(&all, name)?;
    }
    for lost in 0..DISKS {
        let left: Vec<&String> = (0..DISKS).filter(|disk| *disk != lost).map(|disk| &images[disk]).collect();
        for name in ["mirror", "raid1", "raid5", "raid6"] {
            check(&left, name)?;
        }
    }
    // Both segments of it are on the first disk.
    let place = format!("{}@a-group/root", images[1]);
    contains(&told(&["cat", &place], 3)?, "LVM: the physical volume pv0 is missing")?;
    let told = told(&["info", &images[1]], 0)?;
    contains(&told, "lvm a-group (missing: pv0 (last seen as /dev/ubda)")
}
