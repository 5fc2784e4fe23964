//! `librump.a` and `librumpclient.a`: what the compiler made, so that a plain link takes little of it.
//!
//! A linker takes objects whole, and those of the language's own library are large. All that no component has, the kernel and
//! what is below it, becomes one object, of which every section that nothing refers to was thrown away, and whose only global
//! names are those of the interface and those that others need. So does the server, with what only that needs, and each crate of
//! components. What is neither of the interface nor mangled, and might be somebody else's too, is renamed.

use super::{Library, Workshop};
use crate::Outcome;
use crate::file;
use crate::run::{output, succeed};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of objects begin with that only components need.
const OF_COMPONENTS: &[&str] =
    &["rumpfs_", "rumpnet_", "rumpdev_", "rump_dosfs", "rump_netconfig", "librump"];
/// The root is one, so that it belongs to the kernel.
const ROOT: &str = "rumpfs_tmpfs";
/// What names of ours begin with.
const OURS: &str = "rump";
/// What names begin with that are global and not of the interface.
const INTERNAL: &str = "rump_i_";
/// Sections for other compilations in Rust, which older tools trip over.
const BITCODE: &[&str] = &["--remove-section=.llvmbc", "--remove-section=.llvmcmd"];

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

    /// Reads a line of what nm says of it.
    fn add(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["U" | "w" | "v", name] => self.needs.push(name.to_string()),
            [_, _, name] => self.defines.push(name.to_string()),
            _ => {}
        }
    }

    /// The crate that it is of, as its name begins.
    fn of_crate(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    fn is_of_components(&self) -> bool {
        let begins = |prefix: &&str| self.name.starts_with(*prefix);
        OF_COMPONENTS.iter().any(begins) && !begins(&ROOT)
    }
}

impl Library {
    fn shows(&self, name: &str) -> bool {
        self.interface.iter().any(|prefix| name.starts_with(prefix)) && !name.starts_with(INTERNAL)
    }
}

/// Which objects belong together.
struct Groups<'o> {
    /// Of components.
    components: Vec<&'o Object>,
    /// Of what is an object of its own, with what nothing else needs.
    apart: Vec<&'o Object>,
    /// All others.
    kernel: Vec<&'o Object>,
}

impl<'o> Groups<'o> {
    fn of(objects: &'o [Object], library: &Library) -> Self {
        let is_apart = |object: &&Object| library.apart.is_some_and(|name| object.name.starts_with(name));
        let (mut apart, others): (Vec<_>, Vec<_>) = objects.iter().partition(is_apart);
        let (components, mut kernel): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|object| object.is_of_components());
        if !apart.is_empty() {
            let wanted = kernel.iter().flat_map(|object| &object.defines).filter(|name| library.shows(name));
            let wanted = wanted.chain(components.iter().flat_map(|object| &object.needs));
            let used = reached(&kernel, wanted.map(String::as_str).collect());
            let (needed, unneeded): (Vec<_>, Vec<_>) =
                kernel.into_iter().partition(|object| used.contains(object.name.as_str()));
            kernel = needed;
            apart.extend(unneeded);
        }
        Self { components, apart, kernel }
    }
}

/// The names of those objects that have what is wanted, and what they want in turn.
fn reached<'o>(objects: &[&'o Object], wanted: Vec<&'o str>) -> BTreeSet<&'o str> {
    let mut having: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for object in objects {
        object.defines.iter().for_each(|name| having.entry(name).or_default().push(object));
    }
    let (mut used, mut open) = (BTreeSet::new(), wanted);
    while let Some(name) = open.pop() {
        for object in having.remove(name).unwrap_or_default() {
            if used.insert(object.name.as_str()) {
                open.extend(object.needs.iter().map(String::as_str));
            }
        }
    }
    used
}

/// Makes it; answers the names of the interface.
pub fn make(shop: &Workshop, library: &Library, compiled: &Path) -> Outcome<Vec<String>> {
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
    let groups = Groups::of(&objects, library);
    let is_shown = |name: &&str| library.shows(name);

    let by_components: BTreeSet<&str> = names(&groups.components).collect();
    let by_apart: BTreeSet<&str> = names(&groups.apart).collect();
    let is_root = |name: &&str| is_shown(name) || by_components.contains(name) || by_apart.contains(name);
    let roots: BTreeSet<&str> = defined(&groups.kernel).filter(is_root).collect();
    let renames: String = roots
        .iter()
        .filter(|name| is_foreign(name))
        .map(|name| format!("{name} {}\n", global(name)))
        .collect();
    file::write(&work.join("renames"), &renames)?;
    let mut rename = shop.toolchain.utility("objcopy");
    succeed(rename.current_dir(&work).args(["--redefine-syms=renames", "plain.a", "renamed.a"]))?;
    succeed(shop.toolchain.utility("ar").current_dir(&work).args(["x", "renamed.a"]))?;

    let mut joined = join_components(shop, library, &work, &objects, &groups.components)?;
    if !groups.apart.is_empty() {
        // Of what both have, the linker takes one.
        let is_global = |name: &&str| is_shown(name) || roots.contains(name);
        let globals: Vec<_> = defined(&groups.apart).filter(is_global).map(global).collect();
        joined.push(join(shop, &work, &groups.apart, &globals, &format!("{}_apart", library.name))?);
    }
    // Of what they were made of, they do not need all.
    let mut by_joined = BTreeSet::new();
    for object in &joined {
        let mut symbols = shop.toolchain.utility("nm");
        by_joined.extend(read_object(&output(symbols.arg("-g").arg(object))?).names().cloned());
    }
    let is_needed = |name: &&&str| is_shown(name) || by_joined.contains(&global(name));
    let globals: Vec<_> = roots.iter().filter(is_needed).map(|name| global(name)).collect();
    joined.push(join(shop, &work, &groups.kernel, &globals, &format!("{}_kernel", library.name))?);

    let archive = format!("lib{}.a", library.name);
    let mut collect = shop.toolchain.utility("ar");
    succeed(collect.current_dir(&work).args(["rcs", &archive]).args(&joined))?;
    let finished = shop.folder.join(&archive);
    fs::rename(work.join(&archive), &finished).map_err(|error| format!("{}: {error}", finished.display()))?;
    let _ = fs::remove_dir_all(&work);
    Ok(objects
        .iter()
        .flat_map(|object| &object.defines)
        .filter(|name| library.shows(name))
        .cloned()
        .collect())
}

/// Makes one object of each crate of components that has something for others; answers where they are.
fn join_components(
    shop: &Workshop,
    library: &Library,
    work: &Path,
    all: &[Object],
    components: &[&Object],
) -> Outcome<Vec<PathBuf>> {
    let mut joined = Vec::new();
    for (name, (own, wanted)) in crates(all, components, &|name| library.shows(name)) {
        if !wanted.is_empty() {
            let globals: Vec<_> = wanted.into_iter().map(global).collect();
            joined.push(join(shop, work, &own, &globals, &format!("{}-{name}", library.name))?);
        }
    }
    Ok(joined)
}

/// The objects of each crate of components, and what of them other crates need or have as well, or is of the interface.
fn crates<'o>(
    all: &'o [Object],
    components: &[&'o Object],
    is_shown: &impl Fn(&&str) -> bool,
) -> BTreeMap<&'o str, (Vec<&'o Object>, Vec<&'o str>)> {
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for object in all {
        object.names().for_each(|name| {
            needed.entry(name).or_default().insert(object.of_crate());
        });
    }
    let mut crates: BTreeMap<&str, (Vec<&Object>, Vec<&str>)> = BTreeMap::new();
    for object in components {
        let name = object.of_crate();
        let is_wanted = |symbol: &&str| {
            let by_others = |by: &BTreeSet<&str>| by.iter().any(|other| *other != name);
            is_shown(symbol) || needed.get(symbol).is_some_and(by_others)
        };
        let (own, wanted) = crates.entry(name).or_default();
        own.push(object);
        wanted.extend(object.defines.iter().map(String::as_str).filter(is_wanted));
    }
    crates
}

/// All that objects have to do with.
fn names<'o>(objects: &[&'o Object]) -> impl Iterator<Item = &'o str> {
    objects.iter().flat_map(|object| object.names()).map(String::as_str)
}

fn defined<'o>(objects: &[&'o Object]) -> impl Iterator<Item = &'o str> {
    objects.iter().flat_map(|object| &object.defines).map(String::as_str)
}

/// Makes one object of some that are in `work`, unless it is there; answers where it is.
fn join(
    shop: &Workshop,
    work: &Path,
    objects: &[&Object],
    globals: &[String],
    name: &str,
) -> Outcome<PathBuf> {
    let joined = shop.work.join(format!("{name}.o"));
    let contents = objects.iter().map(|object| file::content(&work.join(&object.name)));
    let inputs = globals.iter().cloned().chain(contents.collect::<Outcome<Vec<_>>>()?);
    let inputs: String = inputs.map(|line| line + "\n").collect();
    file::unless_done(&joined.with_extension("made"), &inputs, || {
        join_now(shop, work, objects, globals, &joined)
    })?;
    Ok(joined)
}

fn join_now(shop: &Workshop, work: &Path, objects: &[&Object], globals: &[String], to: &Path) -> Outcome {
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
    succeed(hide.arg("joined.o").arg(to))
}

/// As what others know a name.
fn global(name: &str) -> String {
    if is_foreign(name) { format!("{INTERNAL}{name}") } else { name.to_string() }
}

/// Another library's may have the same name.
fn is_foreign(name: &str) -> bool {
    !["_ZN", "_R", OURS].iter().any(|prefix| name.starts_with(prefix))
}

/// Reads what nm says of an archive.
fn read(listing: &str) -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for line in listing.lines() {
        if let Some(name) = line.strip_suffix(':') {
            objects.push(Object { name: name.to_string(), defines: Vec::new(), needs: Vec::new() });
            continue;
        }
        if let Some(object) = objects.last_mut() {
            object.add(line);
        }
    }
    objects
}

/// The same of an object alone.
fn read_object(listing: &str) -> Object {
    let mut object = Object { name: String::new(), defines: Vec::new(), needs: Vec::new() };
    listing.lines().for_each(|line| object.add(line));
    object
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
    fn what_is_apart_takes_with_it_what_nobody_else_needs() {
        let listing = "\nrump_capi.o:\n0 T rump_init\n U both\nlibrumpfs_x.o:\n U of_x\nserver.o:\n0 T rump_serve\n U sealed\n\
            U both\nseal.o:\n0 T sealed\n U curve\ncurve.o:\n0 T curve\nboth.o:\n0 T both\nx.o:\n0 T of_x\n";
        let objects = read(listing);
        let library = Library { name: "rump", interface: &["rump_"], apart: Some("server") };
        let groups = Groups::of(&objects, &library);
        let names = |group: &[&Object]| group.iter().map(|object| object.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&groups.kernel), ["rump_capi.o", "both.o", "x.o"]);
        assert_eq!(names(&groups.components), ["librumpfs_x.o"]);
        assert_eq!(names(&groups.apart), ["server.o", "seal.o", "curve.o"]);
    }

    #[test]
    fn of_a_crate_there_is_what_others_need() {
        let listing = "\nrumpfs_x-1.o:\n0 T driver\n0 T maker\n U sum\n\nrumpfs_x-2.o:\n0 T sum\n\n\
            librumpfs_x-1.o:\n0 T rump_component_x\n U driver\n";
        let objects = read(listing);
        let components: Vec<_> = objects.iter().collect();
        let found = crates(&objects, &components, &|name| name.starts_with("rump_"));
        assert_eq!(found["librumpfs_x"].1, ["rump_component_x"]);
        assert_eq!((found["rumpfs_x"].0.len(), &found["rumpfs_x"].1[..]), (2, &["driver"][..]));
    }

    #[test]
    fn names_that_others_may_have_are_told_from_ours() {
        assert!(is_foreign("rust_eh_personality"));
        assert!(!["_ZN3std", "_RNvC", "rump_init", "rumpclient_init"].iter().any(|name| is_foreign(name)));
    }
}
