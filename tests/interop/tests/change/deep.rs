//! Trees deeper than a process may have files open, and than a path may be long.

use crate::stage::{Disk, ensure, run_to, text};
use interop::Check;
use interop::image::Scratch;
use interop::program::run_ok;

const LEVELS: usize = 2000;

pub fn copied_and_removed() -> Check {
    let scratch = Scratch::new("deep")?;
    let top = scratch.path("top");
    let line = "mkdir \"$0\"; cd \"$0\"; i=0; while [ $i -lt $1 ]; do mkdir dddd; cd -P dddd; echo $i > f; i=$((i+1)); done";
    // A shell has no limit but that of memory: it goes down one step at a time.
    run_ok("bash", &["-c", &line.replace("cd -P", "cd"), text(&top)?, &LEVELS.to_string()])?;
    let disk = Disk::make("deep", 64, 0, "", &["-t", "ext4", "-N", "20000"])?;
    run_to(0, &["cp", "-a", text(&top)?, &disk.at("/in")])?;
    disk.is_clean()?;
    run_to(0, &["cp", "-a", &disk.at("/in"), &disk.at("/twice")])?;
    run_to(0, &["chmod", "-R", "g+w", &disk.at("/twice")])?;
    run_to(0, &["chown", "-R", "5:5", &disk.at("/twice")])?;
    disk.is_clean()?;
    let mounted = disk.mount("ro")?;
    for (name, owner) in [("in", "0"), ("twice", "5")] {
        let found = run_ok(
            "find",
            &[text(&mounted.path().join(name))?, "-type", "f", "-uid", owner, "-printf", "x"],
        )?;
        ensure(found.len() == LEVELS, || format!("{name}: {} files", found.len()))?;
    }
    mounted.unmount()?;
    run_to(0, &["rm", "-r", &disk.at("/in")])?;
    run_to(0, &["rm", "-r", &disk.at("/twice")])?;
    disk.is_clean()?;
    let left = disk.view()?;
    ensure(left.keys().eq(["/", "/lost+found"]), || format!("left: {:?}", left.keys()))
}
