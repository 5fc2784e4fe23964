//! What a volume says of itself.

use crate::layout::{self, Boot};
use crate::volume::{Shape, Volume, bytes_of, mounted, put};
use interop::program::run_ok;
use interop::source::pattern;
use interop::{Check, context};
use rumpkit::MountFlags;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::{Component, FileSystemInfo};
use std::sync::Mutex;

/// What probe says of an image.
pub fn probe(bytes: Vec<u8>) -> Check<Option<FileSystemInfo>> {
    let types = rumpkit::components();
    let exfat = types.iter().find_map(|component| match component {
        Component::FileSystem(fs_type) if fs_type.name() == "exfat" => Some(fs_type),
        _ => None,
    });
    context(exfat.ok_or("no exfat")?.probe(&MemDevice::new(bytes)), "probe")
}

fn known(bytes: Vec<u8>) -> Check<FileSystemInfo> {
    probe(bytes)?.ok_or_else(|| "not known as exFAT".into())
}

fn number(volume: &Volume, name: &str) -> Check<u64> {
    let text = volume.figure(name)?;
    context(text.parse(), format!("{name} {text}"))
}

/// As dump.exfat says, of an empty volume and of one with files.
pub fn figures(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    for round in 0..2 {
        let info = known(volume.bytes()?)?;
        let statvfs = volume.read("", |process| context(process.statvfs("."), "statvfs"))?;
        let cluster = number(&volume, "Cluster size:")?;
        let expected = (cluster, number(&volume, "Total Clusters:")?, number(&volume, "Free Clusters:")?);
        let found = (u64::from(info.block_size), statvfs.blocks, statvfs.blocks_free);
        let serial = volume.figure("Volume Serial:")?;
        let same_serial =
            serial == format!("0x{}", info.uuid.replace('-', "").to_lowercase().trim_start_matches('0'));
        if found != expected
            || info.free_bytes != expected.2 * cluster
            || !same_serial
            || !info.notes.is_empty()
        {
            return Err(format!(
                "round {round}: {found:?} instead of {expected:?}; {info:?}, serial {serial}"
            ));
        }
        volume.write("", |process| {
            (0..9).try_for_each(|number| put(process, &format!("f{number}"), &pattern(number, 70_000)))
        })?;
        volume.check()?;
    }
    // How full it is stands in the boot sector after a clean unmount.
    let percent = volume.bytes()?[112];
    let (total, free) = (number(&volume, "Total Clusters:")?, number(&volume, "Free Clusters:")?);
    let expected = (total - free) * 100 / total;
    if u64::from(percent) == expected { Ok(()) } else { Err(format!("{percent} percent, not {expected}")) }
}

/// A volume is marked from the first change on, until it is unmounted.
pub fn marks() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    let device = MemDevice::new(volume.bytes()?);
    let before = Mutex::new(Vec::new());
    mounted(device.clone(), MountFlags::empty(), "", |process| {
        let untouched = bytes_of(&*device)? == volume.bytes()?;
        put(process, "file", b"content")?;
        *before.lock().map_err(|error| error.to_string())? = bytes_of(&*device)?;
        if untouched { Ok(()) } else { Err("a mount without changes wrote".into()) }
    })?;
    let in_use = before.into_inner().map_err(|error| error.to_string())?;
    volume.replace(&in_use)?;
    let said = volume.fsck()?;
    let is_seen = said.status != Some(0) || !String::from_utf8_lossy(&said.stdout).contains("clean");
    let notes = known(in_use.clone())?.notes;
    if in_use[106] & 2 == 0 || !notes.iter().any(|note| note.contains("not cleanly unmounted")) {
        return Err(format!(
            "while in use: flags {:#x}, seen by fsck.exfat: {is_seen}, {notes:?}",
            in_use[106]
        ));
    }
    // Who finds the mark leaves it, and the other flags as well.
    let mut failed = in_use;
    failed[106] |= 4;
    volume.replace(&failed)?;
    volume.write("", |process| put(process, "more", b"content"))?;
    let flags = volume.bytes()?[106];
    let notes = known(volume.bytes()?)?.notes;
    if flags != 6 || !notes.iter().any(|note| note.contains("medium")) {
        return Err(format!("flags after a mount of a marked volume: {flags:#x}; {notes:?}"));
    }
    volume.replace(&bytes_of(&*device)?)?;
    if volume.bytes()?[106] != 0 {
        return Err("the mark is still there".into());
    }
    volume.check()
}

pub fn labels() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K", "-L", "Größe 漢字 1"])?;
    let said = |volume: &Volume| known(volume.bytes()?).map(|info| (info.label, info.uuid));
    let first = said(&volume)?;
    run_ok("exfatlabel", &[volume.image().as_str(), "second"])?;
    run_ok("exfatlabel", &["-i", &volume.image(), "0x0BADF00D"])?;
    let second = said(&volume)?;
    let expected = ("second".to_string(), "0BAD-F00D".to_string());
    if first.0 == "Größe 漢字 1" && second == expected {
        Ok(())
    } else {
        Err(format!("{first:?}, then {second:?}"))
    }
}

/// The boot region is damaged: its copy is read, and nothing is written.
pub fn backup() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    volume.write("", |process| put(process, "file", b"content"))?;
    let whole = volume.bytes()?;
    for at in [80, 92, 108, 200, 510, 5 * 512 + 7, 11 * 512 + 3] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let info = known(bytes.clone())?;
        if !info.notes.iter().any(|note| note.contains("copy")) {
            return Err(format!("byte {at}: {:?}", info.notes));
        }
        mounted(MemDevice::new(bytes.clone()), MountFlags::RDONLY, "", |process| {
            let same = crate::volume::get(process, "file")? == b"content";
            if same { Ok(()) } else { Err("something else is read".into()) }
        })?;
        let written = mounted(MemDevice::new(bytes.clone()), MountFlags::empty(), "", |_| Ok(()));
        if !written.is_err_and(|why| why.contains("boot region is damaged")) {
            return Err(format!("byte {at}: mounted for writing"));
        }
        // Both are.
        bytes[12 * 512 + 80] ^= 1;
        if probe(bytes).is_ok() {
            return Err(format!("byte {at} and the copy: known nevertheless"));
        }
    }
    Ok(())
}

/// Two tables and two bitmaps: those that the boot sector says are read, and none is written.
pub fn two_tables() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    volume.foreign("rw", |point| {
        // Scattered, so that the table is needed.
        for number in 0..20u8 {
            context(std::fs::write(point.join(format!("f{number}")), vec![number; 4096]), "write")?;
        }
        for number in (0..20).step_by(2) {
            context(std::fs::remove_file(point.join(format!("f{number}"))), "remove")?;
        }
        Ok(())
    })?;
    volume.write("", |process| put(process, "scattered", &pattern(5, 300_000)))?;
    let bytes = volume.bytes()?;
    let boot = Boot::of(&bytes);
    let (fat, length) = (boot.fat_offset * 512, boot.fat_length * 512);
    for active in [0, 1] {
        let mut two = bytes.clone();
        layout::add_second_bitmap(&mut two, &boot);
        two.copy_within(fat..fat + length, fat + length);
        // The table that does not count is rubbish.
        let other = fat + length * (1 - active);
        two[other..other + length].fill(0x5a);
        two[110] = 2;
        two[106] |= active as u8;
        layout::repair_boot(&mut two);
        let info = known(two.clone())?;
        if !info.features.contains(&"texfat".to_string()) {
            return Err(format!("{info:?}"));
        }
        mounted(MemDevice::new(two.clone()), MountFlags::RDONLY, "", |process| {
            let same = crate::volume::get(process, "scattered")? == pattern(5, 300_000);
            if same { Ok(()) } else { Err(format!("something else is read by table {active}")) }
        })?;
        let written = mounted(MemDevice::new(two), MountFlags::empty(), "", |_| Ok(()));
        if !written.is_err_and(|why| why.contains("TexFAT")) {
            return Err("mounted for writing".into());
        }
    }
    Ok(())
}

pub fn others() -> Check {
    let volume = Volume::make_with(16, &["-c", "4K"])?;
    let mut named = volume.bytes()?;
    named[3..11].copy_from_slice(b"NTFS    ");
    for (name, bytes) in [("NTFS", named), ("zeros", vec![0; 1 << 20]), ("nothing", Vec::new())] {
        if let Some(info) = probe(bytes)? {
            return Err(format!("{name} is taken for {info:?}"));
        }
    }
    Ok(())
}
