//! Tests on the traits that the kernel calls.

use crate::component;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};
use rump_kpi::{Component, Environment, Errno, FileSystem, KResult, Node, TimeSpec};

fn mount(options: &str) -> KResult<Arc<dyn FileSystem>> {
    let ticks = AtomicI64::new(1_000);
    let now = move || TimeSpec { sec: ticks.fetch_add(1, Relaxed), nsec: 5_000 };
    let environment = Environment::new(now, |_| {});
    let Component::FileSystem(kernfs) = component() else { panic!("kernfs is a file system") };
    kernfs.mount(None, true, options, &environment)
}

fn open(fs: &Arc<dyn FileSystem>, name: &str) -> Arc<dyn Node> {
    fs.node(fs.node(fs.root()).unwrap().lookup(name.as_bytes()).unwrap()).unwrap()
}

fn read(node: &Arc<dyn Node>) -> String {
    let mut buf = [0; 64];
    let count = node.read_at(0, &mut buf).unwrap();
    String::from_utf8(buf[..count].to_vec()).unwrap()
}

#[test]
fn version_names_the_kernel() {
    let fs = mount("").unwrap();
    assert_eq!(read(&open(&fs, "version")), concat!("rump ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn every_listed_file_reads_as_long_as_its_size() {
    let fs = mount("").unwrap();
    let mut names = Vec::new();
    let root = fs.node(fs.root()).unwrap();
    root.read_dir(0, &mut |entry| {
        names.push(String::from_utf8(entry.name.to_vec()).unwrap());
        true
    })
    .unwrap();
    assert_eq!(names, [".", "..", "boottime", "hostname", "hz", "pagesize", "time", "version"]);
    for name in &names[2..] {
        let node = open(&fs, name);
        assert_eq!(node.attr().unwrap().size, read(&node).len() as u64, "{name}");
    }
}

#[test]
fn listing_goes_on_at_its_cursor() {
    let fs = mount("").unwrap();
    let (mut cursor, mut count) = (0, 0);
    loop {
        let before = cursor;
        fs.node(fs.root())
            .unwrap()
            .read_dir(cursor, &mut |entry| {
                cursor = entry.next_cursor;
                false
            })
            .unwrap();
        if cursor == before {
            break;
        }
        count += 1;
    }
    assert_eq!(count, 8);
}

#[test]
fn time_read_in_parts_is_one_moment() {
    let fs = mount("").unwrap();
    let time = open(&fs, "time");
    let (mut first, mut rest) = ([0; 3], [0; 20]);
    time.read_at(0, &mut first).unwrap();
    let count = time.read_at(3, &mut rest).unwrap();
    let parts = [&first[..], &rest[..count]].concat();
    assert_eq!(parts.len() as u64, time.attr().unwrap().size);
    assert!(parts.ends_with(b" 000005\n"));
    assert!(read(&time).as_bytes() > &parts[..]);
}

#[test]
fn boottime_is_what_the_option_says() {
    assert_eq!(read(&open(&mount("boottime=77").unwrap(), "boottime")), "77\n");
    assert_eq!(mount("colour=red").err().unwrap().errno, Errno::EINVAL);
}

#[test]
fn reading_past_the_end_gives_nothing_and_writing_fails() {
    let fs = mount("").unwrap();
    let hz = open(&fs, "hz");
    assert_eq!(hz.read_at(u64::MAX, &mut [0; 4]).unwrap(), 0);
    assert_eq!(hz.write_at(0, b"1").unwrap_err().errno, Errno::EROFS);
    assert_eq!(fs.node(rump_kpi::Ino(99)).err().unwrap().errno, Errno::ESTALE);
}
