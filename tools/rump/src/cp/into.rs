//! `rump cp` with a target in an image.

use super::Args;
use crate::change::Change;
use crate::mode::umask;
use crate::output::Output;
use crate::owner::Owner;
use crate::put::{
    Carry, Existing, Facts, Input, Keep, Losses, Rules, Sink, Target, copy_host, copy_image, origin,
    origin_of_host,
};
use crate::session::{Failure, Place, Session};
use crate::walk::file_name;
use rumpkit::{DevNumber, FileType, TimeSpec};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

enum Source<'s> {
    Host(&'s [u8]),
    Image(Place),
    Input,
}

impl<'s> Source<'s> {
    fn find(word: &'s OsString, session: &mut Session) -> Result<Self, Failure> {
        if word == "-" {
            return Ok(Self::Input);
        }
        if session.is_address(word) {
            return session.place(word).map(Self::Image);
        }
        Ok(Self::Host(word.as_bytes()))
    }

    fn name(&self) -> &[u8] {
        match self {
            Self::Host(path) => file_name(path),
            Self::Image(place) => file_name(&place.path),
            Self::Input => b"",
        }
    }

    fn origin(&self) -> Vec<u8> {
        match self {
            Self::Host(path) => origin_of_host(path),
            Self::Image(place) => origin(place),
            Self::Input => Vec::new(),
        }
    }
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let mut change = Change::new(session, output, &args.trial);
    // For writing, before a source in the same image is opened.
    let place = change.place(&args.target)?;
    let sources = args.addresses.iter().map(|word| Source::find(word, change.session));
    let sources = sources.collect::<Result<Vec<_>, _>>()?;
    let owner = args.owner.as_ref().map(|text| Owner::resolve(text, &place)).transpose()?;
    let keep = if args.archive || args.preserve { Keep::All } else { Keep::Usual };
    let recursive = args.recursive || args.archive;
    let rules = Rules { keep, owner, existing: args.existing(), recursive, follow: args.follow() };
    let mut sink = Sink::new(&mut change, &place, rules);
    sink.jobs = args.jobs();
    sink.losses = Some(Losses::new(if args.strict { Carry::Strict } else { Carry::Report }));
    let mut taken = std::collections::HashSet::new();
    for source in &sources {
        let target = Target::find(&place, source.name(), &source.origin(), sources.len() > 1)?;
        if target.name.is_some() && !taken.insert(target.path.clone()) {
            sink.count_failure();
            sink.change.session.report(&place, &target.path, &"an earlier source was copied to this name");
            continue;
        }
        match source {
            Source::Host(path) => copy_host(&mut sink, path, target)?,
            Source::Image(from) => copy_image(&mut sink, from, target)?,
            Source::Input => copy_input(&mut sink, target)?,
        }
    }
    sink.finish();
    Ok(())
}

/// Copies standard input to a file.
fn copy_input(sink: &mut Sink<'_, '_>, target: Target) -> Result<(), Failure> {
    if target.name.is_none() {
        return Err(Failure::Usage("cp: standard input needs the name of a file to be copied to".into()));
    }
    sink.begin(target, b"")?;
    let existing = sink.rules.existing;
    if existing == Existing::Compare {
        // What it will hold cannot be known before.
        sink.rules.existing = Existing::Replace;
    }
    let input = std::io::stdin();
    let mut content = Input::new(&input, 0, sink.change.session.stop.clone());
    let copied = sink.file(&facts_of_input(), b"", &mut content);
    sink.rules.existing = existing;
    match copied {
        Ok(()) => {
            sink.change.session.progress.add_file();
            Ok(())
        }
        Err(trouble) => {
            sink.fail(trouble, b"", |change, why| change.session.report_host(b"standard input", &why))
        }
    }
}

fn facts_of_input() -> Facts {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = TimeSpec { sec: now.as_secs() as i64, nsec: now.subsec_nanos() };
    Facts {
        identity: (0, 0),
        nlink: 1,
        file_type: FileType::Regular,
        mode: 0o666 & !umask(),
        uid: 0,
        gid: 0,
        size: 0,
        rdev: DevNumber::default(),
        atime: now,
        mtime: now,
        target: None,
        xattrs: Vec::new(),
    }
}
