//! Content gets to the device although nobody asks.
#![forbid(unsafe_code)]

use rump_host_sim::SimHost;
use rumpkit::dev::MemDevice;
use rumpkit::image::Image;
use rumpkit::kpi::BlockDevice;
use rumpkit::mkfs::{Request, make};
use rumpkit::{Kernel, Mode, OpenFlags, TimeSpec};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

const SIZE: u64 = 16 << 20;
const CONTENT: &[u8] = b"content that nobody waits for";
/// Content is old after half a minute, a transaction after a few seconds more.
const OLD: Duration = Duration::from_secs(31);
const PATIENCE: Duration = Duration::from_secs(60);

fn volume(host: Arc<SimHost>) -> (Arc<dyn BlockDevice>, Image) {
    let device: Arc<dyn BlockDevice> = MemDevice::new(vec![0; SIZE as usize]);
    make("ext4", &*device, &Request::new(SIZE, [1; 16], [2; 16], TimeSpec::default())).unwrap();
    let image = Image::on_device(host, device.clone()).unwrap();
    (device, image)
}

fn write(image: &Image) {
    let fd = image.process().open("/f", OpenFlags::WRONLY | OpenFlags::CREAT, Mode::new(0o644)).unwrap();
    image.process().write(fd, CONTENT).unwrap();
    image.process().close(fd).unwrap();
}

fn holds_content(device: &Arc<dyn BlockDevice>) -> bool {
    let mut bytes = vec![0; SIZE as usize];
    device.read_at(0, &mut bytes).unwrap();
    bytes.windows(CONTENT.len()).any(|window| window == CONTENT)
}

/// What a crash now would leave: read by a kernel that recovers it.
fn survives(device: &Arc<dyn BlockDevice>) -> bool {
    let mut bytes = vec![0; SIZE as usize];
    device.read_at(0, &mut bytes).unwrap();
    let image = Image::on_device(SimHost::new(2), MemDevice::new(bytes)).unwrap();
    image.process().stat("/f").is_ok_and(|stat| stat.size == CONTENT.len() as u64)
}

#[test]
fn a_thread_brings_old_content_to_the_device() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    let (device, image) = volume(host.clone());
    write(&image);
    assert!(!holds_content(&device), "nothing is old yet");
    let begun = Instant::now();
    while !survives(&device) {
        assert!(begun.elapsed() < PATIENCE, "nobody wrote it");
        host.advance(OLD);
        sleep(Duration::from_millis(10));
    }
    assert!(holds_content(&device));
    image.close().unwrap();
}

#[test]
fn a_kernel_without_threads_does_it_when_it_is_told() {
    let host = SimHost::new(1);
    let (device, image) = volume(host.clone());
    write(&image);
    host.advance(OLD);
    sleep(Duration::from_millis(10));
    assert!(!holds_content(&device), "a kernel that is to have no threads has one");
    let kernel: &Kernel = image.kernel();
    kernel.write_behind();
    assert!(holds_content(&device));
    // What names it comes with a transaction of its own, which has to become old too.
    host.advance(OLD);
    kernel.write_behind();
    assert!(survives(&device));
    image.close().unwrap();
}

#[test]
fn an_image_that_is_dropped_leaves_no_thread_in_the_driver() {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", "1");
    for round in 0..200 {
        let (device, image) = volume(host.clone());
        write(&image);
        if round % 2 == 0 {
            host.advance(OLD);
        }
        drop(image);
        assert_eq!(Arc::strong_count(&device), 1, "round {round}");
        assert!(holds_content(&device) && survives(&device));
    }
}
