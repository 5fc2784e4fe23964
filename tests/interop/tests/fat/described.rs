//! What a volume says of itself.

use crate::volume::{Shape, Volume, bytes_of, mounted, put};
use interop::{Check, context};
use rumpkit::MountFlags;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::{Component, FileSystemInfo};
use std::sync::Mutex;

/// What probe says of an image.
fn probe(bytes: Vec<u8>) -> Check<Option<FileSystemInfo>> {
    let types = rumpkit::components();
    let msdos = types.iter().find_map(|component| match component {
        Component::FileSystem(fs_type) if fs_type.name() == "msdos" => Some(fs_type),
        _ => None,
    });
    context(msdos.ok_or("no msdos")?.probe(&MemDevice::new(bytes)), "probe")
}

fn field(said: &str, name: &str) -> Check<u64> {
    let line = said.lines().find(|line| line.trim_start().to_lowercase().starts_with(name));
    let value = line.and_then(|line| line.split([':', '=']).nth(1)).unwrap_or_default();
    context(value.trim().split(' ').next().unwrap_or_default().parse(), format!("{name} in {said}"))
}

pub fn geometry(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
    let said = volume.mtools("minfo", &["::"])?;
    let info = probe(volume.bytes()?)?.ok_or("not known as FAT")?;
    let cluster = field(&said, "sector size")? * field(&said, "cluster size")?;
    let total = field(&said, "small size")
        .ok()
        .filter(|size| *size > 0)
        .map_or_else(|| field(&said, "big size"), Ok)?;
    let found = (u64::from(info.block_size), info.size_bytes);
    if found != (cluster, total * field(&said, "sector size")?) {
        return Err(format!("{found:?} where minfo says {said}"));
    }
    let free = volume.fsck()?;
    let blocks = volume.read("", |process| Ok(context(process.statvfs("."), "statvfs")?.blocks))?;
    let used = format!("/{blocks} clusters");
    if !free.contains(&used) || info.notes.iter().any(|note| !note.is_empty()) {
        return Err(format!("not {used} but {free}; notes {:?}", info.notes));
    }
    if !shape.name.starts_with(&info.kind) && shape.name != "floppy" {
        return Err(format!("{} is called {}", shape.name, info.kind));
    }
    Ok(())
}

/// A volume is marked from the first change on, until it is unmounted.
pub fn marks(shape: &Shape) -> Check {
    let volume = Volume::make(shape)?;
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
    if !volume.fsck()?.contains("Dirty bit is set") {
        return Err("fsck.fat sees no mark while the volume is in use".into());
    }
    let notes = probe(in_use)?.ok_or("not known as FAT")?.notes;
    if !notes.iter().any(|note| note.contains("not cleanly unmounted")) {
        return Err(format!("notes while in use: {notes:?}"));
    }
    // Who finds the mark leaves it.
    volume.write("", |process| put(process, "more", b"content"))?;
    if !volume.fsck()?.contains("Dirty bit is set") {
        return Err("a mark that was there before is gone".into());
    }
    volume.replace(&bytes_of(&*device)?)?;
    volume.check()
}

/// Three tables, which fsck.fat does not take: they are alike after changes, and mtools reads by them.
pub fn tables() -> Check {
    let volume = Volume::make_with(16 << 10, &["-F", "16", "-s", "4", "-f", "3"])?;
    volume.write("", |process| {
        put(process, "gone", &[1; 50_000])?;
        put(process, "file", &[2; 50_000])?;
        context(process.unlink("gone"), "unlink")
    })?;
    let bytes = volume.bytes()?;
    let field = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let (start, length) = (field(14) * 512, field(22) * 512);
    let mut tables = bytes[start..start + 3 * length].chunks(length);
    let first = tables.next().unwrap_or_default();
    if tables.any(|table| table != first) || first[4..].iter().all(|byte| *byte == 0) {
        return Err("the tables are not alike".into());
    }
    let target = volume.beside("target");
    volume.mtools("mcopy", &["-n", "::/file", &target])?;
    let same = context(std::fs::read(&target), &target)? == [2; 50_000];
    if same { Ok(()) } else { Err("mtools reads something else".into()) }
}

pub fn labels() -> Check {
    for width in ["12", "16", "32"] {
        let kibibytes = if width == "12" { 2 << 10 } else { 36 << 10 };
        let volume = Volume::make_with(kibibytes, &["-F", width, "-n", "FIRST NAME", "-i", "0BADF00D"])?;
        let said = |volume: &Volume| -> Check<(String, String)> {
            let info = probe(volume.bytes()?)?.ok_or("not known as FAT")?;
            Ok((info.label, info.uuid))
        };
        let first = said(&volume)?;
        volume.mtools("mlabel", &["::SECOND"])?;
        let second = said(&volume)?;
        let expected = (("FIRST NAME".to_string(), "0BAD-F00D".to_string()), "SECOND");
        if (first.clone(), second.0.as_str()) != expected {
            return Err(format!("FAT{width}: {first:?}, then {second:?}"));
        }
    }
    Ok(())
}

pub fn others() -> Check {
    let volume = Volume::make_with(16 << 10, &["-F", "16"])?;
    let fat = volume.bytes()?;
    let named = |name: &[u8; 8]| {
        let mut bytes = fat.clone();
        bytes[3..11].copy_from_slice(name);
        bytes
    };
    let mut table = vec![0; 1 << 20];
    // A partition table behind a boot loader's jump.
    table[..3].copy_from_slice(&[0xeb, 0x63, 0x90]);
    table[446..462].copy_from_slice(&[0x80, 0, 2, 0, 6, 0, 0, 0, 0, 8, 0, 0, 0, 0x40, 0, 0]);
    table[510..512].copy_from_slice(&[0x55, 0xaa]);
    let ext = interop::image::Image::make("fat", 4, &["-t", "ext4"], None)?;
    let ext = context(std::fs::read(ext.path()), "ext4")?;
    let candidates = [
        ("NTFS", named(b"NTFS    ")),
        ("exFAT", named(b"EXFAT   ")),
        ("MBR", table),
        ("ext4", ext),
        ("zeros", vec![0; 1 << 20]),
    ];
    for (name, bytes) in candidates {
        if let Some(info) = probe(bytes)? {
            return Err(format!("{name} is taken for {info:?}"));
        }
    }
    Ok(())
}

/// As DOS 2 and 3 made them: no mark at the end of the boot sector, no serial number, no name of a format.
pub fn floppies() -> Check {
    let volume = Volume::make_with(360, &["-F", "12"])?;
    let mut bytes = volume.bytes()?;
    bytes[28..512].fill(0);
    let info = probe(bytes.clone())?.ok_or("not known as FAT")?;
    if (info.kind.as_str(), info.uuid.as_str(), info.size_bytes) != ("fat12", "", 360 << 10) {
        return Err(format!("{info:?}"));
    }
    volume.replace(&bytes)?;
    volume.write("", |process| put(process, "FILE", b"x"))
}
