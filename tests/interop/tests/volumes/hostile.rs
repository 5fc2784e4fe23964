//! Headers of LUKS, metadata of LVM2, of thin pools and of MD, as they are made by the oracles, and then changed: any answer is right
//! but a panic, a hang, or memory without bounds. In half of the variants all checksums are right.

use crate::group::SETUP;
use crate::thin::{PLACE, place_of_metadata};
use interop::image::Scratch;
use interop::mutant::{crc, each, mutate};
use interop::program::run_ok;
use interop::suite::Suite;
use interop::uml::Machine;
use interop::{Check, context, text};
use rump_host_sim::SimHost;
use rumpdev_volume::luks::{Effort, Header};
use rumpkit::image::{Opening, Survey};
use rumpkit::kpi::{BlockDevice, Errno, KResult};
use sha2::{Digest, Sha256};
use std::fs;
use std::ops::Range;
use std::sync::Arc;

const SECRET: &[u8] = b"secret";
/// So much work does a header get, instead of minutes.
const EFFORT: Effort = Effort { iterations: 2000, memory_kib: 1024, passes: 2048 };
const MIB: usize = 1 << 20;

pub fn add(suite: &mut Suite, secret: Option<&'static str>, machine: Option<&'static str>) {
    const SMALL: &[&str] = &["--luks2-metadata-size", "16k", "--luks2-keyslots-size", "512k"];
    let mut kind = |name: &str, lacking, run: fn() -> Check| {
        suite.add(format!("two_thousand_variants_of_{name}_are_answered"), lacking, run);
    };
    kind("luks1", secret, || luks("luks1", &[], std::slice::from_ref(&(0..1024)), |_| {}));
    kind("luks2", secret, || luks("luks2", SMALL, &[0..6000, 16384..22000], sums_of_luks));
    kind("lvm2_and_of_thin_pools", machine, groups);
    kind("md", machine, arrays);
}

/// A sample of which parts are other ones.
struct Variant {
    sample: Arc<Vec<u8>>,
    parts: Vec<(usize, Vec<u8>)>,
}

impl Variant {
    /// Changes one of these ranges, and makes the sums of all right in every other variant.
    fn new(
        sample: &Arc<Vec<u8>>,
        ranges: &[Range<usize>],
        seed: u64,
        repair: fn(&mut [Vec<u8>]),
    ) -> Arc<Self> {
        let mut parts: Vec<Vec<u8>> = ranges.iter().map(|range| sample[range.clone()].to_vec()).collect();
        let which = seed as usize / 2 % parts.len();
        mutate(&mut parts[which], seed);
        if seed % 2 == 0 {
            repair(&mut parts);
        }
        let parts = ranges.iter().map(|range| range.start).zip(parts).collect();
        Arc::new(Self { sample: sample.clone(), parts })
    }
}

impl BlockDevice for Variant {
    fn size_bytes(&self) -> u64 {
        self.sample.len() as u64
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let whole = usize::try_from(offset).ok().and_then(|at| self.sample.get(at..)?.get(..buf.len()));
        buf.copy_from_slice(whole.ok_or(Errno::EINVAL)?);
        let begin = offset as usize;
        for (start, bytes) in &self.parts {
            let (from, to) = (begin.max(*start), (begin + buf.len()).min(start + bytes.len()));
            if from < to {
                buf[from - begin..to - begin].copy_from_slice(&bytes[from - start..to - start]);
            }
        }
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// Reads in several places.
fn read(device: &dyn BlockDevice) {
    let size = device.size_bytes();
    let mut bytes = vec![0; size.min(128 << 10) as usize];
    let last = size - bytes.len() as u64;
    for place in (0..8).map(|part| last / 8 * part).chain([last]) {
        let _ = device.read_at(place, &mut bytes);
    }
}

/// All that there is on a device.
fn survey(device: Arc<Variant>) -> Check<usize> {
    let survey = Survey::of_device(SimHost::new(1), device, Opening::default());
    let survey = survey.map_err(|error| error.to_string())?;
    let devices = survey.volumes.iter().filter_map(|volume| survey.bytes_of(volume).ok());
    Ok(devices.map(|device| read(&*device)).count())
}

fn luks(kind: &str, options: &[&str], ranges: &[Range<usize>], repair: fn(&mut [Vec<u8>])) -> Check {
    let scratch = Scratch::new("hostile")?;
    let (image, key) = (text(&scratch.path("image")), text(&scratch.path("key")));
    crate::empty(&scratch.path("image"), 3)?;
    context(fs::write(&key, SECRET), "key")?;
    let mut words = vec!["luksFormat", "-q", "--type", kind, "--key-file", &key, "--pbkdf-force-iterations"];
    words.push("1000");
    if kind == "luks2" {
        words.extend(["--pbkdf", "pbkdf2"]);
    }
    words.extend(options);
    words.push(&image);
    run_ok("cryptsetup", &words)?;
    let sample = Arc::new(context(fs::read(&image), "image")?);
    let open = |device: Arc<dyn BlockDevice>| {
        let header = Header::read(&*device)?;
        let open = |header: Header| header.open(device.clone(), &header.key(&*device, SECRET, &EFFORT)?);
        header.map(open).transpose()
    };
    if !matches!(open(Arc::new(Variant { sample: sample.clone(), parts: Vec::new() })), Ok(Some(_))) {
        return Err("the sample is not opened".into());
    }
    each(|seed| {
        if let Ok(Some(plain)) = open(Variant::new(&sample, ranges, seed, repair)) {
            read(&*plain);
        }
        Ok(())
    })
}

/// Both headers are given by their begin, with all of the JSON; what is behind is zeros.
fn sums_of_luks(parts: &mut [Vec<u8>]) {
    for part in parts {
        part[448..512].fill(0);
        let mut whole = part.clone();
        whole.resize(16384, 0);
        part[448..480].copy_from_slice(&Sha256::digest(&whole));
    }
}

fn sum_of_lvm(bytes: &[u8]) -> u32 {
    crc(0xedb8_8320, 0xf597_a6cf, bytes)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The label, the area with its text, and the metadata of the pool.
fn sums_of_groups(parts: &mut [Vec<u8>]) {
    let [label, area, pool] = parts else { return };
    let sum = sum_of_lvm(&label[20..512]);
    label[16..20].copy_from_slice(&sum.to_le_bytes());
    let (at, len) = (number(area, 40) as usize, number(area, 48) as usize);
    if let Some(found) = area.get(at..).and_then(|rest| rest.get(..len)) {
        let sum = sum_of_lvm(found);
        area[56..60].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = sum_of_lvm(&area[4..512]);
    area[..4].copy_from_slice(&sum.to_le_bytes());
    for (index, block) in pool.chunks_exact_mut(4096).enumerate() {
        let mix = if index == 0 { 160_774 } else { 121_107 };
        let sum = crc(0x82f6_3b78, !0, &block[4..]) ^ mix;
        block[..4].copy_from_slice(&sum.to_le_bytes());
    }
}

fn groups() -> Check {
    let scratch = Scratch::new("hostile")?;
    let image = scratch.path("image");
    let mut machine = Machine::new(&["dm-mod", "dm-thin-pool", "dm-snapshot"])?;
    crate::empty(&image, 40)?;
    machine.disk(&image)?;
    let step = machine.step(&format!(
        "{SETUP}
        pvcreate -q -y /dev/ubda
        vgcreate -q -y -s 64k a-group /dev/ubda
        lvcreate -q -y -W n -Z n -L 1M -n plain a-group
        lvcreate -q -y --type thin-pool -L 20M -c 64k --poolmetadatasize 2M --poolmetadataspare n -n pool a-group
        lvcreate -q -y -V 32M -T a-group/pool -n thin
        dd if=/dev/urandom of=/dev/mapper/a--group-thin bs=64k count=290 2>/dev/null
        lvcreate -q -y -kn -s -n snap a-group/thin
        dd if=/dev/urandom of=/dev/mapper/a--group-snap bs=64k seek=100 count=2 conv=notrunc 2>/dev/null
        sync
        {PLACE}
        vgchange -q -an a-group"
    ))?;
    let pool = place_of_metadata(&machine.run()?.output(step)?)?.1 as usize;
    let sample = Arc::new(context(fs::read(&image), "image")?);
    // Blocks of nodes are used from the first on.
    let ranges = [512..1024, 4096..4096 + 48 * 1024, pool..pool + 64 * 4096];
    let whole = survey(Arc::new(Variant { sample: sample.clone(), parts: Vec::new() }))?;
    if whole < 4 {
        return Err(format!("the sample has {whole} volumes that are read"));
    }
    let variant = |seed: u64, ranges: &[Range<usize>]| Variant::new(&sample, ranges, seed, sums_of_groups);
    // Half of the changes of the last is in nodes: twice as many.
    each(|seed| survey(variant(seed, &ranges)).map(drop))?;
    each(|seed| survey(variant(seed * 6 + 4 + seed % 2, &ranges)).map(drop))
}

/// Members of arrays of 1.2, and one of 0.90.
fn sums_of_arrays(parts: &mut [Vec<u8>]) {
    let folded = |bytes: &[u8]| {
        let words =
            bytes.chunks(4).map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let sum: u64 = words.sum();
        (sum as u32).wrapping_add((sum >> 32) as u32).to_le_bytes()
    };
    for part in parts {
        let is_new = part[4] == 1;
        let (at, len) =
            if is_new { (216, 256 + 2 * (number(part, 220) as u32 as usize).min(1900)) } else { (152, 4096) };
        part[at..at + 4].fill(0);
        let sum = folded(&part[..len]);
        part[at..at + 4].copy_from_slice(&sum);
    }
}

/// Three members of a RAID 5, and one of a mirror, as partitions of one disk.
fn arrays() -> Check {
    const MEMBER: usize = 8 * MIB;
    let scratch = Scratch::new("hostile")?;
    let mut machine = Machine::new(&["md-mod", "raid1", "raid456"])?;
    let images: Vec<_> = (0..4).map(|number| scratch.path(&format!("member-{number}"))).collect();
    for image in &images {
        crate::empty(image, 8)?;
        machine.disk(image)?;
    }
    let step = machine.step(
        "set -e
        mount -t tmpfs tmpfs /run
        mkdir -p /run/mdadm
        mdadm -q --create /dev/md0 --run --homehost=none --name=0 --level=5 --metadata=1.2 --chunk=16 \\
            --raid-devices=3 /dev/ubda /dev/ubdb /dev/ubdc
        mdadm -q --create /dev/md1 --run --level=1 --metadata=0.90 --raid-devices=2 /dev/ubdd missing
        dd if=/dev/urandom of=/dev/md0 bs=64k 2>/dev/null || true
        mdadm --wait /dev/md0 || true
        mdadm -q --stop /dev/md0 /dev/md1",
    )?;
    machine.run()?.output(step)?;
    let mut disk = vec![0; MIB + 4 * MEMBER];
    for (number, image) in images.iter().enumerate() {
        let start = MIB + number * MEMBER;
        disk[start..start + MEMBER].copy_from_slice(&context(fs::read(image), "member")?);
        let entry = &mut disk[446 + 16 * number..][..16];
        entry[4] = 0xfd;
        entry[8..12].copy_from_slice(&((start / 512) as u32).to_le_bytes());
        entry[12..].copy_from_slice(&((MEMBER / 512) as u32).to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let sample = Arc::new(disk);
    let superblock = |start: usize| start..start + 4096;
    let mut ranges: Vec<_> = (0..3).map(|member| superblock(MIB + member * MEMBER + 4096)).collect();
    ranges.push(superblock(MIB + 4 * MEMBER - 65536));
    let whole = survey(Arc::new(Variant { sample: sample.clone(), parts: Vec::new() }))?;
    if whole != 6 {
        return Err(format!("the sample has {whole} volumes that are read"));
    }
    each(|seed| survey(Variant::new(&sample, &ranges, seed, sums_of_arrays)).map(drop))
}
