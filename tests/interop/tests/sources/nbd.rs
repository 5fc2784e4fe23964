//! NBD, by qemu-nbd and nbdkit.

use crate::{LIMIT, contains, disk, rump, rump_with, same};
use interop::image::{Scratch, sound};
use interop::program::{lacks, run_ok};
use interop::server::{Server, free_port};
use interop::suite::{Suite, lacks_kernel};
use interop::{Check, context, rump as command, text};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub fn add(suite: &mut Suite, judges: Option<&'static str>) {
    let qemu = judges.or_else(|| lacks(&["qemu-nbd"]));
    let nbdkit = judges.or_else(|| lacks(&["nbdkit"]));
    suite.add("nbd_is_read_at_a_socket_and_at_a_port", qemu, read);
    suite.add("nbd_is_written_at_qemu_nbd", qemu, || written(qemu_nbd));
    suite.add("nbd_is_written_at_nbdkit", nbdkit, || {
        written(|scratch, name| nbdkit_of(scratch, name, &[], &[]))
    });
    suite.add("nbd_is_written_in_large_blocks", nbdkit, || written(in_blocks));
    suite.add("nbd_is_written_without_structure", nbdkit, || {
        written(|scratch, name| nbdkit_of(scratch, name, &["--no-sr"], &[]))
    });
    suite.add("nbd_holds_qcow2_that_is_written", qemu, qcow2);
    suite.add("nbd_that_is_read_only_is_not_written", qemu, read_only);
    suite.add("nbd_that_does_not_serve_says_why", nbdkit, refused);
    suite.add("nbd_tells_of_errors", nbdkit, errors);
    suite.add("nbd_that_is_killed_is_eio", nbdkit, killed);
    suite.add("an_image_here_does_not_lead_to_a_server", qemu, led);
    suite.add("nbd_gets_a_file_system", nbdkit.or_else(|| lacks(&["sfdisk"])), made);
    suite.add("nbd_is_behind_a_program", nbdkit.or_else(lacks_library), run);
    suite.add("nbd_is_mounted", nbdkit.or_else(lacks_mounts), mounted);
}

fn url(scratch: &Scratch) -> String {
    format!("nbd+unix:///?socket={}", scratch.path("socket").display())
}

fn qemu_nbd(scratch: &Scratch, name: &str) -> Check<Server> {
    qemu_nbd_with(scratch, name, &[])
}

fn qemu_nbd_with(scratch: &Scratch, name: &str, options: &[&str]) -> Check<Server> {
    let socket = scratch.path("socket");
    let mut command = Command::new("qemu-nbd");
    command.args(["-f", "raw", "-t", "-e", "8", "--cache=writeback", "-k"]).arg(&socket);
    Server::at_socket(command.args(options).arg(scratch.path(name)), &socket)
}

fn nbdkit_of(scratch: &Scratch, name: &str, options: &[&str], parameters: &[&str]) -> Check<Server> {
    let socket = scratch.path("socket");
    // A server that was killed leaves it.
    let _ = fs::remove_file(&socket);
    let mut command = Command::new("nbdkit");
    command.args(["-f", "--exit-with-parent", "-U"]).arg(&socket).args(options);
    Server::at_socket(command.arg("file").arg(scratch.path(name)).args(parameters), &socket)
}

/// Refuses what is not of whole blocks of 4 KiB, and more than 64 KiB at once.
fn in_blocks(scratch: &Scratch, name: &str) -> Check<Server> {
    let sizes = ["minimum=4096", "preferred=4096", "maximum=65536", "error-policy=error"];
    let sizes = sizes.map(|size| format!("blocksize-{size}"));
    nbdkit_of(scratch, name, &["--filter=blocksize-policy"], &sizes.each_ref().map(String::as_str))
}

fn read() -> Check {
    let scratch = disk("read", 64)?;
    let _server = qemu_nbd(&scratch, "disk")?;
    same(&scratch, "disk", &url(&scratch))?;
    contains(&rump(&["info", &url(&scratch)], 0)?, &format!("{}: 67108864 bytes", url(&scratch)))?;
    let port = free_port()?;
    let mut command = Command::new("qemu-nbd");
    command.args(["-f", "raw", "-t", "-r", "-e", "8", "-x", "a disk", "-b", "127.0.0.1", "-p"]);
    let _server = Server::at_port(command.arg(port.to_string()).arg(scratch.path("disk")), port)?;
    same(&scratch, "disk", &format!("nbd://127.0.0.1:{port}/a%20disk"))?;
    let told = rump(&["ls", &format!("nbd://127.0.0.1:{port}:/")], 3)?;
    contains(&told, "the server has no export \"\"")
}

/// Changes what a server has, and looks at its file.
fn written(serve: impl Fn(&Scratch, &str) -> Check<Server>) -> Check {
    let scratch = disk("written", 64)?;
    let mut server = serve(&scratch, "disk")?;
    let (tree, url) = (scratch.path("tree").display().to_string(), url(&scratch));
    let at = |path: &str| format!("{url}:{path}");
    rump(&["cp", "-r", &tree, &at("/copy")], 0)?;
    rump(&["rm", "-r", &at("/folder")], 0)?;
    rump(&["mv", &at("/large"), &at("/copy/folder/larger")], 0)?;
    rump(&["chmod", "600", &at("/copy/folder/7")], 0)?;
    same(&scratch, "disk", &url)?;
    server.kill();
    let file = scratch.path("disk").display().to_string();
    run_ok("e2fsck", &["-fn", &file])?;
    let dump = |path: &str, to: &str| {
        let request = format!("dump {path} {}", scratch.path(to).display());
        run_ok("debugfs", &["-R", &request, &file]).map(drop)
    };
    for path in ["/copy/folder/larger", "/copy/large"] {
        dump(path, "dumped")?;
        let paths = ["dumped", "tree/large"].map(|name| scratch.path(name).display().to_string());
        run_ok("cmp", &paths)?;
    }
    Ok(())
}

/// The server knows nothing of the format: it is ours.
fn qcow2() -> Check {
    let scratch = disk("qcow2", 64)?;
    let [raw, image] = ["disk", "image"].map(|name| scratch.path(name).display().to_string());
    // What a server has does not grow: there is a place for everything.
    run_ok("qemu-img", &["convert", "-O", "qcow2", "-o", "preallocation=full", &raw, &image])?;
    let mut server = qemu_nbd(&scratch, "image")?;
    let url = url(&scratch);
    same(&scratch, "disk", &url)?;
    contains(&rump(&["info", &url], 0)?, "qcow2 (64 KiB clusters)")?;
    let words = |target: &str| ["chmod", "600", target].map(str::to_owned);
    for target in [&url, &raw] {
        let words = words(&format!("{target}:/folder/7"));
        rump(&words.each_ref().map(String::as_str), 0)?;
    }
    server.kill();
    run_ok("qemu-img", &["check", &image])?;
    run_ok("qemu-img", &["convert", "-O", "raw", &image, &scratch.path("judged").display().to_string()])?;
    run_ok("e2fsck", &["-fn", &scratch.path("judged").display().to_string()])?;
    let mode = run_ok("debugfs", &["-R", "stat /folder/7", &scratch.path("judged").display().to_string()])?;
    contains(&mode, "Mode:  0600")
}

fn read_only() -> Check {
    let scratch = disk("only", 64)?;
    let _server = qemu_nbd_with(&scratch, "disk", &["-r"])?;
    let url = url(&scratch);
    let told = rump(&["mkdir", &format!("{url}:/new")], 3)?;
    contains(&told, "the server does not let it be written")?;
    same(&scratch, "disk", &url)
}

fn refused() -> Check {
    let scratch = disk("refused", 64)?;
    let url = url(&scratch);
    contains(&rump(&["ls", &url], 3)?, &format!("{url}: "))?;
    let mut server = nbdkit_of(&scratch, "disk", &["--oldstyle"], &[])?;
    contains(&rump(&["ls", &url], 3)?, "oldstyle")?;
    server.kill();
    contains(&rump(&["ls", "s3://bucket/disk.img@1:/"], 3)?, "without the feature object-store")?;
    contains(&rump(&["ls", "nbds://localhost/"], 3)?, "NBD over TLS is not supported")
}

fn errors() -> Check {
    let scratch = disk("errors", 64)?;
    let trigger = format!("error-file={}", scratch.path("trigger").display());
    let parameters = ["error-pread-rate=100%", "error-pread=ENOSPC", &trigger];
    let _server = nbdkit_of(&scratch, "disk", &["--filter=error"], &parameters)?;
    let url = url(&scratch);
    same(&scratch, "disk", &url)?;
    context(fs::write(scratch.path("trigger"), ""), "trigger")?;
    let told = rump(&["cat", &format!("{url}:/large")], 3)?;
    contains(&told, "the server answers ENOSPC")?;
    context(fs::remove_file(scratch.path("trigger")), "trigger")?;
    same(&scratch, "disk", &url)
}

fn killed() -> Check {
    let scratch = disk("killed", 64)?;
    let mut server = nbdkit_of(
        &scratch,
        "disk",
        &["--filter=delay", "--filter=log"],
        &["rdelay=300ms", &format!("logfile={}", scratch.path("log").display())],
    )?;
    let url = url(&scratch);
    let mut child = Command::new(command::binary()?);
    child.args(["cat", &format!("{url}:/large")]).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = context(child.spawn(), "rump")?;
    let deadline = Instant::now() + LIMIT;
    let reads = || fs::read_to_string(scratch.path("log")).unwrap_or_default().matches(" Read id=").count();
    while reads() < 3 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    server.kill();
    let begin = Instant::now();
    let output = context(child.wait_with_output(), "rump")?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || output.status.code().is_none() || begin.elapsed() > Duration::from_secs(20)
    {
        return Err(format!("{}, {:?} after the server: {told}", output.status, begin.elapsed()));
    }
    contains(&told, "connecting again")
}

/// What an image names is a file, even if it looks like something else.
fn led() -> Check {
    let scratch = Scratch::new("led")?;
    let listener = context(TcpListener::bind("127.0.0.1:0"), "listener")?;
    context(listener.set_nonblocking(true), "listener")?;
    let port = context(listener.local_addr(), "listener")?.port();
    for scheme in ["nbd", "http", "file:nbd", "file:http"] {
        let backing = format!("{scheme}://127.0.0.1:{port}/x");
        let image = scratch.path("image");
        let image = image.display().to_string();
        let made = ["create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", &backing, &image, "16M"];
        run_ok("qemu-img", &made)?;
        // Where it is named by no folder, the name alone is what is opened.
        let mut command = Command::new(command::binary()?);
        let output = context(command.args(["info", "image"]).current_dir(scratch.path("")).output(), "rump")?;
        if output.status.success() || listener.accept().is_ok() {
            return Err(format!("{backing}: {output:?}"));
        }
    }
    Ok(())
}

/// A file system in all that a server has, and one in a part of it.
fn made() -> Check {
    let scratch = disk("made", 64)?;
    let (file, tree) = (text(&scratch.path("disk")), text(&scratch.path("tree")));
    let mut server = nbdkit_of(&scratch, "disk", &[], &[])?;
    let url = url(&scratch);
    contains(&rump(&["mkfs", "vfat", &url], 1)?, &format!("{url} holds a file system, ext4; --force"))?;
    contains(&rump(&["mkfs", "ext4", &url, "--force", "--size", "65M"], 1)?, "but there are 67108864")?;
    rump(&["mkfs", "ext4", &url, "--force", "-q", "-d", &tree, "-L", "made"], 0)?;
    server.kill();
    sound(&scratch.path("disk"))?;
    for path in ["/folder/39", "/large"] {
        let sums =
            [rump(&["sum", &format!("{file}:{path}")], 0)?, run_ok("sha256sum", &[format!("{tree}{path}")])?];
        let sums = sums.each_ref().map(|text| text.split_whitespace().next());
        if sums[0] != sums[1] {
            return Err(format!("{path}: {sums:?}"));
        }
    }
    let table = scratch.path("table");
    context(fs::write(&table, "label: gpt\nstart=2048, size=65536\n"), "table")?;
    run_ok("sh", &["-c", "sfdisk -q \"$0\" < \"$1\"", &file, &text(&table)])?;
    let mut server = nbdkit_of(&scratch, "disk", &[], &[])?;
    rump(&["mkfs", "vfat", &format!("{url}@1"), "-q", "-d", &format!("{tree}/folder")], 0)?;
    contains(&rump(&["ls", &format!("{url}@1:/")], 0)?, "39")?;
    server.kill();
    run_ok("sfdisk", &["--verify", &file]).map(drop)
}

fn lacks_library() -> Option<&'static str> {
    let library = command::binary().ok()?.with_file_name("librumphijack.so");
    (!library.exists()).then_some("librumphijack.so beside rump")
}

fn run() -> Check {
    let scratch = disk("behind", 64)?;
    let _server = nbdkit_of(&scratch, "disk", &[], &[])?;
    let (url, large) = (url(&scratch), text(&scratch.path("tree/large")));
    // The shell and what it begins have a kernel each.
    let script = "read line < /rump/mnt/folder/39; cmp /rump/mnt/large \"$0\" && ls /rump/mnt/folder";
    let words = ["run", "--disk", &format!("{url}:/mnt:ro"), "--", "sh", "-c", script, &large];
    contains(&rump(&words, 0)?, "39\n")?;
    contains(&rump(&["run", "--disk", &format!("{url}:/mnt"), "--", "true"], 2)?, "add :ro")?;
    contains(&rump(&["run", "--disk", "nbd://localhost", "--", "true"], 2)?, "it says no mount point")
}

fn lacks_mounts() -> Option<&'static str> {
    lacks_kernel().or_else(|| (!Path::new("/dev/fuse").exists()).then_some("/dev/fuse"))
}

fn mounted() -> Check {
    let scratch = disk("mounted", 64)?;
    let mut server = nbdkit_of(&scratch, "disk", &[], &[])?;
    let (url, point) = (url(&scratch), scratch.path("point"));
    context(fs::create_dir(&point), "point")?;
    // What serves a mount takes more memory than commands are let have.
    rump_with(("LC_ALL", "C"), &["mount", &url, &text(&point)], 0)?;
    let seen = run_ok("cmp", &[point.join("large"), scratch.path("tree/large")]);
    let written = context(fs::write(point.join("new"), "written"), "write");
    let listed = run_ok("findmnt", &["-no", "SOURCE", &text(&point)]);
    rump(&["umount", &text(&point)], 0)?;
    seen?;
    written?;
    contains(&listed?, &url)?;
    let disk = text(&scratch.path("disk"));
    // Nothing at a server is locked: what is not written out yet is not waited for.
    let deadline = Instant::now() + LIMIT;
    while sound(&scratch.path("disk")).is_err() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    sound(&scratch.path("disk"))?;
    contains(&rump(&["cat", &format!("{disk}:/new")], 0)?, "written")
}
