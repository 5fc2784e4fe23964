//! Manifests of trees in images, against the programs that have the form: NetBSD's mtree and bsdtar.
#![forbid(unsafe_code)]

use interop::image::Scratch;
use interop::mutant;
use interop::program::{lacks, run_ok, run_within};
use interop::suite::Suite;
use interop::{Check, context, rump, text};
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);
const OURS: &str = "type,mode,uid,gid,size,time,link,sha256";

fn main() {
    let root = (!rustix::process::geteuid().is_root()).then_some("root, to make devices");
    let lacking = lacks(&["mtree", "bsdtar", "setfattr", "mknod"]).or(root);
    let mut suite = Suite::default();
    suite.add("mtree_finds_a_tree_as_our_manifest_says", lacking, mtree_agrees);
    suite.add("bsdtar_reads_our_manifest", lacking, bsdtar_reads);
    suite.add("manifests_of_others_are_compared", lacking, manifests_of_others);
    suite.add("every_change_is_told_by_name_and_kind", lacking, changes);
    suite.add("a_manifest_is_the_same_whatever_the_image", lacking, stable);
    suite.add("what_makes_no_sense_is_refused", lacking, refused);
    suite.add("two_thousand_variants_of_a_manifest_are_answered", lacking, hostile);
    suite.run();
}

/// A tree of the host, and an image of it.
struct Both {
    scratch: Scratch,
    tree: String,
    image: String,
}

impl Both {
    fn new() -> Check<Self> {
        let scratch = Scratch::new("manifest")?;
        let (tree, image) = (scratch.path("tree"), scratch.path("image"));
        context(fs::create_dir(&tree), "tree")?;
        let names =
            "mkdir -p 'a b' d/e '#x' && echo 1 > 'a b/=q' && echo 2 > 'd/e/back\\slash' && echo 3 > '#x/#y'
            printf x > \"$(printf 'd/new\\nline')\" && ln 'a b/=q' d/hard && ln -s '../to where' d/link
            mknod d/null c 1 3 && mkfifo d/pipe && chmod 4751 d/hard && chown 3:4 d/hard && chmod 2750 d/e
            setfattr -n user.one -v 0x00ff d/hard && touch -d @1000000000.000000007 d/hard
            touch -d @5.5 d/e && touch \"$(printf 'd/\\303\\251')\" && truncate -s 3M d/sparse && : > empty";
        run_ok("sh", &["-ec", &format!("cd '{}'; {names}", text(&tree))])?;
        run_ok("sh", &["-ec", &format!("cd '{}'; touch -d @77 .", text(&tree))])?;
        let (tree, image) = (text(&tree), text(&image));
        rump::ends(0, &["mkfs", "ext4", &image, "--size", "32M", "--from", &tree])?;
        rump::ends(0, &["rmdir", &format!("{image}:/lost+found")])?;
        rump::ends(0, &["touch", "-t", "197001010001.17", &format!("{image}:/")])?;
        Ok(Self { scratch, tree, image })
    }

    fn path(&self, name: &str) -> String {
        text(&self.scratch.path(name))
    }

    fn place(&self) -> String {
        format!("{}:/", self.image)
    }

    /// Writes our manifest.
    fn manifest(&self) -> Check<String> {
        let path = self.path("ours.mtree");
        rump::ends(0, &["sum", &format!("--manifest={path}"), &self.place()])?;
        Ok(path)
    }
}

fn mtree_agrees() -> Check {
    let both = Both::new()?;
    let manifest = both.manifest()?;
    let said = run_ok("mtree", &["-f", &manifest, "-p", &both.tree])?;
    if !said.is_empty() {
        return Err(said);
    }
    // An oracle that finds nothing ever would be none.
    context(fs::write(format!("{}/empty", both.tree), "x"), "empty")?;
    let finished = run_within(Command::new("mtree").args(["-f", &manifest, "-p", &both.tree]), PATIENCE)?;
    if finished.status == Some(2) { Ok(()) } else { Err(format!("mtree: {}", finished.verdict())) }
}

fn bsdtar_reads() -> Check {
    let both = Both::new()?;
    let manifest = both.manifest()?;
    let ours = run_ok("bsdtar", &["-tvf", &manifest])?;
    let (theirs, keys) = (both.path("theirs.mtree"), format!("!all,device,{OURS}"));
    let options = format!("--options={keys}");
    run_ok("bsdtar", &["-cf", &theirs, "--format=mtree", &options, "-C", &both.tree, "."])?;
    let theirs = run_ok("bsdtar", &["-tvf", &theirs])?;
    let lines = |text: &str| {
        // Theirs tells no counts of links.
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| {
                let words = line.split_whitespace().enumerate();
                words.filter(|(at, _)| *at != 1).map(|(_, word)| word).collect::<Vec<_>>().join(" ")
            })
            .collect();
        lines.sort();
        lines
    };
    if lines(&ours) == lines(&theirs) { Ok(()) } else { Err(format!("ours:\n{ours}\ntheirs:\n{theirs}")) }
}

fn manifests_of_others() -> Check {
    let both = Both::new()?;
    let (bsdtar, mtree) = (both.path("bsdtar.mtree"), both.path("mtree.mtree"));
    let options = format!("--options=!all,device,{OURS}");
    run_ok("bsdtar", &["-cf", &bsdtar, "--format=mtree", &options, "-C", &both.tree, "."])?;
    context(fs::write(&mtree, run_ok("mtree", &["-c", "-k", OURS, "-p", &both.tree])?), "mtree")?;
    for manifest in [&bsdtar, &mtree] {
        let finished = rump::ends(0, &["sum", "--verify", manifest, &both.place()])?;
        if !finished.stdout.is_empty() || !finished.stderr.is_empty() {
            return Err(format!("{manifest}: {}", finished.verdict()));
        }
    }
    rump::ends(0, &["write", &format!("{}/empty", both.place())]).map(drop)?;
    rump::ends(0, &["chmod", "600", &format!("{}empty", both.place())])?;
    for manifest in [&bsdtar, &mtree] {
        let finished = rump::ends(1, &["sum", "--verify", manifest, &both.place()])?;
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        if !said.contains("./empty: mode: 0600, in the manifest 0644") {
            return Err(format!("{manifest}: {said}"));
        }
    }
    Ok(())
}

/// Differences as `PATH KIND`.
fn differences(both: &Both, manifest: &str, more: &[&str]) -> Check<Vec<String>> {
    let place = both.place();
    let mut arguments = vec!["sum", "--json", "--verify", manifest, &place];
    arguments.extend(more);
    let finished = rump::run(&arguments, PATIENCE)?;
    let found: Vec<Value> = context(serde_json::from_slice(&finished.stdout), "JSON")?;
    if finished.status != Some(i32::from(!found.is_empty())) {
        return Err(format!("{} with {} differences", finished.verdict(), found.len()));
    }
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_string();
    Ok(found.iter().map(|one| format!("{} {}", word(one, "path"), word(one, "difference"))).collect())
}

fn expect(found: &[String], expected: &[&str]) -> Check {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

fn changes() -> Check {
    let both = Both::new()?;
    let manifest = both.manifest()?;
    expect(&differences(&both, &manifest, &[])?, &[])?;
    let at = |name: &str| format!("{}{name}", both.place());
    // Each keeps the times of the directories, by which it would be told twice.
    let listed = |more: &[&str]| -> Check<Vec<String>> {
        let found = differences(&both, &manifest, more)?;
        Ok(found.into_iter().filter(|line| !matches!(&**line, ". time" | "./d time")).collect())
    };
    rump::ends(0, &["rm", &at("empty")])?;
    rump::ends(0, &["mkdir", &at("more")])?;
    expect(&listed(&[])?, &["./more extra", "./empty missing"])?;
    rump::ends(0, &["chown", "9:9", &at("d/pipe")])?;
    rump::ends(0, &["rm", &at("d/link")])?;
    rump::ends(0, &["ln", "-s", "other", &at("d/link")])?;
    rump::ends(0, &["rm", &at("d/null")])?;
    rump::ends(0, &["mknod", &at("d/null"), "c", "1", "5"])?;
    rump::ends(0, &["truncate", "-s", "7", &at("d/sparse")])?;
    rump::ends(0, &["rm", "-r", &at("#x")])?;
    rump::ends(0, &["write", &at("#x")])?;
    let found = listed(&["--without", "time"])?;
    let expected = [
        "./#x type",
        "./d/link link",
        "./d/null device",
        "./d/pipe uid",
        "./d/pipe gid",
        "./d/sparse size",
        "./more extra",
        "./#x/#y missing",
        "./empty missing",
    ];
    expect(&found, &expected)?;
    // The same length, other content.
    let file = both.path("other");
    context(fs::write(&file, "4\n"), "other")?;
    rump::ends(0, &["cp", &file, &at("d/e/back\\slash")])?;
    let found = listed(&["--without", "time,uid,gid,mode"])?;
    if !found.contains(&"./d/e/back\\slash sha256".to_string()) {
        return Err(format!("{found:?}"));
    }
    xattrs()
}

/// An attribute that came, went or changed.
fn xattrs() -> Check {
    let both = Both::new()?;
    let manifest = context(fs::read_to_string(both.manifest()?), "manifest")?;
    let changed = both.path("changed.mtree");
    let attribute = "user.one=00ff";
    for (with, kinds) in [
        ("user.one=00fe", &["./a b/=q xattr user.one", "./d/hard xattr user.one"][..]),
        (
            "user.two=00ff",
            &[
                "./a b/=q xattr user.one",
                "./a b/=q xattr user.two",
                "./d/hard xattr user.one",
                "./d/hard xattr user.two",
            ],
        ),
    ] {
        context(fs::write(&changed, manifest.replace(attribute, with)), "manifest")?;
        expect(&differences(&both, &changed, &[])?, kinds)?;
    }
    expect(&differences(&both, &changed, &["--without", "xattrs"])?, &[])
}

/// Another image with the same tree has the same manifest: a new one is written in another order, with another size.
fn stable() -> Check {
    let both = Both::new()?;
    let other = both.path("other.img");
    rump::ends(0, &["mkfs", "ext2", &other, "--size", "64M", "-b", "1024"])?;
    let archive = both.path("a.tar");
    rump::ends(0, &["tar", "-c", "-f", &archive, &format!("{}:/d", both.image)])?;
    rump::ends(0, &["tar", "-x", "-f", &archive, &format!("{other}:/")])?;
    let of = |address: &str| rump::ends(0, &["sum", "--manifest", address]).map(|finished| finished.stdout);
    let (one, two) = (of(&format!("{}:/d/e", both.image))?, of(&format!("{other}:/e"))?);
    if one == two {
        Ok(())
    } else {
        Err(format!("{}\n{}", String::from_utf8_lossy(&one), String::from_utf8_lossy(&two)))
    }
}

fn refused() -> Check {
    let both = Both::new()?;
    let (place, bad) = (both.place(), both.path("bad.mtree"));
    context(fs::write(&bad, "#mtree\n./a/../b type=file\n"), "manifest")?;
    let cases: [(i32, &[&str], &str); 5] = [
        (1, &["--verify", &bad, &place], "line 2: a name with .."),
        (1, &["--verify", "/does/not/exist", &place], "/does/not/exist: "),
        (2, &["--manifest", &place, &place], "about one address"),
        (2, &["--manifest", "--without", "color", &place], "the keywords are mode"),
        (2, &["--without", "time", &place], "--without is for"),
    ];
    for (status, words, expected) in cases {
        let arguments: Vec<&str> = ["sum"].iter().chain(words).copied().collect();
        let finished = rump::ends(status, &arguments)?;
        if !finished.stderr.contains(expected) {
            return Err(format!("{words:?}: {}", finished.stderr));
        }
    }
    Ok(())
}

/// Manifests of mtree and of bsdtar in variants.
fn hostile() -> Check {
    let both = Both::new()?;
    rump::ends(0, &["rm", &format!("{}d/sparse", both.place())])?;
    let (theirs, other) = (both.path("bsdtar.mtree"), both.path("variant"));
    run_ok(
        "bsdtar",
        &[
            "-cf",
            &theirs,
            "--format=mtree",
            "--options=!all,device,type,mode,uid,size,link",
            "-C",
            &both.tree,
            ".",
        ],
    )?;
    let mtree = run_ok("mtree", &["-c", "-k", OURS, "-p", &both.tree])?.into_bytes();
    let samples = [mtree, context(fs::read(&theirs), "bsdtar")?];
    mutant::each(|seed| {
        let mut text = samples[seed as usize % 2].clone();
        mutant::mutate(&mut text, seed);
        if seed % 50 == 49 {
            text.truncate(text.len() * (seed as usize % 97) / 97);
        }
        context(fs::write(&other, text), "variant")?;
        let finished = rump::run(&["sum", "--verify", &other, &both.place()], PATIENCE)?;
        match finished.status {
            Some(0..=2) => Ok(()),
            _ => Err(finished.verdict()),
        }
    })
}
