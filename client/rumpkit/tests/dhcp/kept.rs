//! Leases in files of the host, for the next start.

use crate::rig::{World, seconds};
use rumpkit::net::dhcp::{Client, Options, Phase};
use rumpnet_dhcp::{Kind, code};
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rump-lease-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn lease(&self) -> PathBuf {
        self.0.join("lease")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn start(world: &World, lease: &Path) -> Client {
    let options = Options { lease: Some(lease.into()), ..Options::default() };
    Client::start(&world.kernel, &world.interface, options).unwrap()
}

fn bound(world: &mut World, lease: &Path) -> Client {
    let client = start(world, lease);
    world.run(&[&client], seconds(10));
    assert_eq!((client.phase(), client.lease().unwrap().address), (Phase::Bound, OURS));
    client
}

#[test]
fn the_next_client_asks_for_the_address_that_the_one_before_had() {
    let (mut world, folder) = (World::new(), Folder::new("next"));
    world.servers[0].set(code::ROUTERS, &[10, 0, 0, 254]);
    // One that was interrupted while it wrote.
    fs::write(folder.0.join("lease.new"), "rump-le").unwrap();
    drop(bound(&mut world, &folder.lease()));
    assert_eq!(folder.names(), ["lease"]);
    let first = fs::read_to_string(folder.lease()).unwrap();
    assert!(
        first.contains("\naddress 10.0.0.7\n") && first.contains("\nroute 0.0.0.0/0 10.0.0.254\n"),
        "{first}"
    );
    world.servers[0].heard.clear();
    let client = bound(&mut world, &folder.lease());
    assert_eq!(world.servers[0].heard(Kind::Discover).len(), 0);
    // Each renewal is kept.
    let second = fs::read_to_string(folder.lease()).unwrap();
    world.run(&[&client], seconds(600));
    let third = fs::read_to_string(folder.lease()).unwrap();
    assert!(first != second && second != third);
    // Without a server it is used with all that belongs to it, as long as it lasts.
    drop(client);
    world.servers[0].is_up = false;
    let client = start(&world, &folder.lease());
    world.run(&[&client], seconds(60));
    assert_eq!((client.phase(), world.routes().len()), (Phase::Bound, 2));
    world.run(&[&client], seconds(1000));
    assert_eq!((client.phase(), world.routes().len(), folder.names().len()), (Phase::Selecting, 0, 0));
    // What is given back is not kept.
    drop(client);
    world.servers[0].is_up = true;
    bound(&mut world, &folder.lease()).release();
    assert_eq!(folder.names().len(), 0);
    assert!(world.host.console_lines().is_empty(), "{:?}", world.host.console_lines());
}

/// Puts something where a lease is kept.
type Make = Box<dyn Fn(&Path)>;

#[test]
fn what_is_of_no_use_is_ignored_and_told() {
    let (mut world, folder) = (World::new(), Folder::new("useless"));
    drop(bound(&mut world, &folder.lease()));
    let good = fs::read_to_string(folder.lease()).unwrap();
    let foreign = good.replace("\nhardware 0", "\nhardware f");
    let ended = good.lines().map(|line| match line.split_once(' ') {
        Some((word @ ("begins" | "renews" | "rebinds" | "ends"), _)) => format!("{word} 9\n"),
        _ => format!("{line}\n"),
    });
    let text = |text: String| move |path: &Path| fs::write(path, &text).unwrap();
    let files: [(&str, Make); 8] = [
        ("line 1 is not what is in a lease", Box::new(text(String::new()))),
        ("it is not whole", Box::new(text(good.replace("end\n", "")))),
        ("line 4 is not", Box::new(text(good.replace("address 10.0.0.7", "address 255.255.255.255")))),
        ("it is of the interface with f", Box::new(text(foreign))),
        ("it has ended", Box::new(text(ended.collect()))),
        ("it is longer than", Box::new(|path| File::create(path).unwrap().set_len(1 << 40).unwrap())),
        (
            "it is no regular file",
            Box::new(|path| {
                assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            }),
        ),
        ("it is no regular file", Box::new(|path| fs::create_dir(path).unwrap())),
    ];
    for (why, make) in files {
        let _ = fs::remove_file(folder.lease());
        make(&folder.lease());
        world.servers[0].heard.clear();
        let before = world.host.console_lines().len();
        drop(bound(&mut world, &folder.lease()));
        assert_eq!(world.servers[0].heard(Kind::Discover).len(), 1, "{why}");
        let told = &world.host.console_lines()[before..];
        assert!(told[0].contains(&format!("lease: the lease is ignored: {why}")), "{told:?}");
        let is_folder = folder.lease().is_dir();
        // What is in its place is replaced, but for a folder.
        assert_eq!(
            (told.len(), folder.names()),
            (1 + usize::from(is_folder), vec!["lease".into()]),
            "{told:?}"
        );
        assert!(is_folder || fs::read_to_string(folder.lease()).unwrap().ends_with("end\n"));
    }
    // Where it cannot be kept there is one all the same.
    let nowhere = folder.0.join("nowhere/lease");
    let before = world.host.console_lines().len();
    drop(bound(&mut world, &nowhere));
    let told = &world.host.console_lines()[before..];
    assert!(told.len() == 1 && told[0].contains("nowhere/lease: the lease is not kept: "), "{told:?}");
}
