//! The library of a component: an object with a constructor that attaches it.
//!
//! For the linker it is a script, `librumpX.a`, that brings the object and then `librump`, shared or static, so that the order
//! of libraries does not matter. A shared library will not do there: many compilers leave out those that nothing refers to.
//! To be loaded at run time there is one, `librumpX.so.0`, which needs `librump.so.0`. Its short name is where loaders look and
//! linkers do not, as far as a system has such a place.

use super::{VERSION, Workshop};
use crate::Outcome;
use crate::components::Component;
use crate::file;
use crate::run::output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CONSTRUCTOR: &str = include_str!("attach.c");

/// Where glibc looks before it looks into a folder, for all processors but the first of x86-64.
const LOADER_FOLDER: &str = "glibc-hwcaps/x86-64-v2";
/// Where librump is, from either place.
const ORIGINS: &str = "$ORIGIN:$ORIGIN/../..";

/// Makes those of all components, several at a time.
pub fn make_all(shop: &Workshop, components: &[Component]) -> Outcome {
    let source = shop.work.join("attach.c");
    file::write(&source, CONSTRUCTOR)?;
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        while let Some(component) = components.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = make(shop, &component.name, &source.display().to_string()) {
                *failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
            }
        }
    };
    let jobs = shop.options.jobs.map_or_else(processors, |jobs| jobs as usize);
    std::thread::scope(|scope| (0..jobs).for_each(|_| drop(scope.spawn(work))));
    failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()).map_or(Ok(()), Err)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

fn make(shop: &Workshop, name: &str, source: &str) -> Outcome {
    let object = format!("rump/{name}.o");
    let mut compile = shop.toolchain.compiler(shop.options);
    compile.current_dir(&shop.folder).args(["-O2", "-fPIC", &format!("-DATTACH=rump_component_{name}")]);
    output(compile.args(["-c", source, "-o", &object]))?;

    let library = format!("lib{name}.so.{VERSION}");
    let mut link = shop.toolchain.compiler(shop.options);
    link.current_dir(&shop.folder).args(["-shared", "-o", &library, &format!("-Wl,-soname,{library}")]);
    link.args([&object, &format!("librump.so.{VERSION}"), &format!("-Wl,-rpath,{ORIGINS}")]);
    link.arg("-Wl,-z,relro,-z,now,-z,defs");
    output(link.args(shop.options.flags("LDFLAGS")))?;
    if shop.target.starts_with("x86_64-unknown-linux-gnu") {
        let short = shop.folder.join(LOADER_FOLDER).join(format!("lib{name}.so"));
        file::link(&format!("../../{library}"), &short)?;
    }

    let script =
        format!("/* {name}: what attaches it, and the library that has it. */\nINPUT({object} -lrump)\n");
    file::write(&shop.folder.join(format!("lib{name}.a")), &script)
}
