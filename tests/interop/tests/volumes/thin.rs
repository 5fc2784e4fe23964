//! Thin pools of LVM2, which its tools and the driver made in a Linux of its own; one has metadata of `thin_restore`.

use crate::group::SETUP;
use crate::{contains, empty, expected, sum, told};
use interop::image::Scratch;
use interop::mutant::crc;
use interop::suite::Suite;
use interop::uml::Machine;
use interop::{Check, context};
use std::fmt::Write;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// The pools: one of large blocks; one on an array, with the snapshot of a volume that is in no pool; one whose metadata are put
/// there. Then what is in them, with holes, and snapshots at different times.
const SCRIPT: &str = r#"
make() { lvcreate -q -y -kn "$@"; }
fill() { dd if=/dev/urandom of=/dev/mapper/a--group-$1 bs=$2 seek=$3 count=$4 conv=notrunc 2>/dev/null; }
make --type thin-pool -L 48M -c 64k --poolmetadatasize 2M -n pool a-group
make -V 64M -T a-group/pool -n thin
fill thin 64k 3 600
fill thin 4k 15000 3
make -s -n snap a-group/thin
fill thin 64k 10 20
fill snap 64k 300 5
make -s -n again a-group/snap
fill again 4k 1 2
make -V 8M -T a-group/pool -n untouched

make --type raid1 -m 1 -L 6M -n pair a-group
make -L 2M -n pairmeta a-group
lvconvert -q -y -c 128k --type thin-pool --poolmetadata a-group/pairmeta a-group/pair
make -W n -Z n -L 3M -n origin a-group
fill origin 64k 0 48
lvchange -q -y -pr a-group/origin
lvchange -q -an a-group/origin
make -s --thinpool a-group/pair -n outside a-group/origin
fill outside 64k 3 1
lvextend -q -y -L 5M a-group/outside
fill outside 64k 60 1
lvchange -q -ay a-group/origin

make --type thin-pool -L 24M -c 64k --poolmetadatasize 2M -n given a-group
make -V 100M -T a-group/given -n chosen
lvchange -q -an a-group/given a-group/chosen
make -L 2M -n ours a-group
awk 'BEGIN {
    print "<superblock uuid=\"\" time=\"1\" transaction=\"1\" version=\"2\" data_block_size=\"128\" nr_data_blocks=\"384\">"
    print "<device dev_id=\"1\" mapped_blocks=\"380\" transaction=\"0\" creation_time=\"0\" snap_time=\"0\">"
    for (i = 0; i < 380; i++)
        printf "<single_mapping origin_block=\"%d\" data_block=\"%d\" time=\"%d\"/>\n", i * 4 + (i % 3), 379 - i, i % 2
    print "</device></superblock>" }' >/run/pool.xml
thin_restore -q -i /run/pool.xml -o /dev/mapper/a--group-ours
lvchange -q -an a-group/ours
lvconvert -q -y --thinpool a-group/given --poolmetadata a-group/ours
lvchange -q -ay a-group/chosen
for i in $(seq 0 7 379); do fill chosen 64k $((i * 4 + i % 3)) 1; done
sync
"#;

const VOLUMES: [&str; 7] = ["thin", "snap", "again", "untouched", "outside", "origin", "chosen"];

pub fn add(suite: &mut Suite, lacking: Option<&'static str>) {
    suite.add("volumes_in_thin_pools_are_read_and_damage_is_told", lacking, read);
}

fn read() -> Check {
    let scratch = Scratch::new("thin")?;
    let mut machine = Machine::new(&["dm-mod", "dm-thin-pool", "dm-snapshot", "raid1", "dm-raid"])?;
    let images = ["one", "two"].map(|name| scratch.path(name));
    for image in &images {
        empty(image, 128)?;
        machine.disk(image)?;
    }
    let mut script = format!("{SETUP}\npvcreate -q -y /dev/ubda /dev/ubdb\n");
    script.push_str("vgcreate -q -y -s 1M a-group /dev/ubda /dev/ubdb\n");
    script.push_str(SCRIPT);
    for name in VOLUMES {
        let _ = writeln!(script, "sha256sum /dev/mapper/a--group-{name}");
    }
    // A snapshot of the old kind, which is refused.
    script.push_str(
        "lvcreate -q -y -W n -Z n -L 1M -n old a-group\nlvcreate -q -y -s -L 1M -n copied a-group/old
        sleep 1\n",
    );
    let _ = writeln!(script, "{PLACE}\nvgchange -q -an a-group");
    let step = machine.step(&script)?;
    let output = machine.run()?.output(step)?;
    let [first, second] = images.each_ref().map(|image| interop::text(image));
    let cat = |name: &str, status: i32| {
        told(&["--with", &second, "cat", &format!("{first}@a-group/{name}")], status)
    };
    for name in VOLUMES {
        let wanted = expected(&output, &format!("/dev/mapper/a--group-{name}"))?;
        let place = format!("{first}@a-group/{name}");
        let found = sum(&scratch, &["--with", &second, "cat", &place])?;
        if found != wanted {
            return Err(format!("{name}: {found} is not {wanted}"));
        }
    }
    contains(&cat("copied", 3)?, "copied is a snapshot that is not thin")?;
    contains(&cat("pool", 3)?, "no file system at partition a-group/pool")?;
    let shown = told(&["--with", &second, "info", &first], 0)?;
    contains(&shown, "lvm a-group (thin pool given, thin pool pair, thin pool pool)")?;
    // Marks of the driver, in the superblock of one pool.
    let (disk, at) = place_of_metadata(&output)?;
    let file = context(OpenOptions::new().read(true).write(true).open(&images[disk]), "disk")?;
    let mut whole = [0; 4096];
    context(file.read_exact_at(&mut whole, at), "disk")?;
    let mark = |offset: usize, value: u8| {
        let mut block = whole;
        block[offset] = value;
        let sum = crc(0x82f6_3b78, !0, &block[4..]) ^ 160_774;
        block[..4].copy_from_slice(&sum.to_le_bytes());
        context(file.write_all_at(&block, at), "disk")
    };
    mark(4, 1)?;
    let shown = told(&["--with", &second, "info", &first], 0)?;
    contains(&shown, "warning: LVM: the thin pool pool needs a check")?;
    sum(&scratch, &["--with", &second, "cat", &format!("{first}@a-group/untouched")])?;
    mark(48, 99)?;
    contains(&cat("thin", 3)?, "the thin pool pool is at transaction 99, and the group's metadata at ")?;
    mark(336, 64)?;
    contains(&cat("thin", 3)?, "thin pool: 64 sectors of data")?;
    context(file.write_all_at(b"?", at + 100), "disk")?;
    contains(&cat("thin", 3)?, "thin pool: the block 0 of the metadata has a wrong checksum")?;
    let wanted = expected(&output, "/dev/mapper/a--group-chosen")?;
    match sum(&scratch, &["--with", &second, "cat", &format!("{first}@a-group/chosen")])? == wanted {
        true => Ok(()),
        false => Err("what is in another pool is another one".into()),
    }
}

/// Tells where the metadata of the first pool are.
pub const PLACE: &str = "echo metadata $(dmsetup table a--group-pool_tmeta)";

/// What [`PLACE`] told: the number of the disk, and the byte on it.
pub fn place_of_metadata(output: &[u8]) -> Check<(usize, u64)> {
    let text = String::from_utf8_lossy(output);
    let place = text.lines().find_map(|line| {
        let (_, place) = line.strip_prefix("metadata 0 ")?.split_once(" linear 98:")?;
        let (device, sector) = place.trim().split_once(' ')?;
        Some((device.parse::<usize>().ok()? / 16, 512 * sector.parse::<u64>().ok()?))
    });
    place.ok_or_else(|| format!("no place of the metadata in\n{text}"))
}
