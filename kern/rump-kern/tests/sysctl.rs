//! The tree of sysctl, names of the kernel, and its components.

mod common;

use common::*;
use rump_abi::sysctl::*;
use rump_abi::{Errno::*, TimeSpec};
use rump_host_sim::SimHost;
use rump_kern::{Kernel, ModuleClass, ModuleInfo, MountArgs, Process, SysctlValue};
use std::sync::Arc;
use std::time::Duration;

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn boot(host: &Arc<SimHost>) -> Process {
    let builder = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component());
    let builder = builder.component(rumpfs_kernfs::component()).component(rumpnet_inet::component());
    builder.component(rumpnet_local::component()).boot().unwrap().process()
}

fn text(p: &Process, name: &[i32]) -> String {
    let mut bytes = [0xff; 300];
    let length = p.sysctl(name, Some(&mut bytes), None).unwrap();
    let (text, nul) = (&bytes[..length - 1], bytes[length - 1]);
    assert_eq!((nul, bytes[length]), (0, 0xff));
    String::from_utf8(text.to_vec()).unwrap()
}

fn int(p: &Process, name: &str) -> i32 {
    let name = p.sysctl_numbers(name).unwrap();
    let mut bytes = [0; 4];
    assert_eq!(p.sysctl(&name, Some(&mut bytes), None).unwrap(), 4);
    i32::from_ne_bytes(bytes)
}

fn set_int(p: &Process, name: &str, value: i32) -> Result<usize, rump_abi::Errno> {
    let name = p.sysctl_numbers(name).unwrap();
    p.sysctl(&name, None, Some(&value.to_ne_bytes())).map_err(|failed| failed.error.errno)
}

#[test]
fn names_and_numbers_lead_to_the_same_values() {
    let p = boot(&SimHost::new(1));
    for (name, numbers) in [
        ("kern.ostype", &[CTL_KERN, KERN_OSTYPE][..]),
        ("kern.version", &[CTL_KERN, KERN_VERSION]),
        ("hw.machine_arch", &[CTL_HW, HW_MACHINE_ARCH]),
        ("vfs.generic.usermount", &[CTL_VFS, VFS_GENERIC, VFS_USERMOUNT]),
        ("net.inet.ip.forwarding", &[CTL_NET, 2, 0, 1]),
        ("net.inet6.ip6.hlim", &[CTL_NET, 24, 41, 3]),
        ("net.inet.tcp", &[CTL_NET, 2, 6]),
    ] {
        assert_eq!(p.sysctl_numbers(name).unwrap(), numbers);
    }
    assert_eq!(text(&p, &[CTL_KERN, KERN_OSTYPE]), "rump");
    assert_eq!(text(&p, &[CTL_KERN, KERN_OSRELEASE]), VERSION);
    assert_eq!(int(&p, "hw.pagesize"), 4096);
    for name in ["kern.colour", "", "kern.", "net.inet9", "kern.pipe.maxbigpipes9"] {
        fails(p.sysctl_numbers(name), ENOENT);
    }
    fails(p.sysctl_numbers("kern.ostype.x"), ENOTDIR);
}

#[test]
fn every_value_can_be_read_and_no_number_is_there_twice() {
    let p = boot(&SimHost::new(1));
    let names = p.sysctl_names();
    let mut numbers: Vec<_> = names.iter().map(|name| p.sysctl_numbers(name).unwrap()).collect();
    for (name, number) in names.iter().zip(&numbers) {
        let value = p.sysctl_value(number).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(p.sysctl(number, None, None).unwrap(), value.to_bytes().len(), "{name}");
    }
    let count = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert!(numbers.len() == count && count > 90, "{count}");
}

#[test]
fn names_of_numbers_that_lead_nowhere_are_told_apart() {
    let p = boot(&SimHost::new(1));
    fails(p.sysctl_value(&[]), EINVAL);
    fails(p.sysctl_value(&[CTL_KERN; 13]), EINVAL);
    fails(p.sysctl_value(&[CTL_KERN]), EISDIR);
    fails(p.sysctl_value(&[CTL_KERN, KERN_PIPE]), EISDIR);
    fails(p.sysctl_value(&[CTL_KERN, 9999]), ENOENT);
    fails(p.sysctl_value(&[-1, 1]), ENOENT);
    fails(p.sysctl_value(&[CTL_KERN, KERN_OSTYPE, 1]), ENOTDIR);
}

#[test]
fn a_value_that_does_not_fit_is_copied_as_far_as_it_goes() {
    let p = boot(&SimHost::new(1));
    let name = [CTL_KERN, KERN_OSTYPE];
    let mut short = [0xff; 3];
    let failed = p.sysctl(&name, Some(&mut short), None).unwrap_err();
    assert_eq!((failed.error.errno, failed.length, &short), (ENOMEM, 5, b"rum"));
    assert_eq!(p.sysctl(&name, Some(&mut []), None).unwrap_err().length, 5);
    assert_eq!(p.sysctl(&name, None, None).unwrap(), 5);
    // The change is made all the same.
    let name = [CTL_KERN, KERN_HOSTNAME];
    let failed = p.sysctl(&name, Some(&mut short), Some(b"other\0")).unwrap_err();
    assert_eq!((failed.error.errno, text(&p, &name)), (ENOMEM, "other".into()));
}

#[test]
fn the_superuser_alone_changes_what_can_be_changed() {
    let p = boot(&SimHost::new(1));
    let user = user(&p, 5);
    let set =
        |p: &Process, name: &[i32], new: &[u8]| p.sysctl(name, None, Some(new)).map_err(|e| e.error.errno);
    let (host, id) = ([CTL_KERN, KERN_HOSTNAME], [CTL_KERN, KERN_HOSTID]);
    assert_eq!(set(&user, &host, b"mine"), Err(EPERM));
    assert_eq!(set(&p, &[CTL_KERN, KERN_OSTYPE], b"mine"), Err(EPERM));
    assert_eq!(set_int(&p, "kern.securelevel", -1), Err(EPERM));
    assert_eq!(set_int(&user, "net.inet.ip.ttl", 9), Err(EPERM));
    assert_eq!(set(&p, &id, b"abc"), Err(EINVAL));
    assert_eq!(set(&p, &id, &[0; 8]), Err(EINVAL));
    assert_eq!(set(&p, &host, &[b'x'; 256]), Err(EINVAL));
    assert_eq!(set(&p, &host, b"a\0b"), Err(EINVAL));
    assert_eq!(text(&p, &host), "rump");
    assert_eq!(set_int(&p, "kern.hostid", -7), Ok(4));
    assert_eq!(int(&user, "kern.hostid"), -7);
    p.set_sysctl_value(&[CTL_KERN, KERN_DOMAINNAME], &SysctlValue::Text("example.org".into())).unwrap();
    assert_eq!(text(&user, &[CTL_KERN, KERN_DOMAINNAME]), "example.org");
    fails(p.set_sysctl_value(&host, &SysctlValue::Int(1)), EINVAL);
}

#[test]
fn the_name_of_the_host_is_one_whoever_asks() {
    let p = boot(&SimHost::new(1));
    let other = boot(&SimHost::new(1));
    p.mkdir("/kern", mode(0o755)).unwrap();
    p.mount("kernfs", "/kern", MountArgs::default()).unwrap();
    assert_eq!(get(&p, "/kern/hostname"), b"rump\n");
    p.sysctl(&[CTL_KERN, KERN_HOSTNAME], None, Some(b"kernel.example")).unwrap();
    assert_eq!(get(&p, "/kern/hostname"), b"kernel.example\n");
    assert_eq!(p.stat("/kern/hostname").unwrap().size, 15);
    let uname = p.uname().unwrap();
    assert_eq!((&uname.sysname[..], &uname.nodename[..]), ("rump", &b"kernel.example"[..]));
    assert_eq!((uname.release.as_str(), uname.version), (VERSION, format!("rump {VERSION}")));
    assert_eq!(uname.machine, text(&p, &[CTL_HW, HW_MACHINE]));
    assert_eq!(other.uname().unwrap().nodename, b"rump");
    assert_eq!(format!("{}\n", text(&p, &[CTL_KERN, KERN_VERSION])).as_bytes(), get(&p, "/kern/version"));
}

#[test]
fn the_time_of_boot_follows_the_clock() {
    let host = SimHost::new(1);
    let p = boot(&host);
    let boot_time = || p.sysctl_value(&[CTL_KERN, KERN_BOOTTIME]).unwrap().to_bytes();
    let bytes = |sec: i64| [sec.to_ne_bytes(), 0_i64.to_ne_bytes()].concat();
    host.advance(Duration::from_secs(100));
    assert_eq!(boot_time(), bytes(1_000_000_000));
    assert_eq!(int(&p, "kern.hardclock_ticks"), 10_000);
    p.settimeofday(TimeSpec { sec: 5_000, nsec: 0 }).unwrap();
    assert_eq!(boot_time(), bytes(4_900));
    let rate = p.sysctl_value(&[CTL_KERN, KERN_CLOCKRATE]).unwrap().to_bytes();
    assert_eq!(rate, [100, 10_000, 0, 100, 100].map(i32::to_ne_bytes).concat());
}

#[test]
fn parameters_of_the_host_say_what_the_machine_is_when_it_boots() {
    let host = SimHost::new(1);
    let p = boot(&host);
    assert_eq!((int(&p, "hw.ncpu"), int(&p, "hw.physmem")), (1, i32::MAX));
    host.set_param("RUMP_NCPU", "3");
    assert_eq!(int(&p, "hw.ncpu"), 1);
    let with_memory = |limit| {
        host.set_param("RUMP_MEMLIMIT", limit);
        boot(&host)
    };
    let memory = |p: &Process| p.sysctl_value(&[CTL_HW, HW_PHYSMEM64]).unwrap();
    let p = with_memory("16m");
    assert_eq!(int(&p, "hw.ncpuonline"), 3);
    assert_eq!((memory(&p), int(&p, "hw.usermem")), (SysctlValue::Quad(16 << 20), 16 << 20));
    assert_eq!(memory(&with_memory("3g")), SysctlValue::Quad(3 << 30));
    assert_eq!(int(&p, "hw.byteorder"), if cfg!(target_endian = "little") { 1234 } else { 4321 });
}

#[test]
fn choices_of_the_protocols_are_theirs() {
    let p = boot(&SimHost::new(1));
    assert_eq!(set_int(&p, "net.inet.ip.ttl", 33), Ok(4));
    let kernel_side = |name: &str| int(&p, name);
    assert_eq!((kernel_side("net.inet.ip.ttl"), kernel_side("net.inet6.ip6.hlim")), (33, 33));
    assert_eq!(set_int(&p, "net.inet.ip.ttl", 256), Err(EINVAL));
    let selected = p.sysctl_numbers("net.inet.tcp.congctl.selected").unwrap();
    assert_eq!(text(&p, &selected), "cubic");
    p.sysctl(&selected, None, Some(b"newreno\0")).unwrap();
    assert_eq!(text(&p, &selected), "newreno");
    assert_eq!(p.sysctl(&selected, None, Some(b"bbr")).unwrap_err().error.errno, EINVAL);
    let without = process();
    fails(without.sysctl_value(&[CTL_NET, 2, 0, 1]), ENOENT);
    fails(without.sysctl_value(&selected), ENOENT);
}

#[test]
fn what_is_linked_is_listed() {
    let p = boot(&SimHost::new(1));
    let module = |name: &str, class, references| ModuleInfo { name: name.into(), class, references };
    let all = [
        module("tmpfs", ModuleClass::FileSystem, 1),
        module("kernfs", ModuleClass::FileSystem, 0),
        module("inet", ModuleClass::Misc, 0),
        module("inet6", ModuleClass::Misc, 0),
        module("route", ModuleClass::Misc, 0),
        module("local", ModuleClass::Misc, 0),
    ];
    assert_eq!(p.modctl_stat().unwrap(), all);
    assert_eq!(text(&p, &p.sysctl_numbers("vfs.generic.fstypes").unwrap()), "tmpfs kernfs");
    assert_eq!(int(&p, "vfs.generic.maxtypenum"), 2);
    fails(p.modctl_load("tmpfs"), EEXIST);
    fails(p.modctl_load("ffs"), ENOENT);
    fails(p.modctl_unload("tmpfs"), EBUSY);
    fails(p.modctl_unload("ffs"), ENOENT);
    fails(user(&p, 5).modctl_load("ffs"), EPERM);
}

#[test]
fn what_the_kernel_is_built_without_says_so() {
    let p = boot(&SimHost::new(1));
    fails(p.quotactl("/"), EOPNOTSUPP);
    fails(p.quotactl("/none"), ENOENT);
    fails(p.ktrace(), ENOSYS);
    p.reboot().unwrap();
    for failed in [p.uname().err(), p.modctl_stat().err(), p.sysctl_value(&[CTL_KERN, KERN_OSTYPE]).err()] {
        assert_eq!(failed.unwrap().errno, ENXIO);
    }
}
