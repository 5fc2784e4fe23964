//! Images in a store that nobody here wrote: moto's S3, which checks signatures by what AWS publishes for Python.
#![forbid(unsafe_code)]

use interop::image::{Image, Scratch};
use interop::program::{lacks, run_ok, run_within};
use interop::server::{Server, free_port};
use interop::suite::Suite;
use interop::{Check, context, text};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// What a request is for, which moto finds here alone. The signature is none, and not looked at before it asks for signatures.
fn scope(service: &str) -> String {
    let credential = format!("x/20260101/us-east-1/{service}/aws4_request");
    format!("Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=x")
}

fn main() {
    let mut suite = Suite::default();
    let lacking = lacks(&["moto_server", "curl", "mke2fs", "qemu-img"]);
    suite.add("objects_are_seen_as_files_are_in_few_requests", lacking, seen);
    suite.add("objects_that_are_not_there_or_not_allowed_say_so", lacking, refused);
    suite.add("objects_are_asked_for_with_signatures", lacking, signed);
    suite.add("an_object_that_changes_or_a_store_that_dies_is_eio", lacking, lost);
    suite.run();
}

/// A store, with the bucket `box`.
struct Store {
    endpoint: String,
    log: PathBuf,
    server: Server,
}

impl Store {
    /// Starts one that lets everybody do so many things, and then asks for signatures.
    fn start(scratch: &Scratch, unsigned: Option<u32>) -> Check<Self> {
        let (port, log) = (free_port()?, scratch.path("log"));
        let mut command = Command::new("sh");
        command.args(["-c", "exec moto_server -H 127.0.0.1 -p $0 2>$1"]).arg(port.to_string()).arg(&log);
        if let Some(count) = unsigned {
            command.env("INITIAL_NO_AUTH_ACTION_COUNT", count.to_string());
        }
        let server = Server::at_port(&mut command, port)?;
        let store = Self { endpoint: format!("http://127.0.0.1:{port}"), log, server };
        run_ok("curl", &["-sSf", "-X", "PUT", &format!("{}/box", store.endpoint)])?;
        Ok(store)
    }

    fn put(&self, name: &str, file: &str, options: &[&str]) -> Check {
        let url = format!("{}/box/{name}", self.endpoint);
        run_ok("curl", &[&["-sSf", "-H", &scope("s3"), "-T", file, &url], options].concat()).map(drop)
    }

    fn command(&self, words: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rump"));
        command.env("AWS_ENDPOINT", &self.endpoint).env("AWS_ALLOW_HTTP", "true");
        command.envs([("AWS_ACCESS_KEY_ID", "me"), ("AWS_SECRET_ACCESS_KEY", "hidden")]);
        command.envs(variables.iter().copied()).args(words);
        command
    }

    /// Ends once `rump` ended with this status; answers what it printed, to both.
    fn rump(&self, words: &[&str], variables: &[(&str, &str)], status: i32) -> Check<String> {
        let finished = run_within(&mut self.command(words, variables), LIMIT)?;
        let told = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
        if finished.status == Some(status) && !told.contains("hidden") {
            return Ok(told);
        }
        Err(format!("rump {}: {}\n{told}", words.join(" "), finished.verdict()))
    }

    /// How many requests came for an object.
    fn requests(&self, name: &str) -> Check<usize> {
        let log = context(fs::read_to_string(&self.log), "log")?;
        Ok(log.lines().filter(|line| line.contains(&format!("GET /box/{name} "))).count())
    }
}

fn contains(told: &str, wanted: &str) -> Check {
    if told.contains(wanted) { Ok(()) } else { Err(format!("no {wanted:?} in\n{told}")) }
}

/// An ext4 with some files, of which one is of 8 MiB.
fn disk(scratch: &Scratch) -> Check<Image> {
    let tree = scratch.path("tree");
    context(fs::create_dir_all(tree.join("folder")), "tree")?;
    for number in 0..40_usize {
        let content = vec![b'a' + number as u8 % 26; number * 777];
        context(fs::write(tree.join(format!("folder/{number}")), content), "tree")?;
    }
    let large: Vec<u8> = (0..8_u32 << 20).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
    context(fs::write(tree.join("large"), large), "tree")?;
    Image::make("objects", 64, &["-t", "ext4"], Some(&tree))
}

fn seen() -> Check {
    let scratch = Scratch::new("seen")?;
    let image = disk(&scratch)?;
    let raw = text(&image.path());
    let [below, above] = ["below", "above"].map(|name| text(&scratch.path(name)));
    run_ok("qemu-img", &["convert", "-O", "qcow2", "-c", &raw, &below])?;
    run_ok("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "below", &above])?;
    let store = Store::start(&scratch, None)?;
    store.rump(&["chmod", "600", &format!("{above}:/folder/7")], &[], 0)?;
    for (name, file) in [("disk", &raw), ("below", &below), ("above", &above)] {
        store.put(name, file, &[])?;
    }
    let listed = store.rump(&["ls", "-l", "s3://box/disk:/"], &[], 0)?;
    contains(&listed, "large")?;
    let asked = store.requests("disk")?;
    if !(1..=12).contains(&asked) {
        return Err(format!("ls: {asked} requests"));
    }
    // Of 8 MiB: a run doubles up to 4 MiB.
    store.rump(&["sum", "s3://box/disk:/large"], &[], 0)?;
    let asked = store.requests("disk")? - asked;
    if asked > 20 {
        return Err(format!("sum: {asked} requests"));
    }
    for (file, url) in [(&raw, "s3://box/disk"), (&above, "s3a://box/above")] {
        for words in [["ls", "-laR"], ["sum", "--"], ["info", "--"]] {
            let of = |place: &str| {
                let root = if words[0] == "info" { place.to_owned() } else { format!("{place}:/") };
                store.rump(&[words[0], words[1], &root], &[], 0).map(|told| told.replace(place, "IMAGE"))
            };
            let (here, there) = (of(file)?, of(url)?);
            if here != there {
                return Err(format!("rump {}: {here}\n{url}:\n{there}", words[0]));
            }
        }
    }
    contains(&store.rump(&["info", "s3://box/above"], &[], 0)?, "backing below: qcow2")
}

fn refused() -> Check {
    let scratch = Scratch::new("refused")?;
    let image = disk(&scratch)?;
    let store = Store::start(&scratch, None)?;
    let raw = text(&image.path());
    store.put("disk", &raw, &[])?;
    store.put("open", &raw, &["-H", "x-amz-acl: public-read"])?;
    let public = [("AWS_SKIP_SIGNATURE", "true"), ("AWS_ACCESS_KEY_ID", "")];
    contains(&store.rump(&["ls", "s3://box/open:/"], &public, 0)?, "folder")?;
    for (url, variables, why) in [
        ("s3://box/disk", &public[..], "the server answers 403 Forbidden"),
        ("s3://box/nothing", &[], "the server answers 404 Not Found: NoSuchKey: "),
        ("s3://other/disk", &[], "the server answers 404 Not Found: NoSuchBucket: "),
        ("s3://box/disk", &[("AWS_ALLOW_HTTP", "false")], "AWS_ALLOW_HTTP=true"),
        ("s3://box/disk", &[("AWS_ENDPOINT", "http://127.0.0.1:1")], "connection refused"),
    ] {
        let told = store.rump(&["ls", &format!("{url}:/")], variables, 3)?;
        contains(&told, &format!("rump: {url}"))?;
        contains(&told, why)?;
        if told.trim_end().lines().count() != 1 {
            return Err(format!("more than a line: {told}"));
        }
    }
    contains(&store.rump(&["mkdir", "s3://box/disk:/new"], &[], 3)?, "an object in a store is only read")
}

/// The text of an element of XML.
fn element(document: &str, name: &str) -> Check<String> {
    let found = document.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
    found.map(|(text, _)| text.to_owned()).ok_or_else(|| format!("no {name} in {document}"))
}

fn signed() -> Check {
    let scratch = Scratch::new("signed")?;
    let image = disk(&scratch)?;
    // A bucket, an object, and a user with a key, in three steps.
    let store = Store::start(&scratch, Some(5))?;
    store.put("a%20key/of", &text(&image.path()), &[])?;
    let scope = scope("iam");
    let policy =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let policy = format!("PolicyDocument={policy}");
    let ask = |action: &str, more: &[&str]| {
        let action = format!("Action={action}&Version=2010-05-08&UserName=me");
        let words = ["-sSf", "-H", &scope, "-d", &action];
        run_ok("curl", &[&words[..], more, &[&*store.endpoint]].concat())
    };
    ask("CreateUser", &[])?;
    ask("PutUserPolicy", &["-d", "PolicyName=all", "--data-urlencode", &policy])?;
    let key = ask("CreateAccessKey", &[])?;
    let (id, secret) = (element(&key, "AccessKeyId")?, element(&key, "SecretAccessKey")?);
    let address = "s3://box/a%20key/of:/";
    let keys = [("AWS_ACCESS_KEY_ID", &*id), ("AWS_SECRET_ACCESS_KEY", &*secret)];
    contains(&store.rump(&["ls", address], &keys, 0)?, "folder")?;
    contains(&store.rump(&["ls", address], &keys[..1], 3)?, "403 Forbidden: SignatureDoesNotMatch: ")?;
    contains(&store.rump(&["ls", address], &[], 3)?, "403 Forbidden: InvalidAccessKeyId: ")
}

/// A shell stays open while what it is in goes away.
fn lost() -> Check {
    let scratch = Scratch::new("lost")?;
    let image = disk(&scratch)?;
    let mut store = Store::start(&scratch, None)?;
    for (name, why) in [("changed", "the object was changed at the server"), ("dies", "connection refused")] {
        store.put(name, &text(&image.path()), &[])?;
        let mut command = store.command(&["sh", &format!("s3://box/{name}")], &[]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = context(command.spawn(), "rump sh")?;
        let (Some(mut input), Some(output)) = (shell.stdin.take(), shell.stdout.take()) else {
            return Err("no pipes".into());
        };
        context(input.write_all(b"ls\n"), "rump sh")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        while !line.contains("large") {
            line.clear();
            if context(output.read_line(&mut line), "rump sh")? == 0 {
                return Err(format!("{name}: rump sh ended"));
            }
        }
        if name == "dies" {
            store.server.kill();
        } else {
            context(fs::write(scratch.path("other"), "no image"), "other")?;
            store.put(name, &text(&scratch.path("other")), &[])?;
        }
        context(input.write_all(b"sum large\n"), "rump sh")?;
        drop(input);
        let mut rest = String::new();
        context(output.read_to_string(&mut rest), "rump sh")?;
        let ended = context(shell.wait_with_output(), "rump sh")?;
        let told = String::from_utf8_lossy(&ended.stderr);
        contains(&told, why)?;
        if ended.status.success() || ended.status.code().is_none() {
            return Err(format!("{name}: {}: {told}", ended.status));
        }
    }
    Ok(())
}
