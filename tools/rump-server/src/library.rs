//! Components by the names of the libraries in which C programs know them.

use rumpkit::PosixHost;
use rumpkit::kpi::Component;
use std::sync::Arc;

/// A library, the one it needs, and what it has of its own.
struct Library {
    name: &'static str,
    needs: Option<&'static str>,
    parts: fn(&Arc<PosixHost>) -> Vec<Component>,
}

const fn library(
    name: &'static str,
    needs: Option<&'static str>,
    parts: fn(&Arc<PosixHost>) -> Vec<Component>,
) -> Library {
    Library { name, needs, parts }
}

const LIBRARIES: &[Library] = &[
    library("rumpuser", None, |_| vec![]),
    library("rumpvfs", None, |_| vec![rumpdev_mem::memory()]),
    library("rumpfs_tmpfs", Some("rumpvfs"), |_| vec![rumpfs_tmpfs::component()]),
    library("rumpfs_kernfs", Some("rumpvfs"), |_| vec![rumpfs_kernfs::component()]),
    library("rumpfs_ext2fs", Some("rumpvfs"), |_| vec![rumpfs_ext2fs::component()]),
    library("rumpfs_cd9660", Some("rumpvfs"), |_| vec![rumpfs_cd9660::component()]),
    library("rumpfs_msdos", Some("rumpvfs"), |_| vec![rumpfs_msdos::component()]),
    library("rumpfs_exfat", Some("rumpvfs"), |_| vec![rumpfs_exfat::component()]),
    library("rumpdev", None, |_| vec![]),
    library("rumpdev_disk", Some("rumpdev"), |_| rumpdev_disk::components().into()),
    library("rumpdev_rnd", Some("rumpdev"), |_| vec![rumpdev_mem::random()]),
    library("rumpdev_bpf", Some("rumpdev"), |_| vec![rumpdev_bpf::component()]),
    library("rumpnet", None, |_| vec![]),
    library("rumpnet_net", Some("rumpnet"), |_| vec![]),
    library("rumpnet_config", Some("rumpnet"), |_| vec![]),
    library("rumpnet_local", Some("rumpnet_net"), |_| vec![rumpnet_local::component()]),
    library("rumpnet_netinet", Some("rumpnet_net"), |_| vec![rumpnet_inet::component_v4()]),
    library("rumpnet_netinet6", Some("rumpnet_netinet"), |_| vec![rumpnet_inet::component_v6()]),
    library("rumpnet_bridge", Some("rumpnet_net"), |_| vec![rumpnet_bridge::component()]),
    library("rumpnet_vlan", Some("rumpnet_net"), |_| vec![rumpnet_vlan::component()]),
    library("rumpnet_tap", Some("rumpnet_net"), |_| rumpnet_tap::tap().into()),
    library("rumpnet_tun", Some("rumpnet_net"), |_| rumpnet_tap::tun().into()),
    library("rumpnet_sockin", Some("rumpnet_net"), |host| vec![rumpnet_sockin::component(host.clone())]),
];

/// What all libraries have but `rumpnet_sockin`, beside which there is no stack of the kernel's own.
pub fn all(host: &Arc<PosixHost>) -> Vec<Component> {
    let others = LIBRARIES.iter().filter(|library| library.name != "rumpnet_sockin");
    others.flat_map(|library| (library.parts)(host)).collect()
}

/// What the libraries of these names have, and those that they need; a name may have `lib` before it and `.so` behind it.
/// Errors: the name that no library has.
pub fn named<'n>(names: &'n [String], host: &Arc<PosixHost>) -> Result<Vec<Component>, &'n str> {
    let mut wanted: Vec<&Library> = Vec::new();
    for name in names {
        let plain = name.rsplit('/').next().unwrap_or(name);
        let plain = plain.split(".so").next().unwrap_or(plain).trim_start_matches("lib");
        let mut next = Some(find(plain).ok_or(name.as_str())?);
        while let Some(library) = next {
            if !wanted.iter().any(|other| other.name == library.name) {
                wanted.push(library);
            }
            next = library.needs.and_then(find);
        }
    }
    Ok(wanted.iter().flat_map(|library| (library.parts)(host)).collect())
}

/// The names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    LIBRARIES.iter().map(|library| library.name)
}

fn find(name: &str) -> Option<&'static Library> {
    LIBRARIES.iter().find(|library| library.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_with_what_they_need() {
        let host = PosixHost::new();
        for needs in LIBRARIES.iter().filter_map(|library| library.needs) {
            assert!(find(needs).is_some(), "{needs}");
        }
        let count = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            named(&names, &host).map(|parts| parts.len()).map_err(str::to_owned)
        };
        assert_eq!(count(&[]), Ok(0));
        let ext = count(&["rumpfs_ext2fs"]);
        assert_eq!(ext, Ok(2));
        assert_eq!(count(&["librumpfs_ext2fs.so", "rumpvfs", "/usr/lib/librumpfs_ext2fs.so.0"]), ext);
        assert_eq!(count(&["rumpfs_ffs"]), Err("rumpfs_ffs".into()));
    }
}
