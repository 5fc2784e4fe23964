//! `librump.a`: what the compiler made, so that a plain link takes little of it.
//!
//! A linker takes objects whole, and those of the language's own library are large. All that no component has, the kernel and
//! what is below it, becomes one object, of which every section that nothing refers to was thrown away, and whose only global
//! names are those of the interface and those that components need. Components stay as the compiler made them. What is neither
//! of the interface nor mangled, and might be somebody else's too, is renamed.

use super::Workshop;
use crate::Outcome;
use crate::file;
use crate::run::{output, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the names of objects begin with that only components need.
const OF_COMPONENTS: &[&str] =
    &["rumpfs_", "rumpnet_", "rumpdev_", "rump_dosfs", "rump_netconfig", "librump"];
/// The root is one, so that it belongs to the kernel.
const ROOT: &str = "rumpfs_tmpfs";
/// What names of the interface begin with.
const INTERFACE: &str = "rump_";
/// What names begin with that are global and not of the interface.
const INTERNAL: &str = "rump_i_";
/// Sections for other compilations in Rust, which older tools trip over.
const BITCODE: &[&str] = &["--remove-section=.llvmbc", "--remove-section=.llvmcmd"];

/// The object of all that is no component.
const KERNEL: &str = "rump_kernel.o";

/// What an object has and needs, by names of symbols.
struct Object {
    name: String,
    defines: Vec<String>,
    needs: Vec<String>,
}

impl Object {
    /// All that it has to do with: what it defines, another may define as well, and one of both is taken.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.needs.iter().chain(&self.defines)
    }

    fn is_of_components(&self) -> bool {
        let begins = |prefix: &&str| self.name.starts_with(*prefix);
        OF_COMPONENTS.iter().any(begins) && !begins(&ROOT)
    }
}

/// Makes it; answers the names of the interface.
pub fn make(shop: &Workshop, compiled: &Path) -> Outcome<Vec<String>> {
    let work = shop.work.join("objects");
    let _ = fs::remove_dir_all(&work);
    file::make_folder(&work)?;
    let mut plain = shop.toolchain.utility("objcopy");
    plain.args(BITCODE);
    if !shop.keeps_debug_information() {
        plain.arg("--strip-debug");
    }
    succeed(plain.current_dir(&work).arg(compiled).arg("plain.a"))?;

    let objects = read(&output(shop.toolchain.utility("nm").current_dir(&work).args(["-g", "plain.a"]))?);
    let (of_components, of_kernel): (Vec<_>, Vec<_>) =
        objects.iter().partition(|object| object.is_of_components());
    let needed: BTreeSet<&str> =
        of_components.iter().flat_map(|object| object.names()).map(String::as_str).collect();
    let defined: BTreeSet<&str> =
        of_kernel.iter().flat_map(|object| &object.defines).map(String::as_str).collect();
    let roots: BTreeSet<&str> =
        defined.iter().copied().filter(|name| name.starts_with(INTERFACE) || needed.contains(name)).collect();

    let renamed = |name: &str| is_foreign(name).then(|| format!("{INTERNAL}{name}"));
    let renames: String =
        roots.iter().filter_map(|name| Some(format!("{name} {}\n", renamed(name)?))).collect();
    let globals: Vec<String> = roots.iter().map(|name| renamed(name).unwrap_or(name.to_string())).collect();
    file::write(&work.join("renames"), &renames)?;
    let mut rename = shop.toolchain.utility("objcopy");
    succeed(rename.current_dir(&work).args(["--redefine-syms=renames", "plain.a", "renamed.a"]))?;
    succeed(shop.toolchain.utility("ar").current_dir(&work).args(["x", "renamed.a"]))?;

    let kernel = shop.work.join(KERNEL);
    let contents = of_kernel.iter().map(|object| file::content(&work.join(&object.name)));
    let inputs = globals.iter().cloned().chain(contents.collect::<Outcome<Vec<_>>>()?);
    let inputs: String = inputs.map(|line| line + "\n").collect();
    file::unless_done(&kernel.with_extension("made"), &inputs, || {
        join(shop, &work, &of_kernel, &globals, &kernel)
    })?;

    let mut archive = shop.toolchain.utility("ar");
    archive.current_dir(&work).args(["rcs", "librump.a"]).arg(&kernel);
    succeed(archive.args(of_components.iter().map(|object| &object.name)))?;
    let library = shop.folder.join("librump.a");
    fs::rename(work.join("librump.a"), &library)
        .map_err(|error| format!("{}: {error}", library.display()))?;
    let _ = fs::remove_dir_all(&work);
    let all = objects.iter().flat_map(|object| &object.defines);
    Ok(all.filter(|name| name.starts_with(INTERFACE) && !name.starts_with(INTERNAL)).cloned().collect())
}

/// Makes one object of those of the kernel, which are in `work`.
fn join(shop: &Workshop, work: &Path, objects: &[&Object], globals: &[String], kernel: &Path) -> Outcome {
    file::write(&work.join("globals"), &(globals.join("\n") + "\n"))?;
    let undefined = globals.iter().map(|name| format!("--undefined={name}"));
    let names = objects.iter().map(|object| object.name.clone());
    let arguments: Vec<String> = undefined.chain(names).collect();
    file::write(&work.join("arguments"), &arguments.join("\n"))?;
    let mut link = shop.toolchain.utility("ld");
    succeed(link.current_dir(work).args(["-r", "--gc-sections", "-o", "joined.o", "@arguments"]))?;
    // What was thrown away leaves the names that it needed, for which a linker would bring much of the host's library.
    let undefined = output(shop.toolchain.utility("nm").current_dir(work).args(["-u", "joined.o"]))?;
    let undefined: String =
        undefined.lines().filter_map(|line| Some(format!("{}\n", line.split_whitespace().last()?))).collect();
    file::write(&work.join("undefined"), &undefined)?;
    let mut hide = shop.toolchain.utility("objcopy");
    hide.current_dir(work).args(["--keep-global-symbols=globals", "--strip-unneeded-symbols=undefined"]);
    succeed(hide.arg("joined.o").arg(kernel))
}

/// Another library's may have the same name.
fn is_foreign(name: &str) -> bool {
    !["_ZN", "_R", INTERFACE].iter().any(|prefix| name.starts_with(prefix))
}

/// Reads what nm says of an archive.
fn read(listing: &str) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(':') {
            objects.push(Object { name: name.to_string(), defines: Vec::new(), needs: Vec::new() });
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(object) = objects.last_mut() else { continue };
        match words.as_slice() {
            ["U" | "w" | "v", name] => object.needs.push(name.to_string()),
            [_, _, name] => object.defines.push(name.to_string()),
            _ => {}
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_of_symbols_is_read_by_object() {
        let objects = read("\nrumpfs_x-1.o:\n0000 T a\n     U b\n     w c\n\nstd.o:\n0000 V b\n");
        assert_eq!(objects.len(), 2);
        assert_eq!(
            (&objects[0].defines[..], &objects[0].needs[..]),
            (&["a".into()][..], &["b".into(), "c".into()][..])
        );
        assert!(objects[0].is_of_components() && !objects[1].is_of_components());
    }

    #[test]
    fn names_that_others_may_have_are_told_from_ours() {
        assert!(is_foreign("rust_eh_personality"));
        assert!(!["_ZN3std", "_RNvC", "rump_init"].iter().any(|name| is_foreign(name)));
    }
}
