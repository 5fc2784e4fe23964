//! qcow2 after a power cut: what was flushed is there, and QEMU finds at most clusters that nobody uses.

use crate::rig::{Files, file, folder, lacking, qemu_img, read_all};
use crate::write::{Before, ROWS, make, next_write};
use interop::image::Scratch;
use interop::program::run_within;
use interop::suite::Suite;
use interop::{Check, context};
use rump_dev::{Event, MemDevice, Recorder};
use rump_hyper::Access;
use rump_random::Random;
use rumpdev_image::Options;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Rows of the writer whose data is in the image's own file, and instants of each.
const CUTS: u64 = 12;
const SECTOR: usize = 512;

pub fn add(suite: &mut Suite) {
    let rows = ROWS.iter().filter(|(_, options, _)| !options.contains("data_file"));
    for (row, (name, options, before)) in rows.enumerate() {
        suite.add(format!("qcow2_survives_power_cuts_with_{name}"), lacking(), move || {
            survives(options, *before, row as u64)
        });
    }
}

/// A state that was flushed: events until then, and the disk.
type Flushed = (usize, Vec<u8>);

fn survives(options: &str, before: Before, row: u64) -> Check {
    let scratch = folder("crash")?;
    make(&scratch, options, before)?;
    let image = context(fs::read(scratch.path("image")), "image")?;
    let recorder = Recorder::new(MemDevice::new(image.clone()));
    let place = scratch.path("image").into_os_string().into_encoded_bytes();
    let opened = rumpdev_image::open(recorder.clone(), (&place, None), &Files, &Options::default());
    let device = opened.map_err(|error| error.to_string())?.device;
    let mut random = Random::new(row + 77);
    let mut disk = read_all(&*device)?;
    let mut writes = Vec::new();
    let mut flushed: Vec<Flushed> = vec![(0, disk.clone())];
    for number in 0..40 {
        let (at, bytes) = next_write(&mut random, disk.len() as u64);
        writes.push((recorder.count(), at as usize..at as usize + bytes.len()));
        device.write_at(at, &bytes).map_err(|error| error.to_string())?;
        disk[at as usize..][..bytes.len()].copy_from_slice(&bytes);
        if number % 7 == 6 {
            device.flush().map_err(|error| error.to_string())?;
            flushed.push((recorder.count(), disk.clone()));
        }
    }
    drop(device);
    let events = recorder.events();
    for _ in 0..CUTS {
        let cut = random.number() as usize % (events.len() + 1);
        let (count, expected) = flushed.iter().rev().find(|(count, _)| *count <= cut).ok_or("no state")?;
        context(fs::write(scratch.path("cut"), state(&image, &events[..cut], &mut random)), "cut")?;
        let mut expected = expected.clone();
        let ours =
            judged(&scratch).map_err(|error| format!("after {cut} of {} events: {error}", events.len()))?;
        // What was written since may be there or not.
        for (_, range) in writes.iter().filter(|(begin, _)| begin >= count) {
            expected[range.clone()].copy_from_slice(&ours[range.clone()]);
        }
        if let Some(at) = expected.iter().zip(&ours).position(|(one, other)| one != other) {
            return Err(format!("after {cut} of {} events: byte {at} is not what was flushed", events.len()));
        }
    }
    Ok(())
}

/// The file as a power cut leaves it: of what was not flushed, sectors at random.
fn state(image: &[u8], events: &[Event], random: &mut Random) -> Vec<u8> {
    let mut image = image.to_vec();
    let flushed = events.iter().rposition(|event| *event == Event::Flush).unwrap_or(0);
    let kept = [0, 10, 50, 90, 100][random.number() as usize % 5];
    for (index, event) in events.iter().enumerate() {
        let Event::Write { offset, data } = event else { continue };
        for (number, sector) in data.chunks(SECTOR).enumerate() {
            let at = *offset as usize + number * SECTOR;
            // The file has its length at once.
            if image.len() < at + sector.len() {
                image.resize(at + sector.len(), 0);
            }
            if index < flushed || random.number() % 100 < kept {
                image[at..at + sector.len()].copy_from_slice(sector);
            }
        }
    }
    image
}

/// What QEMU reads, if it finds no errors but leaks.
fn judged(scratch: &Scratch) -> Check<Vec<u8>> {
    let path = scratch.path("cut");
    let mut check = Command::new("qemu-img");
    let finished = run_within(check.args(["check", "-f", "qcow2"]).arg(&path), Duration::from_secs(60))?;
    if !matches!(finished.status, Some(0 | 3)) {
        return Err(format!(
            "qemu-img check: {}{}",
            String::from_utf8_lossy(&finished.stdout),
            finished.verdict()
        ));
    }
    let (device, identity) = file(&path, Access::Read).map_err(|error| error.to_string())?;
    let place = path.into_os_string().into_encoded_bytes();
    let ours = rumpdev_image::open(device, (&place, identity), &Files, &Options::default());
    let ours = read_all(&*ours.map_err(|error| error.to_string())?.device)?;
    context(fs::write(scratch.path("ours"), &ours), "ours")?;
    qemu_img(scratch, "compare -q -f qcow2 -F raw @cut @ours")?;
    Ok(ours)
}
