//! Images damaged on purpose: each is listed or refused, in bounded time and memory, and never changed.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::program::run_ok;
use interop::suite::Suite;
use interop::tree::sha256_of_file;
use interop::{Check, context, rump};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long each command may take on one image.
const LIMIT: Duration = Duration::from_secs(10);

/// Of a hundred images, how many `ls -R` has to list.
const LISTED_PERCENT: usize = 96;

/// What came of one image.
struct Outcome {
    name: String,
    listed: bool,
    complaints: Vec<String>,
}

fn main() {
    let images = images();
    let lacking = if images.is_empty() {
        Some("the corpus (RUMP_CORPUS)")
    } else {
        interop::program::lacks(&["gzip", "bzip2", "prlimit"])
    };
    let mut suite = Suite::default();
    for (index, image) in images.iter().enumerate() {
        suite.add(name_of(image), lacking, move || one_image(index));
    }
    suite.add("enough_of_the_corpus_is_listed", lacking, enough_is_listed);
    suite.run();
}

fn images() -> Vec<PathBuf> {
    let corpus = std::env::var_os("RUMP_CORPUS")
        .map_or_else(|| rump::project().join("../shared/corpus"), PathBuf::from);
    let packed = |path: &PathBuf| path.extension().is_some_and(|end| end == "gz" || end == "bz2");
    let listing = std::fs::read_dir(corpus.join("e2fsprogs")).into_iter().flatten();
    let mut found: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).filter(packed).collect();
    found.sort();
    found
}

fn name_of(image: &Path) -> String {
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    name.split("__").next().unwrap_or_default().to_string()
}

/// Works through the whole corpus once, whichever trial asks first.
fn outcomes() -> &'static [Outcome] {
    static OUTCOMES: OnceLock<Vec<Outcome>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let images = images();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(image) = images.get(index) else { return done };
                done.push((index, judge(image)));
            }
        };
        let workers = thread::available_parallelism().map_or(2, usize::from);
        let mut all: Vec<(usize, Outcome)> = thread::scope(|scope| {
            let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            started.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
        });
        all.sort_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

fn judge(packed: &Path) -> Outcome {
    let mut outcome = Outcome { name: name_of(packed), listed: false, complaints: Vec::new() };
    if let Err(complaint) = try_commands(packed, &mut outcome) {
        outcome.complaints.push(complaint);
    }
    outcome
}

fn try_commands(packed: &Path, outcome: &mut Outcome) -> Check {
    let scratch = Scratch::new(&outcome.name)?;
    let image = scratch.path("image");
    unpack(packed, &image)?;
    let before = sha256_of_file(&image)?;
    let place = image.to_string_lossy().into_owned();
    let root = format!("{place}:/");
    for arguments in [vec!["info", &place], vec!["ls", "-aR", &root], vec!["sum", &root]] {
        let finished = rump::run(&arguments, LIMIT)?;
        let shown = arguments[0];
        let answered = matches!(finished.status, Some(0 | 1 | 3));
        if !answered || finished.timed_out || finished.stderr.contains("panicked") {
            outcome.complaints.push(format!("{shown}: {}", finished.verdict()));
        }
        if shown == "ls" {
            let text = String::from_utf8_lossy(&finished.stdout);
            let has_root = text.lines().any(|line| line.split_whitespace().last() == Some(".."));
            outcome.listed = matches!(finished.status, Some(0 | 1)) && has_root;
        }
    }
    if sha256_of_file(&image)? != before {
        outcome.complaints.push("reading changed the image".to_string());
    }
    Ok(())
}

/// Unpacks with holes, for images of sparse files can be large.
fn unpack(packed: &Path, image: &Path) -> Check {
    if packed.to_string_lossy().ends_with(".tar.bz2") {
        // An image with its external journal beside it.
        let script = "tar -xjOf \"$0\" \"$2\" > \"$1\"";
        let member = format!("{}.img", name_of(packed));
        let arguments =
            ["-c".as_ref(), script.as_ref(), packed.as_os_str(), image.as_os_str(), member.as_ref()];
        return context(run_ok("sh", &arguments), "unpacking").map(drop);
    }
    let program = if packed.extension().is_some_and(|end| end == "bz2") { "bzip2" } else { "gzip" };
    let script =
        format!("{program} -dc \"$0\" | dd of=\"$1\" bs=64k conv=sparse status=none && test -s \"$1\"");
    let arguments = ["-c".as_ref(), script.as_ref(), packed.as_os_str(), image.as_os_str()];
    context(run_ok("sh", &arguments), "unpacking").map(drop)
}

fn one_image(index: usize) -> Check {
    let outcome = &outcomes()[index];
    if outcome.complaints.is_empty() { Ok(()) } else { Err(outcome.complaints.join("\n")) }
}

fn enough_is_listed() -> Check {
    let all = outcomes();
    let refused: Vec<&str> =
        all.iter().filter(|outcome| !outcome.listed).map(|outcome| outcome.name.as_str()).collect();
    let listed = all.len() - refused.len();
    println!("corpus: {listed} of {} images listed; refused: {}", all.len(), refused.join(" "));
    if listed * 100 >= all.len() * LISTED_PERCENT {
        return Ok(());
    }
    Err(format!("{listed} of {} listed, refused: {}", all.len(), refused.join(" ")))
}
