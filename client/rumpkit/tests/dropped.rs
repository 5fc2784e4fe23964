//! What becomes of an image whose last user is gone without a word.
#![forbid(unsafe_code)]

use rump_kpi::BlockDevice;
use rumpkit::dev::MemDevice;
use rumpkit::image::Image;
use rumpkit::mkfs::{Request, make};
use rumpkit::{Mode, OpenFlags, PosixHost, Process, TimeSpec};
use std::sync::Arc;

const SIZE: u64 = 16 << 20;

fn volume(kind: &str) -> Arc<dyn BlockDevice> {
    let device = MemDevice::new(vec![0; SIZE as usize]);
    make(kind, &*device, &Request::new(SIZE, [1; 16], [2; 16], TimeSpec::default())).unwrap();
    device
}

fn open(device: &Arc<dyn BlockDevice>) -> Image {
    Image::on_device(PosixHost::new(), device.clone()).unwrap()
}

fn write(process: &Process, path: &str) {
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT;
    let fd = process.open(path, flags, Mode::new(0o644)).unwrap();
    process.write(fd, b"kept").unwrap();
}

fn content(device: &Arc<dyn BlockDevice>, path: &str) -> Vec<u8> {
    let image = open(device);
    let fd = image.process().open(path, OpenFlags::empty(), Mode::new(0)).unwrap();
    let mut buffer = [0; 16];
    let length = image.process().read(fd, &mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn a_dropped_image_is_written_out_and_gives_its_memory_back() {
    for kind in ["ext2", "ext3", "ext4"] {
        let device = volume(kind);
        let image = open(&device);
        // The descriptor stays open: with the process it goes too.
        write(image.process(), "/file");
        drop(image);
        assert_eq!(Arc::strong_count(&device), 1, "{kind}: the kernel is still there");
        assert_eq!(content(&device, "/file"), b"kept", "{kind}");
    }
}

#[test]
fn a_process_keeps_the_kernel_as_long_as_it_lives() {
    let device = volume("ext4");
    let image = open(&device);
    let process = image.process().fork();
    drop(image);
    write(&process, "/file");
    drop(process);
    assert_eq!(Arc::strong_count(&device), 1);
    assert_eq!(content(&device, "/file"), b"kept");
}

#[test]
fn a_closed_image_gives_its_memory_back() {
    let device = volume("ext4");
    let image = open(&device);
    write(image.process(), "/file");
    image.close().unwrap();
    assert_eq!(Arc::strong_count(&device), 1);
}
