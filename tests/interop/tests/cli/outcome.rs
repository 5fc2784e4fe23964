//! What commands say of their work as JSON.

use crate::stage::{ensure, run_to, text};
use interop::image::Scratch;
use interop::{Check, context};
use serde_json::{Value, json};
use std::fs;

/// The keys of all, in their order.
const KEYS: [&str; 6] = ["dry_run", "files", "bytes", "losses", "errors", "complete"];

fn object(status: i32, arguments: &[&str]) -> Check<Value> {
    let shown = || arguments.join(" ");
    let finished = run_to(status, arguments)?;
    let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
    let value: Value = context(serde_json::from_str(&printed), shown())?;
    let at = KEYS.map(|key| printed.find(&format!("\"{key}\": ")).unwrap_or(usize::MAX));
    ensure(at.is_sorted() && at[5] < usize::MAX, || format!("{}: keys of {printed}", shown()))?;
    Ok(value)
}

/// Runs a command that has to tell of so many files, bytes and errors, and of nothing else.
fn tells(status: i32, arguments: &[&str], (files, bytes, errors): (u64, u64, u64)) -> Check {
    let expected = json!({"dry_run": arguments.contains(&"--dry-run"), "files": files, "bytes": bytes,
        "losses": {}, "errors": errors, "complete": true});
    let found = object(status, arguments)?;
    ensure(found == expected, || format!("{}: {found}", arguments.join(" ")))
}

pub fn keys() -> Check {
    let scratch = Scratch::new("outcome")?;
    let (tree, out) = (scratch.path("tree"), scratch.path("out"));
    context(fs::create_dir_all(tree.join("d")), "tree")?;
    context(fs::write(tree.join("d/five"), "12345"), "tree")?;
    context(fs::write(tree.join("three"), "123"), "tree")?;
    let (tree, out) = (text(&tree)?, text(&out)?);
    let path = |name: &str| Ok::<_, String>(text(&scratch.path(name))?.to_string());
    let (image, other, archive, manifest) = (path("image")?, path("other")?, path("tar")?, path("mtree")?);
    let at = |name: &str| format!("{image}:{name}");
    let made = object(0, &["mkfs", "ext4", &image, "--size", "16M", "--from", tree, "--json"])?;
    // The top, a directory and two files.
    ensure(made["files"] == 4 && made["bytes"] == 8 && made["format"] == "ext4", || made.to_string())?;
    let planned = object(0, &["mkfs", "ext4", &other, "--size", "16M", "--dry-run", "--json"])?;
    ensure(planned["dry_run"] == true && planned["blocks"].is_u64(), || planned.to_string())?;
    run_to(0, &["mkfs", "ext4", &other, "--size", "16M"])?;

    tells(0, &["cp", "--json", "-r", &at("/d"), out], (2, 5, 0))?;
    tells(0, &["cp", "--json", "-r", tree, &at("/copy")], (4, 8, 0))?;
    tells(1, &["cp", "--json", &at("/three"), &at("/nowhere"), &at("/copy/d")], (1, 3, 1))?;
    tells(0, &["cp", "--json", "--dry-run", "-r", tree, &at("/trial")], (4, 0, 0))?;
    tells(0, &["mv", "--json", &at("/three"), &at("/renamed")], (1, 0, 0))?;
    tells(0, &["mv", "--json", &at("/copy"), &format!("{other}:/")], (5, 11, 0))?;
    tells(0, &["tar", "--json", "-c", "-f", &archive, &at("/d")], (2, 5, 0))?;
    tells(0, &["tar", "--json", "-x", "-f", &archive, &format!("{other}:/")], (2, 5, 0))?;
    tells(0, &["sum", "--json", &format!("--manifest={manifest}"), &at("/d")], (2, 5, 0))?;

    tells(0, &["mkdir", "--json", "-p", &at("/a/b/c")], (3, 0, 0))?;
    tells(1, &["mkdir", "--json", &at("/a"), &at("/e")], (1, 0, 1))?;
    tells(0, &["touch", "--json", &at("/a/one"), &at("/a/two")], (2, 0, 0))?;
    tells(0, &["mknod", "--json", &at("/a/null"), "c", "1", "3"], (1, 0, 0))?;
    tells(0, &["mkfifo", "--json", &at("/a/pipe")], (1, 0, 0))?;
    tells(0, &["ln", "--json", &at("/a/one"), &at("/a/three")], (1, 0, 0))?;
    tells(0, &["chmod", "--json", "-R", "u+w", &at("/a")], (8, 0, 0))?;
    tells(0, &["chown", "--json", "-R", "1:2", &at("/a")], (8, 0, 0))?;
    tells(0, &["chflags", "--json", "nodump", &at("/a/one")], (1, 0, 0))?;
    tells(0, &["truncate", "--json", "-s", "5K", &at("/a/one")], (1, 0, 0))?;
    tells(0, &["write", "--json", &at("/a/one")], (1, 0, 0))?;
    tells(0, &["rmdir", "--json", &at("/e")], (1, 0, 0))?;
    tells(0, &["rm", "--json", "--dry-run", "-r", &at("/a")], (8, 0, 0))?;
    tells(0, &["rm", "--json", "-r", &at("/a")], (8, 0, 0))
}

/// What ends a command early is an error that is counted; a usage that is none prints nothing.
pub fn early_ends() -> Check {
    let scratch = Scratch::new("early")?;
    let (image, file) = (scratch.path("image"), scratch.path("file"));
    let (image, file) = (text(&image)?, text(&file)?);
    let missing = object(3, &["rm", "--json", &format!("{image}:/x")])?;
    let expected =
        json!({"dry_run": false, "files": 0, "bytes": 0, "losses": {}, "errors": 1, "complete": false});
    ensure(missing == expected, || missing.to_string())?;
    run_to(0, &["mkfs", "ext4", image, "--size", "4M"])?;
    context(fs::write(file, vec![1; 8 << 20]), "file")?;
    let full = object(1, &["cp", "--json", file, &format!("{image}:/")])?;
    ensure(full["complete"] == false && full["errors"].as_u64() > Some(0), || full.to_string())?;
    for arguments in [
        &["tar", "--json", "-c", image][..],
        &["sum", "--json", "--manifest", image],
        &["cp", "--json", "-v", file, image],
    ] {
        let finished = run_to(2, arguments)?;
        ensure(finished.stdout.is_empty(), || arguments.join(" "))?;
    }
    Ok(())
}

pub fn differences() -> Check {
    let scratch = Scratch::new("differences")?;
    let image = scratch.path("image");
    let image = text(&image)?;
    let (one, other) = (scratch.path("one"), scratch.path("other"));
    for (tree, content, target) in [(&one, "1", "x"), (&other, "2", "y")] {
        context(fs::create_dir_all(tree.join("d")), "tree")?;
        for (name, text) in [("same", "same"), ("d/text", content)] {
            context(fs::write(tree.join(name), text), name)?;
        }
        context(std::os::unix::fs::symlink(target, tree.join("link")), "link")?;
        context(fs::write(tree.join(format!("only {content}")), ""), "file")?;
    }
    context(fs::create_dir(one.join("kind")), "directory")?;
    context(fs::write(other.join("kind"), ""), "file")?;
    run_to(0, &["mkfs", "ext4", image, "--size", "8M", "--from", text(&one)?])?;
    run_to(0, &["rmdir", &format!("{image}:/lost+found")])?;
    let (place, other) = (format!("{image}:/"), text(&other)?);
    let found = run_to(1, &["diff", "-r", "--json", &place, other])?;
    let found: Value = context(serde_json::from_slice(&found.stdout), "diff")?;
    let expected = json!([
        {"path": "./d/text", "difference": "content"},
        {"path": "./kind", "difference": "type", "one": "directory", "other": "regular empty file"},
        {"path": "./link", "difference": "target", "one": "x", "other": "y"},
        {"path": "./only 1", "difference": "only_in_one"},
        {"path": "./only 2", "difference": "only_in_other"},
    ]);
    ensure(found == expected, || found.to_string())?;
    let lines = run_to(1, &["diff", "-r", "--jsonl", &place, other])?;
    ensure(String::from_utf8_lossy(&lines.stdout).lines().count() == 5, || "--jsonl".into())?;
    let same = run_to(0, &["diff", "-r", "--json", &place, text(&one)?])?;
    ensure(same.stdout == b"[]\n", || "what is the same has no records".into())
}
